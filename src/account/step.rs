//! Desired and actual, and the one step between them.

use super::desired::{Desired, Profile};
use super::entitlement::Entitlement;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a fresh look at a target found under our external id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Actual {
    /// Nothing of ours.
    Absent,
    /// An account that carries our external id.
    Present(Seen),
}

/// An account as it was seen in a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// What they may do: at least as much of it as the desired profile names, maybe others' too.
    #[serde(default, alias = "groups")]
    pub entitlements: BTreeSet<Entitlement>,
    /// The values of those attributes that the desired profile names; one that is unset is missing.
    pub attributes: BTreeMap<String, String>,
    /// When the target closes it by itself.
    #[serde(default, skip_serializing_if = "Expiry::is_not_kept")]
    pub expires: Expiry,
}

/// An account that somebody else made and that may be the person's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The target's own, immutable id.
    pub native_id: String,
    /// The name to sign in with.
    pub user_name: String,
    /// The primary e-mail address.
    pub email: Option<String>,
    /// Whether it may be used.
    pub active: bool,
    /// The external id that it carries already, whosesoever that is.
    pub external_id: Option<String>,
}

/// When a target closes an account by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// It cannot.
    #[default]
    NotKept,
    /// Not by itself, though it could.
    Never,
    /// At this moment, or at the first that the target can say which is not before it.
    At(Timestamp),
}

/// The next thing to do in a target. Every step says absolute values, so doing it twice is doing it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Create the account, carrying our external id, usable but without entitlements.
    Create(Profile),
    /// Put our external id on an account that was there before us.
    Adopt {
        /// Which account.
        native_id: String,
    },
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
    /// End what of it is still signed in, and what could sign in by itself: sessions, tokens, keys.
    EndSessions {
        /// Which account.
        native_id: String,
    },
    /// Give the work of a closed account to somebody else.
    HandOver {
        /// Which account.
        native_id: String,
        /// Who takes it, by their name in the target.
        heir: String,
    },
    /// Remove it for good. Never one that we did not create.
    Delete {
        /// Which account.
        native_id: String,
    },
    /// Set what differs: name, display name, e-mail, attributes or expiry, never entitlements.
    Update {
        /// Which account.
        native_id: String,
        /// The whole profile; what it does not name stays as it is.
        profile: Profile,
    },
    /// Give it an entitlement.
    Give {
        /// Which account.
        native_id: String,
        /// What it may do from then on.
        entitlement: Entitlement,
    },
    /// Take an entitlement away.
    Take {
        /// Which account.
        native_id: String,
        /// What it may no longer do.
        entitlement: Entitlement,
    },
}

impl Expiry {
    fn is_not_kept(&self) -> bool {
        *self == Self::NotKept
    }

    /// Whether a target that has this keeps `wanted`.
    fn keeps(self, wanted: Option<Timestamp>) -> bool {
        match self {
            Self::NotKept => true,
            Self::Never => wanted.is_none(),
            Self::At(at) => wanted == Some(at),
        }
    }
}

/// The next step from `actual` to `desired`; `None` when there is no difference left.
///
/// Rights are taken before others are given, and an account is enabled last: it is never open with the rights of
/// the past.
pub fn next_step(desired: &Desired, actual: &Actual) -> Option<Step> {
    match (desired, actual) {
        (Desired::Disabled(_) | Desired::Absent, Actual::Absent) => None,
        (Desired::Disabled(_) | Desired::Absent, Actual::Present(seen)) if seen.active => {
            Some(Step::Disable { native_id: seen.native_id.clone() })
        }
        (Desired::Disabled(_), Actual::Present(_)) => None,
        (Desired::Absent, Actual::Present(seen)) => Some(Step::Delete { native_id: seen.native_id.clone() }),
        (Desired::Active(profile), Actual::Absent) => Some(Step::Create(profile.clone())),
        (Desired::Active(profile), Actual::Present(seen)) => towards(profile, seen),
    }
}

fn towards(profile: &Profile, seen: &Seen) -> Option<Step> {
    let native_id = seen.native_id.clone();
    let mut gone = profile.withdrawn.difference(&profile.entitlements);
    if let Some(entitlement) = gone.find(|gone| seen.entitlements.contains(*gone)) {
        return Some(Step::Take { native_id, entitlement: entitlement.clone() });
    }
    if !looks_like(seen, profile) {
        return Some(Step::Update { native_id, profile: profile.clone() });
    }
    if let Some(entitlement) = profile.entitlements.difference(&seen.entitlements).next() {
        return Some(Step::Give { native_id, entitlement: entitlement.clone() });
    }
    (!seen.active).then_some(Step::Enable { native_id })
}

