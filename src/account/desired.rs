//! What should exist in a target.

use super::entitlement::Entitlement;
use super::grant::Grant;
use super::step::Actual;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What should be true of one account. Kept with the account, with a version; a new desire overwrites the old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Desired {
    /// The account exists, may be used, and looks like this.
    Active(Profile),
    /// The account, if it exists, may not be used.
    Disabled(Closing),
    /// There is no account. Only of one that we made, and only once its time after the end is over.
    Absent,
}

/// What becomes of what belongs to an account that is closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Closing {
    /// Who takes over the work, by their name in the target, as policy said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heir: Option<String>,
}

/// What an active account looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// The name to sign in with, unique in the target.
    pub user_name: String,
    /// What people call them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Their e-mail address, verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What they may do.
    #[serde(default, alias = "groups")]
    pub entitlements: BTreeSet<Entitlement>,
    /// What we once gave and they may no longer have. What is in neither set is not ours to touch.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub withdrawn: BTreeSet<Entitlement>,
    /// Further attributes by their name in the target's words (for SCIM: `title`, `name.givenName`,
    /// `urn:...:User:department`). Attributes not named here are not ours to touch.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// When the target may close the account by itself, where it can: never before access ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
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
    /// What should be in a target for `bearer`, who holds `grants` there now and was ever `given` these entitlements.
    /// `closing` is what becomes of the account otherwise.
    ///
    /// Without grants the account is disabled. So it is where two of them set one attribute differently: nobody can
    /// say which is right, and an error denies.
    pub fn for_grants(
        bearer: &Bearer,
        grants: &[&Grant],
        given: &BTreeSet<Entitlement>,
        closing: Closing,
    ) -> Self {
        let mut attributes = BTreeMap::new();
        for (name, value) in grants.iter().flat_map(|grant| &grant.terms.attributes) {
            if attributes.insert(name.clone(), value.clone()).is_some_and(|other| other != *value) {
                return Self::Disabled(closing);
            }
        }
        if grants.is_empty() {
            return Self::Disabled(closing);
        }
        let entitlements: BTreeSet<_> = grants.iter().flat_map(|grant| grant.terms.entitlements()).collect();
        Self::Active(Profile {
            user_name: bearer.user_name.clone(),
            display_name: bearer.display_name.clone(),
            email: bearer.email.clone(),
            withdrawn: given - &entitlements,
            entitlements,
            attributes,
            expires: grants.iter().map(|grant| grant.second_lock()).max(),
        })
    }

    /// That an account is disabled, and nothing besides.
    pub fn closed() -> Self {
        Self::Disabled(Closing::default())
    }

    /// What of it is wanted of an account that was there before us, and is as it was `seen`: it keeps its own name and
    /// address, and is never deleted.
    pub fn of_adopted(&self, seen: &Actual) -> Self {
        match (self, seen) {
            (Self::Absent, _) => Self::closed(),
            (Self::Active(profile), Actual::Present(seen)) => Self::Active(Profile {
                user_name: seen.user_name.clone(),
                display_name: None,
                email: None,
                ..profile.clone()
            }),
            _ => self.clone(),
        }
    }

    /// What it gives.
    pub fn entitlements(&self) -> &BTreeSet<Entitlement> {
        static NONE: BTreeSet<Entitlement> = BTreeSet::new();
        match self {
            Self::Active(profile) => &profile.entitlements,
            Self::Disabled(_) | Self::Absent => &NONE,
        }
    }

    /// Whether it takes nothing away from `before`.
    pub fn only_adds_to(&self, before: &Self) -> bool {
        match (before, self) {
            (Self::Active(before), Self::Active(after)) => before.entitlements.is_subset(&after.entitlements),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Terms;
    use super::*;
    use crate::names::IdentityId;
    use jiff::SignedDuration;

    fn now() -> Timestamp {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    fn grant(groups: &[&str], title: &str, ttl: Option<SignedDuration>) -> Grant {
        let terms = Terms {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            roles: [format!("{title}s")].into(),
            attributes: BTreeMap::from([("title".to_owned(), title.to_owned())]),
            ttl,
            ..Terms::plain("editor".parse().unwrap(), "wiki".parse().unwrap())
        };
        Grant::first(IdentityId::random(), terms, now(), SignedDuration::from_hours(24 * 30)).unwrap()
    }

    fn desired(grants: &[&Grant], given: &BTreeSet<Entitlement>) -> Desired {
        Desired::for_grants(&Bearer::default(), grants, given, Closing::default())
    }

    #[test]
    fn roles_add_up_and_what_is_gone_is_withdrawn() {
        let (reader, editor) = (grant(&["readers"], "Guest", None), grant(&["editors"], "Guest", None));
        let Desired::Active(profile) =
            desired(&[&reader, &editor], &Entitlement::groups(&["admins", "readers"]))
        else {
            panic!("not active");
        };
        let role = BTreeSet::from([Entitlement::Role("Guests".to_owned())]);
        assert_eq!(profile.entitlements, &Entitlement::groups(&["editors", "readers"]) | &role);
        assert_eq!(profile.withdrawn, Entitlement::groups(&["admins"]));
    }

    #[test]
    fn no_role_or_a_contradiction_disables() {
        let none = BTreeSet::new();
        assert_eq!(desired(&[], &none), Desired::closed());
        let (guest, staff) = (grant(&[], "Guest", None), grant(&[], "Staff", None));
        assert_eq!(desired(&[&guest, &staff], &none), Desired::closed());
    }

    #[test]
    fn the_second_lock_is_the_last_end_and_moves_by_days_where_the_end_does() {
        let expires = |grants: &[&Grant]| match desired(grants, &BTreeSet::new()) {
            Desired::Active(profile) => profile.expires.unwrap().to_string(),
            other => panic!("{other:?}"),
        };
        let hour = grant(&[], "Guest", Some(SignedDuration::from_hours(1)));
        assert_eq!(expires(&[&hour]), "2026-03-02T10:00:00Z");
        // Confirmed at each sign-in, and so it moves: the end of the day on which it would lapse.
        let lapses = grant(&[], "Guest", None);
        assert_eq!(expires(&[&hour, &lapses]), "2026-04-02T00:00:00Z");
    }
}
