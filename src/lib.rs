//! guestpass lets a person in on the word of their identity provider, makes the accounts they need downstream,
//! and takes those accounts away when their time is up.
//!
//! The rooms, in reading order; `ARCHITECTURE.md` is the map. Imports go down the stairs only, and
//! `tests/it/house.rs` keeps it so.

// In the walls: anyone may use them, they use no one.
pub mod causes;
pub mod certificate;
pub mod clock;
pub mod document;
pub mod host;
pub mod loopback;
pub mod metrics;
pub mod names;
pub mod page;
pub mod percent;
pub mod reach;
pub mod seal;
pub mod size;
pub mod socket;
pub mod span;
pub mod telemetry;
pub mod trace;

// Ground floor: facts. No IO, no async, time is an argument.
pub mod account;
pub mod audit;
pub mod identity;
pub mod policy;

// First floor: memory.
pub mod issuer;
pub mod store;

// Second floor: decisions.
pub mod bearer;
pub mod lifecycle;
pub mod session;

// Third floor: doors, strangers to one another.
pub mod admin;
pub mod gateway;
pub mod oidc;
pub mod operations;
pub mod portal;
pub mod provision;
pub mod signals;

// Roof: assembly.
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
