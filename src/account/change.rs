//! What became different between two looks at a target. Events are written of what was *seen* to change, not of
//! what was asked for: so a crash between acting and recording loses none, and a target that lies makes none.

use super::desired::Desired;
use super::step::{Actual, Seen};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing about an account that is not as it was when last recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// It is there now, and was not.
    Created,
    /// It was there, and is not any more. Never our doing.
    Gone,
    /// It may be used again.
    Enabled,
    /// It may not be used any more.
    Disabled,
    /// Its names, address or attributes are others.
    Updated,
    /// It is in a group now.
    Joined {
        /// The group's name.
        group: String,
    },
    /// It is not in a group any more.
    Left {
        /// The group's name.
        group: String,
    },
}

impl fmt::Display for Change {
    /// The change in one or two words, as after "account".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Gone => "gone",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Updated => "updated",
            Self::Joined { .. } => "joined group",
            Self::Left { .. } => "left group",
        })
    }
}

/// What changed from `before` to `after`, in a stable order. Of groups and attributes only those count that
/// `desired` names: the others are not ours, and are not looked at everywhere.
pub fn changes(before: &Actual, after: &Actual, desired: &Desired) -> Vec<Change> {
    match (before, after) {
        (Actual::Absent, Actual::Absent) => Vec::new(),
        (Actual::Present(_), Actual::Absent) => vec![Change::Gone],
        (Actual::Absent, Actual::Present(new)) => born(new, desired),
        (Actual::Present(old), Actual::Present(new)) if old.native_id != new.native_id => {
            [vec![Change::Gone], born(new, desired)].concat()
        }
        (Actual::Present(old), Actual::Present(new)) => between(old, new, desired),
    }
}

/// What is known after a look: what it saw; and where it was not asked for groups and attributes, those as they
/// were known before.
pub fn learn(before: &Actual, mut seen: Actual, desired: &Desired) -> Actual {
    if let (Actual::Present(old), Actual::Present(new), Desired::Disabled) = (before, &mut seen, desired)
        && old.native_id == new.native_id
    {
        new.groups.clone_from(&old.groups);
        new.attributes.clone_from(&old.attributes);
    }
    seen
}

fn born(new: &Seen, desired: &Desired) -> Vec<Change> {
    // Usable and in no group, as our own creation would leave it.
    let blank = Seen { active: true, groups: Default::default(), ..new.clone() };
    [vec![Change::Created], between(&blank, new, desired)].concat()
}

fn between(old: &Seen, new: &Seen, desired: &Desired) -> Vec<Change> {
    let mut changes = Vec::new();
    let names = |seen: &Seen| (seen.user_name.clone(), seen.display_name.clone(), seen.email.clone());
    let mut updated = names(old) != names(new);
    if let Desired::Active(profile) = desired {
        updated |= profile.attributes.keys().any(|name| old.attributes.get(name) != new.attributes.get(name));
        for group in profile.groups.union(&profile.withdrawn).cloned() {
            match (old.groups.contains(&group), new.groups.contains(&group)) {
                (true, false) => changes.push(Change::Left { group }),
                (false, true) => changes.push(Change::Joined { group }),
                _ => {}
            }
        }
    }
    if updated {
        changes.insert(0, Change::Updated);
    }
    match (old.active, new.active) {
        (true, false) => changes.push(Change::Disabled),
        (false, true) => changes.push(Change::Enabled),
        _ => {}
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::super::{Profile, next_step};
    use super::*;

    #[test]
    fn a_life_is_told_once() {
        let profile =
            Profile { user_name: "ada".into(), groups: ["readers".into()].into(), ..Profile::default() };
        let (mut known, mut told) = (Actual::Absent, Vec::new());
        for desired in [Desired::Active(profile.clone()), Desired::Disabled, Desired::Active(profile)] {
            while let Some(step) = next_step(&desired, &known) {
                let seen = known.clone().after(&step);
                told.extend(changes(&known, &seen, &desired));
                known = learn(&known, seen, &desired);
            }
        }
        let joined = Change::Joined { group: "readers".into() };
        assert_eq!(told, [Change::Created, joined, Change::Disabled, Change::Enabled]);
    }

    #[test]
    fn what_is_found_is_told_whole() {
        let profile = Profile { groups: ["readers".into()].into(), ..Profile::default() };
        let Actual::Present(seen) = Actual::Absent.after(&super::super::Step::Create(profile.clone())) else {
            unreachable!("it was just created");
        };
        let found = Seen { active: false, groups: ["readers".into(), "theirs".into()].into(), ..seen };
        let desired = Desired::Active(profile);
        let joined = Change::Joined { group: "readers".into() };
        let told = changes(&Actual::Absent, &Actual::Present(found.clone()), &desired);
        assert_eq!(told, [Change::Created, joined, Change::Disabled]);
        assert_eq!(changes(&Actual::Present(found), &Actual::Absent, &desired), [Change::Gone]);
    }
}
