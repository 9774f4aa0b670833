//! What somebody should have, and the next step towards it: users, grants, desired accounts and steps as values.
//! Nothing here reads a clock, a store or a target.

mod change;
mod desired;
mod end;
mod entitlement;
mod grant;
mod hours;
mod limits;
mod opening;
mod step;
mod strength;
mod terms;

pub use change::{Change, changes, learn};
pub use desired::{Bearer, Closing, Desired, Profile};
pub use end::{Because, End};
pub use entitlement::Entitlement;
pub use grant::Grant;
pub use hours::{NotAZone, Zone};
pub use limits::{Circumstances, Limit, Limits, judge_all};
pub use opening::Opening;
pub use step::{Actual, Candidate, Expiry, Seen, Step, all_steps, next_step};
pub use strength::Strength;
pub use terms::{Renew, Terms};
