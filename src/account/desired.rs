//! What should exist in a target.

use super::terms::Terms;
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

/// What a person brings to every account of theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bearer {
    /// The name to sign in with.
    pub user_name: String,
    /// What people call them.
    pub display_name: Option<String>,
    /// Their e-mail address, verified.
    pub email: Option<String>,
}

impl Desired {
    /// What should be in a target for `bearer`, who holds `terms` there now and was ever `given` these groups.
    ///
    /// Without terms the account is disabled. So it is where two terms set one attribute differently: nobody can
    /// say which is right, and an error denies.
    pub fn for_terms(bearer: &Bearer, terms: &[&Terms], given: &BTreeSet<String>) -> Self {
        let mut attributes = BTreeMap::new();
        for (name, value) in terms.iter().flat_map(|terms| &terms.attributes) {
            if attributes.insert(name.clone(), value.clone()).is_some_and(|other| other != *value) {
                return Self::Disabled;
            }
        }
        if terms.is_empty() {
            return Self::Disabled;
        }
        let groups: BTreeSet<String> = terms.iter().flat_map(|terms| terms.groups.iter().cloned()).collect();
        Self::Active(Profile {
            user_name: bearer.user_name.clone(),
            display_name: bearer.display_name.clone(),
            email: bearer.email.clone(),
            withdrawn: given - &groups,
            groups,
            attributes,
        })
    }

    /// The groups that it gives.
    pub fn groups(&self) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        match self {
            Self::Active(profile) => &profile.groups,
            Self::Disabled => &NONE,
        }
    }

    /// Whether it takes nothing away from `before`.
    pub fn only_adds_to(&self, before: &Self) -> bool {
        match (before, self) {
            (Self::Active(before), Self::Active(after)) => before.groups.is_subset(&after.groups),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(groups: &[&str], title: &str) -> Terms {
        Terms {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            attributes: BTreeMap::from([("title".to_owned(), title.to_owned())]),
            ..Terms::plain("editor".parse().unwrap(), "wiki".parse().unwrap())
        }
    }

    #[test]
    fn roles_add_up_and_what_is_gone_is_withdrawn() {
        let given = BTreeSet::from(["admins".to_owned(), "readers".to_owned()]);
        let (reader, editor) = (terms(&["readers"], "Guest"), terms(&["editors"], "Guest"));
        let Desired::Active(profile) = Desired::for_terms(&Bearer::default(), &[&reader, &editor], &given)
        else {
            panic!("not active");
        };
        assert_eq!(profile.groups, BTreeSet::from(["editors".to_owned(), "readers".to_owned()]));
        assert_eq!(profile.withdrawn, BTreeSet::from(["admins".to_owned()]));
    }

    #[test]
    fn no_role_or_a_contradiction_disables() {
        assert_eq!(Desired::for_terms(&Bearer::default(), &[], &BTreeSet::new()), Desired::Disabled);
        let (guest, staff) = (terms(&[], "Guest"), terms(&[], "Staff"));
        assert_eq!(
            Desired::for_terms(&Bearer::default(), &[&guest, &staff], &BTreeSet::new()),
            Desired::Disabled
        );
    }
}
