//! guestpass lets a person in on the word of their identity provider, makes the accounts they need downstream,
//! and takes those accounts away when their time is up.
//!
//! The rooms, in reading order; `ARCHITECTURE.md` is the map. Imports go down the stairs only, and
//! `tests/it/house.rs` keeps it so.

// In the walls: anyone may use them, they use no one.
pub mod clock;
pub mod names;
pub mod page;

// Ground floor: facts. No IO, no async, time is an argument.
pub mod account;
pub mod identity;

// First floor: memory.
pub mod store;

// Second floor: decisions.
pub mod session;

// Third floor: doors, strangers to one another.
pub mod provision;