/// Whether everything that `profile` names, entitlements aside, is as it says. Names and addresses are compared as
/// targets compare them, without case (RFC 7643, section 4.1.1); an attribute wanted empty may be unset.
fn looks_like(seen: &Seen, profile: &Profile) -> bool {
    let same = |wanted: &str, found: &str| wanted.to_lowercase() == found.to_lowercase();
    let email = seen.email.as_deref().unwrap_or_default();
    let attribute = |name: &String| seen.attributes.get(name).map_or("", String::as_str);
    same(&profile.user_name, &seen.user_name)
        && profile.display_name.as_ref().is_none_or(|wanted| seen.display_name.as_ref() == Some(wanted))
        && profile.email.as_ref().is_none_or(|wanted| same(wanted, email))
        && profile.attributes.iter().all(|(name, wanted)| attribute(name) == wanted)
        && seen.expires.keeps(profile.expires)
}

/// All steps from `actual` to `desired`, if the target does as it is told; the id of an account that is yet to be made is
/// empty.
pub fn all_steps(desired: &Desired, actual: &Actual) -> Vec<Step> {
    let (mut actual, mut steps) = (actual.clone(), Vec::new());
    while let Some(step) = next_step(desired, &actual) {
        actual = actual.after(&step);
        steps.push(step);
    }
    steps
}

impl Actual {
    /// The target's own id of the account, if there is one.
    pub fn native_id(&self) -> Option<&str> {
        match self {
            Self::Absent => None,
            Self::Present(seen) => Some(&seen.native_id),
        }
    }

    /// Whether something is taken from it on the way to `desired`.
    pub fn loses_by(&self, desired: &Desired) -> bool {
        let takes =
            |step: &Step| matches!(step, Step::Disable { .. } | Step::Take { .. } | Step::Delete { .. });
        all_steps(desired, self).iter().any(takes)
    }

    /// What a faithful target makes of `step`.
    pub(crate) fn after(mut self, step: &Step) -> Self {
        if let Step::Create(profile) = step {
            let mut seen = Seen {
                native_id: String::new(),
                active: true,
                user_name: String::new(),
                display_name: None,
                email: None,
                entitlements: BTreeSet::new(),
                attributes: BTreeMap::new(),
                expires: Expiry::NotKept,
            };
            seen.set(profile);
            return Self::Present(seen);
        }
        if let (Self::Present(_), Step::Delete { .. }) = (&self, step) {
            return Self::Absent;
        }
        if let Self::Present(seen) = &mut self {
            match step {
                Step::Create(_) | Step::Adopt { .. } | Step::Delete { .. } => {}
                Step::EndSessions { .. } | Step::HandOver { .. } => {}
                Step::Enable { .. } => seen.active = true,
                Step::Disable { .. } => seen.active = false,
                Step::Update { profile, .. } => seen.set(profile),
                Step::Give { entitlement, .. } => drop(seen.entitlements.insert(entitlement.clone())),
                Step::Take { entitlement, .. } => drop(seen.entitlements.remove(entitlement)),
            }
        }
        self
    }
}

