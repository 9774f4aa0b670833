//! A role in an app, until a moment.

use crate::names::{AppName, RoleName};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What policy gives for one role in one app, evaluated for one person at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The role.
    pub role: RoleName,
    /// The app that the role opens.
    pub app: AppName,
    /// Groups in the app's target.
    pub groups: BTreeSet<String>,
    /// Attributes of the account, by their name in the target's words, templates filled in.
    pub attributes: BTreeMap<String, String>,
    /// How long it lasts from when it was first granted; `None` as long as the provider confirms it.
    pub ttl: Option<SignedDuration>,
    /// The end that a claim gives, and the claim's name.
    pub until: Option<(Timestamp, String)>,
}

/// Why an end is when it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// The time that policy gives ran out.
    Ttl(SignedDuration),
    /// The claim of this name said so.
    Claim(String),
    /// The provider has not confirmed it for so long (`decisions.md`: nothing rests on old claims for ever).
    Lapse(SignedDuration),
    /// An operator set this end.
    Operator,
    /// Policy no longer gives the role.
    Policy,
}
