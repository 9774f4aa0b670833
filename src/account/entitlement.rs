//! What an account may do in a target, by the target's own names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A group that an account is in, or a role that the target gives it. The two have names of their own each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", from = "Written")]
pub enum Entitlement {
    /// Membership of a group.
    Group(String),
    /// A role of the target itself, such as `admin`.
    Role(String),
}

/// How entitlements are read: a bare name is a group, as earlier versions wrote it.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    Bare(String),
    Group { group: String },
    Role { role: String },
}

impl From<Written> for Entitlement {
    fn from(written: Written) -> Self {
        match written {
            Written::Bare(group) | Written::Group { group } => Self::Group(group),
            Written::Role { role } => Self::Role(role),
        }
    }
}

impl Entitlement {
    /// Groups of these names.
    #[cfg(test)]
    pub(crate) fn groups(names: &[&str]) -> std::collections::BTreeSet<Self> {
        names.iter().map(|name| Self::Group((*name).to_owned())).collect()
    }

    /// Its name in the target.
    pub fn name(&self) -> &str {
        match self {
            Self::Group(name) | Self::Role(name) => name,
        }
    }

    /// The name, if it is a group's.
    pub fn as_group(&self) -> Option<&str> {
        if let Self::Group(name) = self { Some(name) } else { None }
    }

    /// The name, if it is a role's.
    pub fn as_role(&self) -> Option<&str> {
        if let Self::Role(name) = self { Some(name) } else { None }
    }
}

impl fmt::Display for Entitlement {
    /// `group readers`, `role admin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group {name}"),
            Self::Role(name) => write!(f, "role {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written_and_as_it_once_was() {
        let (group, role) = (Entitlement::Group("readers".into()), Entitlement::Role("admin".into()));
        for (entitlement, text) in [(&group, r#"{"group":"readers"}"#), (&role, r#"{"role":"admin"}"#)] {
            assert_eq!(serde_json::to_string(entitlement).unwrap(), text);
            assert_eq!(&serde_json::from_str::<Entitlement>(text).unwrap(), entitlement);
        }
        assert_eq!(serde_json::from_str::<Entitlement>(r#""readers""#).unwrap(), group);
        assert!(serde_json::from_str::<Entitlement>(r#"{"admin":"x"}"#).is_err());
    }
}
