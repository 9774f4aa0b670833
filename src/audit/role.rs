//! What an operator may do who is not at the machine itself.

use crate::names::RoleName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What an operator may do from afar. Each may do all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorRole {
    /// Sees everything, and changes nothing.
    Auditor,
    /// Helps people on: ends sessions, has accounts tried again, says which of those that were found are whose. Gives and
    /// takes no access.
    Helpdesk,
    /// Everything.
    Admin,
}

/// A text that names no such role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no role of operators: auditor, helpdesk, admin")]
pub struct NotARole(String);

impl OperatorRole {
    /// The app that we are ourselves, as policies name it: `gets: { guestpass: {} }`.
    pub const APP: &str = "guestpass";

    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Auditor, Self::Helpdesk, Self::Admin];

    /// What a role of the policy that opens [`OperatorRole::APP`] is for: that of `guestpass.admin` is `admin`.
    pub fn of_policy(role: &RoleName) -> Option<Self> {
        role.as_str().strip_prefix(Self::APP)?.strip_prefix('.')?.parse().ok()
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Helpdesk => "helpdesk",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for OperatorRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OperatorRole {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| NotARole(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_name_and_each_may_more_than_those_before() {
        for role in OperatorRole::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!(OperatorRole::ALL.is_sorted());
        let of = |role: &str| OperatorRole::of_policy(&role.parse().unwrap());
        assert_eq!(of("guestpass.admin"), Some(OperatorRole::Admin));
        for other in ["admin", "guestpass", "guestpassadmin", "guestpass.root", "guestpass..admin"] {
            assert_eq!(of(other), None, "{other}");
        }
        assert!("root".parse::<OperatorRole>().is_err() && "".parse::<OperatorRole>().is_err());
    }
}
