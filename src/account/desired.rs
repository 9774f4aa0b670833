//! What should exist in a target.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What should be true of one account. Kept with the account, with a version; a new desire overwrites the old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Desired {
    /// The account exists, may be used, and looks like this.
    Active(Profile),
    /// The account, if it exists, may not be used.
    Disabled,
}

/// What an active account looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The name to sign in with, unique in the target.
    pub user_name: String,
    /// What people call them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Their e-mail address, verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Groups they are in.
    #[serde(default)]
    pub groups: BTreeSet<String>,
    /// Groups that we once gave and that they may no longer be in. Groups in neither set are not ours to touch.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub withdrawn: BTreeSet<String>,
    /// Further attributes by their name in the target's words (for SCIM: `title`, `name.givenName`,
    /// `urn:...:User:department`). Attributes not named here are not ours to touch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}
