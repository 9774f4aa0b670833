//! Desired and actual, and the one step between them.

use super::desired::{Desired, Profile};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a fresh look at a target found under our external id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actual {
    /// Nothing of ours.
    Absent,
    /// An account that carries our external id.
    Present(Seen),
}

/// An account as it was seen in a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The target's own, immutable id.
    pub native_id: String,
    /// Whether it may be used.
    pub active: bool,
    /// The name to sign in with.
    pub user_name: String,
    /// What people call them.
    pub display_name: Option<String>,
    /// The primary e-mail address.
    pub email: Option<String>,
    /// All groups they are in, ours and others'.
    pub groups: BTreeSet<String>,
    /// The values of those attributes that the desired profile names; one that is unset is missing.
    pub attributes: BTreeMap<String, String>,
}

/// The next thing to do in a target. Every step says absolute values, so doing it twice is doing it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Create the account, carrying our external id, without groups.
    Create(Profile),
    /// Let it be used again.
    Enable {
        /// Which account.
        native_id: String,
    },
    /// Stop it from being used; keep its data.
    Disable {
        /// Which account.
        native_id: String,
    },
    /// Set what differs: name, display name, e-mail or attributes, never groups.
    Update {
        /// Which account.
        native_id: String,
        /// The whole profile; what it does not name stays as it is.
        profile: Profile,
    },
    /// Add it to a group.
    Join {
        /// Which account.
        native_id: String,
        /// The group's name.
        group: String,
    },
    /// Take it out of a group.
    Leave {
        /// Which account.
        native_id: String,
        /// The group's name.
        group: String,
    },
}

/// The next step from `actual` to `desired`; `None` when there is no difference left.
pub fn next_step(_desired: &Desired, _actual: &Actual) -> Option<Step> {
    None
}
