//! Desired and actual, and the one step between them.

use super::desired::{Desired, Profile};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a fresh look at a target found under our external id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
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
    /// The groups they are in: at least those that the desired profile names, maybe others' too.
    pub groups: BTreeSet<String>,
    /// The values of those attributes that the desired profile names; one that is unset is missing.
    pub attributes: BTreeMap<String, String>,
}

/// The next thing to do in a target. Every step says absolute values, so doing it twice is doing it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Create the account, carrying our external id, usable but without groups.
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
///
/// Rights are taken before others are given, and an account is enabled last: it is never open with the rights of
/// the past.
pub fn next_step(desired: &Desired, actual: &Actual) -> Option<Step> {
    match (desired, actual) {
        (Desired::Disabled, Actual::Absent) => None,
        (Desired::Disabled, Actual::Present(seen)) => {
            seen.active.then(|| Step::Disable { native_id: seen.native_id.clone() })
        }
        (Desired::Active(profile), Actual::Absent) => Some(Step::Create(profile.clone())),
        (Desired::Active(profile), Actual::Present(seen)) => towards(profile, seen),
    }
}

fn towards(profile: &Profile, seen: &Seen) -> Option<Step> {
    let native_id = seen.native_id.clone();
    let leave = profile.withdrawn.difference(&profile.groups).find(|group| seen.groups.contains(*group));
    if let Some(group) = leave {
        return Some(Step::Leave { native_id, group: group.clone() });
    }
    if !looks_like(seen, profile) {
        return Some(Step::Update { native_id, profile: profile.clone() });
    }
    if let Some(group) = profile.groups.difference(&seen.groups).next() {
        return Some(Step::Join { native_id, group: group.clone() });
    }
    (!seen.active).then_some(Step::Enable { native_id })
}

/// Whether everything that `profile` names, groups aside, is as it says. Names and addresses are compared as
/// targets compare them, without case (RFC 7643, section 4.1.1); an attribute wanted empty may be unset.
fn looks_like(seen: &Seen, profile: &Profile) -> bool {
    let same = |wanted: &str, found: &str| wanted.to_lowercase() == found.to_lowercase();
    let email = seen.email.as_deref().unwrap_or_default();
    let attribute = |name: &String| seen.attributes.get(name).map_or("", String::as_str);
    same(&profile.user_name, &seen.user_name)
        && profile.display_name.as_ref().is_none_or(|wanted| seen.display_name.as_ref() == Some(wanted))
        && profile.email.as_ref().is_none_or(|wanted| same(wanted, email))
        && profile.attributes.iter().all(|(name, wanted)| attribute(name) == wanted)
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
    /// What a faithful target makes of `step`.
    pub(crate) fn after(mut self, step: &Step) -> Self {
        if let Step::Create(profile) = step {
            let mut seen = Seen {
                native_id: String::new(),
                active: true,
                user_name: String::new(),
                display_name: None,
                email: None,
                groups: BTreeSet::new(),
                attributes: BTreeMap::new(),
            };
            seen.set(profile);
            return Self::Present(seen);
        }
        if let Self::Present(seen) = &mut self {
            match step {
                Step::Create(_) => {}
                Step::Enable { .. } => seen.active = true,
                Step::Disable { .. } => seen.active = false,
                Step::Update { profile, .. } => seen.set(profile),
                Step::Join { group, .. } => drop(seen.groups.insert(group.clone())),
                Step::Leave { group, .. } => drop(seen.groups.remove(group)),
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_map, btree_set};
    use proptest::option;
    use proptest::prelude::*;

    prop_compose! {
        fn profile()(
            user_name in "[aAbB]",
            display_name in option::of("[xy]"),
            email in option::of("[ab]@x"),
            groups in btree_set("[g-j]", 0..4),
            withdrawn in btree_set("[g-j]", 0..4),
            attributes in btree_map("[pq]", "[uv]?", 0..3),
        ) -> Profile {
            Profile { user_name, display_name, email, groups, withdrawn, attributes }
        }
    }

    fn desired() -> impl Strategy<Value = Desired> {
        prop_oneof![profile().prop_map(Desired::Active), Just(Desired::Disabled)]
    }

    prop_compose! {
        fn seen()(
            active: bool,
            user_name in "[aAbB]",
            display_name in option::of("[xy]"),
            email in option::of("[aA]@x"),
            groups in btree_set("[g-l]", 0..6),
            attributes in btree_map("[pqr]", "[uv]", 0..3),
        ) -> Seen {
            Seen { native_id: "u-1".into(), active, user_name, display_name, email, groups, attributes }
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
                prop_assert!(steps.len() <= 12, "no end: {steps:?}");
            }
            match (&desired, &actual) {
                (Desired::Disabled, Actual::Absent) => {}
                (Desired::Disabled, Actual::Present(seen)) => prop_assert!(!seen.active),
                (Desired::Active(_), Actual::Absent) => prop_assert!(false, "nothing was created"),
                (Desired::Active(profile), Actual::Present(seen)) => {
                    prop_assert!(seen.active && looks_like(seen, profile));
                    prop_assert!(profile.groups.is_subset(&seen.groups));
                    let gone = profile.withdrawn.difference(&profile.groups).all(|group| !seen.groups.contains(group));
                    prop_assert!(gone);
                }
            }
        }

        #[test]
        fn what_is_not_ours_is_not_touched(desired in desired(), before in seen()) {
            let mut actual = Actual::Present(before.clone());
            while let Some(step) = next_step(&desired, &actual) {
                actual = actual.after(&step);
            }
            let Actual::Present(after) = actual else { unreachable!("no step removes an account") };
            let ours = |group: &&String| match &desired {
                Desired::Active(profile) => profile.groups.contains(*group) || profile.withdrawn.contains(*group),
                Desired::Disabled => false,
            };
            let others = |seen: &Seen| seen.groups.iter().filter(|group| !ours(group)).cloned().collect::<Vec<_>>();
            prop_assert_eq!(others(&before), others(&after));
            prop_assert_eq!(before.attributes.get("r"), after.attributes.get("r"));
        }

        #[test]
        fn disabled_never_opens_anything(actual in actual()) {
            let harmless = matches!(next_step(&Desired::Disabled, &actual), None | Some(Step::Disable { .. }));
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
