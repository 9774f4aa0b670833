//! What became different between two looks at a target. Events are written of what was *seen* to change, not of
//! what was asked for: so a crash between acting and recording loses none, and a target that lies makes none.

use super::desired::Desired;
use super::entitlement::Entitlement;
use super::step::{Actual, Seen};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing about an account that is not as it was when last recorded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// It is there now, and was not.
    Created,
    /// It was there, and is not any more.
    Gone,
    /// It may be used again.
    Enabled,
    /// It may not be used any more.
    Disabled,
    /// Its names, address or attributes are others.
    Updated,
    /// It has an entitlement now.
    #[serde(rename = "joined")]
    Given(Entitlement),
    /// It does not have an entitlement any more.
    #[serde(rename = "left")]
    Taken(Entitlement),
}

impl fmt::Display for Change {
    /// The change in a few words, as after "account".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created => f.write_str("created"),
            Self::Gone => f.write_str("gone"),
            Self::Enabled => f.write_str("enabled"),
            Self::Disabled => f.write_str("disabled"),
            Self::Updated => f.write_str("updated"),
            Self::Given(Entitlement::Group(group)) => write!(f, "joined group {group}"),
            Self::Taken(Entitlement::Group(group)) => write!(f, "left group {group}"),
            Self::Given(Entitlement::Role(role)) => write!(f, "given role {role}"),
            Self::Taken(Entitlement::Role(role)) => write!(f, "lost role {role}"),
        }
    }
}

/// What changed from `before` to `after`, in a stable order. Of entitlements and attributes only those count that
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

/// What is known after a look: what it saw; and where it was not asked for entitlements and attributes, those as
/// they were known before. So it is with names that a target does not tell us.
pub fn learn(before: &Actual, mut seen: Actual, desired: &Desired) -> Actual {
    let asked = matches!(desired, Desired::Active(_));
    if let (Actual::Present(old), Actual::Present(new), false) = (before, &mut seen, asked)
        && old.native_id == new.native_id
    {
        new.entitlements.clone_from(&old.entitlements);
        new.attributes.clone_from(&old.attributes);
        new.expires = old.expires;
        if new.user_name.is_empty() {
            new.user_name.clone_from(&old.user_name);
        }
        new.display_name = new.display_name.take().or_else(|| old.display_name.clone());
        new.email = new.email.take().or_else(|| old.email.clone());
    }
    seen
}

fn born(new: &Seen, desired: &Desired) -> Vec<Change> {
    // Usable and without entitlements, as our own creation would leave it.
    let blank = Seen { active: true, entitlements: Default::default(), ..new.clone() };
    [vec![Change::Created], between(&blank, new, desired)].concat()
}

fn between(old: &Seen, new: &Seen, desired: &Desired) -> Vec<Change> {
    let mut changes = Vec::new();
    let names = |seen: &Seen| (seen.user_name.clone(), seen.display_name.clone(), seen.email.clone());
    let mut updated = names(old) != names(new);
    if let Desired::Active(profile) = desired {
        updated |= profile.attributes.keys().any(|name| old.attributes.get(name) != new.attributes.get(name));
        updated |= old.expires != new.expires;
        for one in profile.entitlements.union(&profile.withdrawn).cloned() {
            match (old.entitlements.contains(&one), new.entitlements.contains(&one)) {
                (true, false) => changes.push(Change::Taken(one)),
                (false, true) => changes.push(Change::Given(one)),
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

    fn readers() -> Entitlement {
        Entitlement::Group("readers".into())
    }

    #[test]
    fn a_life_is_told_once() {
        let profile =
            Profile { user_name: "ada".into(), entitlements: [readers()].into(), ..Profile::default() };
        let (mut known, mut told) = (Actual::Absent, Vec::new());
        let disabled = Desired::closed();
        let active = Desired::Active(profile);
        for desired in [active.clone(), disabled, active, Desired::Absent] {
            while let Some(step) = next_step(&desired, &known) {
                let seen = known.clone().after(&step);
                told.extend(changes(&known, &seen, &desired));
                known = learn(&known, seen, &desired);
            }
        }
        let opened = [Change::Created, Change::Given(readers()), Change::Disabled, Change::Enabled];
        assert_eq!(told, [&opened[..], &[Change::Disabled, Change::Gone]].concat());
    }

    #[test]
    fn what_is_found_is_told_whole() {
        let profile = Profile { entitlements: [readers()].into(), ..Profile::default() };
        let Actual::Present(seen) = Actual::Absent.after(&super::super::Step::Create(profile.clone())) else {
            unreachable!("it was just created");
        };
        let theirs = Entitlement::Group("theirs".into());
        let found = Seen { active: false, entitlements: [readers(), theirs].into(), ..seen };
        let desired = Desired::Active(profile);
        let told = changes(&Actual::Absent, &Actual::Present(found.clone()), &desired);
        assert_eq!(told, [Change::Created, Change::Given(readers()), Change::Disabled]);
        assert_eq!(changes(&Actual::Present(found), &Actual::Absent, &desired), [Change::Gone]);
    }

    #[test]
    fn a_name_that_is_not_told_is_kept() {
        let email = Some("ada@x.example".to_owned());
        let known = Actual::Absent.after(&super::super::Step::Create(Profile {
            user_name: "ada".into(),
            email,
            ..Profile::default()
        }));
        let Actual::Present(mut seen) = known.clone() else { unreachable!("it was just created") };
        (seen.user_name, seen.email) = (String::new(), None);
        assert_eq!(learn(&known, Actual::Present(seen), &Desired::closed()), known);
    }

    #[test]
    fn the_record_reads_as_it_was_first_written() {
        for (change, text) in [
            (Change::Given(readers()), r#"{"change":"joined","group":"readers"}"#),
            (Change::Taken(readers()), r#"{"change":"left","group":"readers"}"#),
            (Change::Given(Entitlement::Role("admin".into())), r#"{"change":"joined","role":"admin"}"#),
        ] {
            assert_eq!(serde_json::to_string(&change).unwrap(), text);
            assert_eq!(serde_json::from_str::<Change>(text).unwrap(), change);
        }
    }
}
