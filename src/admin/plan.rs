//! An operator asks what the files as they are now would do.

use super::route::{Answer, Call};
use super::{Wish, wish};
use crate::document::Mistakes;
use crate::lifecycle::Error;
use crate::lifecycle::compare::Comparison;
use crate::names::TargetName;
use schemars::JsonSchema;
use serde::Serialize;

/// What the files as they are now would do if they came to hold.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Planned {
    /// The policy in them, by its version; empty where they cannot be read.
    pub policy: String,
    /// What is wrong with them; where that is an error, they would do nothing.
    pub mistakes: Mistakes,
    /// The same for a person, as `guestpass check` tells it.
    pub report: String,
    /// What they would do to people.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// What they would have done to accounts at once.
    pub accounts: Vec<PlannedAccount>,
}

/// What would be done to one account.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlannedAccount {
    /// Whose, as `subject@provider`.
    pub person: String,
    /// Where it lives.
    pub target: TargetName,
    /// The calls that its target would get, if it is as it was last seen.
    pub calls: Vec<PlannedCall>,
}

/// A call that would change something.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlannedCall {
    /// The method.
    pub method: String,
    /// Below the target's base URL.
    pub path: String,
    /// What it changes, in words.
    pub what: String,
}

pub(super) async fn plan(call: Call) -> Answer<Planned> {
    let planned = wish(&call.deps.reloads, |answer| Wish::Plan { answer }).await?;
    Ok(planned.map_err(Error::Invalid)?)
}