impl Seen {
    fn set(&mut self, profile: &Profile) {
        self.user_name.clone_from(&profile.user_name);
        self.display_name = profile.display_name.clone().or(self.display_name.take());
        self.email = profile.email.clone().or(self.email.take());
        self.attributes.extend(profile.attributes.clone());
        if self.expires != Expiry::NotKept {
            self.expires = profile.expires.map_or(Expiry::Never, Expiry::At);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, btree_set};
    use proptest::option;
    use proptest::prelude::*;

    fn entitlement(name: &'static str) -> impl Strategy<Value = Entitlement> {
        (any::<bool>(), name)
            .prop_map(|(role, name)| if role { Entitlement::Role(name) } else { Entitlement::Group(name) })
    }

    fn expiry() -> impl Strategy<Value = Expiry> {
        prop::sample::select(vec![Expiry::NotKept, Expiry::Never, Expiry::At(Timestamp::UNIX_EPOCH)])
    }

    prop_compose! {
        fn profile()(
            user_name in "[aAbB]",
            display_name in option::of("[xy]"),
            email in option::of("[ab]@x"),
            entitlements in btree_set(entitlement("[g-j]"), 0..4),
            withdrawn in btree_set(entitlement("[g-j]"), 0..4),
            attributes in btree_map("[pq]", "[uv]?", 0..3),
            expires in option::of((0..2_i64).prop_map(|second| Timestamp::from_second(second).unwrap())),
        ) -> Profile {
            Profile { user_name, display_name, email, entitlements, withdrawn, attributes, expires }
        }
    }

    fn desired() -> impl Strategy<Value = Desired> {
        let disabled = Just(Desired::closed());
        prop_oneof![2 => profile().prop_map(Desired::Active), 1 => disabled, 1 => Just(Desired::Absent)]
    }

    prop_compose! {
        fn seen()(
            active: bool,
            user_name in "[aAbB]",
            display_name in option::of("[xy]"),
            email in option::of("[aA]@x"),
            entitlements in btree_set(entitlement("[g-l]"), 0..6),
            attributes in btree_map("[pqr]", "[uv]", 0..3),
            expires in expiry(),
        ) -> Seen {
            let native_id = "u-1".into();
            Seen { native_id, active, user_name, display_name, email, entitlements, attributes, expires }
        }
    }

    fn actual() -> impl Strategy<Value = Actual> {
        prop_oneof![Just(Actual::Absent), seen().prop_map(Actual::Present)]
    }

    proptest! {
        #[test]
        fn steps_end_and_leave_what_is_desired(desired in desired(), start in actual()) {
            let mut actual = start.clone();
            let mut steps = Vec::new();
            while let Some(step) = next_step(&desired, &actual) {
                let created = matches!(step, Step::Create(_));
                prop_assert!(!created || actual == Actual::Absent);
                actual = actual.after(&step);
                prop_assert!(created || actual.clone().after(&step) == actual, "{step:?} twice is not once");
                steps.push(step);
                prop_assert!(steps.len() <= 20, "no end: {steps:?}");
            }
            match (&desired, &actual) {
                (Desired::Disabled(_) | Desired::Absent, Actual::Absent) => {}
                (Desired::Absent, Actual::Present(_)) => prop_assert!(false, "it is still there"),
                (Desired::Disabled(_), Actual::Present(seen)) => prop_assert!(!seen.active),
                (Desired::Active(_), Actual::Absent) => prop_assert!(false, "nothing was created"),
                (Desired::Active(profile), Actual::Present(seen)) => {
                    prop_assert!(seen.active && looks_like(seen, profile));
                    prop_assert!(profile.entitlements.is_subset(&seen.entitlements));
                    let mut gone = profile.withdrawn.difference(&profile.entitlements);
                    prop_assert!(gone.all(|gone| !seen.entitlements.contains(gone)));
                }
            }
        }

        #[test]
        fn what_is_not_ours_is_not_touched(desired in desired(), before in seen()) {
            let mut actual = Actual::Present(before.clone());
            while let Some(step) = next_step(&desired, &actual) {
                actual = actual.after(&step);
            }
            let Actual::Present(after) = actual else {
                prop_assert_eq!(desired, Desired::Absent);
                return Ok(());
            };
            let ours = |one: &&Entitlement| match &desired {
                Desired::Active(profile) => profile.entitlements.contains(*one) || profile.withdrawn.contains(*one),
                Desired::Disabled(_) | Desired::Absent => false,
            };
            let others = |seen: &Seen| seen.entitlements.iter().filter(|one| !ours(one)).cloned().collect::<Vec<_>>();
            prop_assert_eq!(others(&before), others(&after));
            prop_assert_eq!(before.attributes.get("r"), after.attributes.get("r"));
        }

        #[test]
        fn disabled_never_opens_anything(actual in actual()) {
            let closed = Desired::closed();
            let harmless = matches!(next_step(&closed, &actual), None | Some(Step::Disable { .. }));
            prop_assert!(harmless);
            let gone = next_step(&Desired::Absent, &actual);
            let harmless = matches!(gone, None | Some(Step::Disable { .. } | Step::Delete { .. }));
            prop_assert!(harmless);
        }

        #[test]
        fn a_closed_account_is_opened_last(desired in desired(), mut seen in seen()) {
            seen.active = false;
            let mut actual = Actual::Present(seen);
            while let Some(step) = next_step(&desired, &actual) {
                actual = actual.after(&step);
                if matches!(step, Step::Enable { .. }) {
                    prop_assert_eq!(next_step(&desired, &actual), None);
                }
            }
        }
    }
}
