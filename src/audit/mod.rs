//! The record: who had what, when, why, and who did it.
//!
//! An entry has two halves. The leaf holds random ids, names of roles and apps, and a salted commitment to the
//! rest: it never changes and is what a proof will be built over. Personal values lie beside it, sealed under a
//! key of that person's own; destroying the key forgets the person and leaves every leaf as it was.

mod event;
mod role;

pub use event::{Actor, Entry, Event, Leaf};
pub use role::{NotARole, OperatorRole};
