//! What is wrong with a policy, and what its author should know.
//!
//! An error would grant what nobody meant, or mean nothing at all; a warning is about a rule without effect; a note
//! is about what is right, but easily overlooked.

mod names;
mod sense;

pub(super) use names::names;
pub(super) use sense::sense;
