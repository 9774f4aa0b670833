//! What somebody should have, and the next step towards it: users, grants, desired accounts and steps as values.
//! Nothing here reads a clock, a store or a target.

mod change;
mod desired;
mod grant;
mod step;

pub use change::{Change, changes, learn};
pub use desired::{Bearer, Desired, Profile};
pub use grant::{Because, End, Grant, Terms};
pub use step::{Actual, Seen, Step, next_step};
