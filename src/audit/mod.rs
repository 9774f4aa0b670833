//! The record: who had what, when, why, and who did it.
//!
//! An entry has two halves. The leaf holds random ids, names of roles and apps, and a salted commitment to the
//! rest: it never changes, and the tree over all leaves has one root, by which whoever noted it proves the rest. Personal values lie beside it, sealed under a
//! key of that person's own; destroying the key forgets the person and leaves every leaf as it was.

mod event;
mod role;
mod tree;

pub use event::{Actor, Entry, Event, Leaf, commits_to};
pub use role::{NotARole, OperatorRole};
pub use tree::{Head, NotAHead, Tree};
