//! A role as it is found, and what it is to be.

use super::super::expiry;
use super::super::mark::PREFIX;
use super::super::naming::Naming;
use super::server::Row;
use crate::account::{Candidate, Entitlement, Profile, Seen};
use crate::provision::connector::{Fault, Refusal};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::fmt;

/// The one attribute that a role has for policies: so many sessions at a time.
pub(super) const LIMIT: &str = "connection-limit";
/// `VALID UNTIL` is kept to the microsecond. Whole seconds are as exact as two clocks are, and can be read.
const UNIT: SignedDuration = SignedDuration::from_secs(1);

/// The id of a role: its number, which no other role gets.
pub(super) fn oid(native_id: &str) -> Result<i64, Fault> {
    let wrong = |_| Fault::refused(Refusal::Invalid, format!("\"{native_id}\" is not the number of a role"));
    native_id.parse().map_err(wrong)
}

/// A role.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) oid: i64,
    pub(super) name: String,
    login: bool,
    pub(super) superuser: bool,
    /// -1 for no limit.
    limit: i32,
    until: Option<Timestamp>,
    comment: String,
    member_of: Vec<String>,
}

impl From<Row> for Role {
    fn from((oid, name, login, superuser, limit, until, comment, member_of): Row) -> Self {
        // One that a timestamp of ours cannot say is as far away as none.
        let until = until.and_then(|micros| Timestamp::from_microsecond(micros).ok());
        Self { oid, name, login, superuser, limit, until, comment: comment.unwrap_or_default(), member_of }
    }
}

impl Role {
    /// The external id that it carries, whosesoever: a line of its comment is our mark.
    pub(super) fn external_id(&self) -> Option<&str> {
        self.comment.lines().find_map(|line| line.strip_prefix(PREFIX))
    }

    /// Its comment with our mark, and without another of ours.
    pub(super) fn marked(&self, mark: &str) -> String {
        let others = self.comment.lines().filter(|line| !line.starts_with(PREFIX));
        others.chain([mark]).collect::<Vec<_>>().join("\n")
    }

    pub(super) fn candidate(&self) -> Candidate {
        Candidate {
            native_id: self.oid.to_string(),
            user_name: self.name.clone(),
            email: None,
            active: self.login,
            external_id: self.external_id().map(str::to_owned),
        }
    }

    /// What a look says of it. Roles have no room for people's names and addresses: those are as wanted.
    pub(super) fn seen(&self, naming: &Naming, wanted: Option<&Profile>) -> Seen {
        let blank = Profile::default();
        let profile = wanted.unwrap_or(&blank);
        let limit = (profile.attributes.contains_key(LIMIT) && self.limit >= 0).then_some(self.limit);
        Seen {
            native_id: self.oid.to_string(),
            active: self.login,
            user_name: naming.seen(&self.name, wanted.map(|profile| profile.user_name.as_str())),
            display_name: profile.display_name.clone(),
            email: profile.email.clone(),
            entitlements: self.member_of.iter().flat_map(|name| as_named(name, profile)).collect(),
            expires: expiry::seen(self.until, profile.expires, UNIT),
            attributes: limit.map(|limit| (LIMIT.to_owned(), limit.to_string())).into_iter().collect(),
        }
    }
}

/// A membership by the word that the policy has for it, which may call it a group or a role, or once did.
fn as_named(name: &str, profile: &Profile) -> BTreeSet<Entitlement> {
    let named = |among: &BTreeSet<Entitlement>| -> BTreeSet<Entitlement> {
        among.iter().filter(|one| one.name() == name).cloned().collect()
    };
    [named(&profile.entitlements), named(&profile.withdrawn)]
        .into_iter()
        .find(|found| !found.is_empty())
        .unwrap_or_else(|| [Entitlement::Group(name.to_owned())].into())
}

/// What `CREATE ROLE` and `ALTER ROLE` say of a role beside its name.
pub(super) struct Options {
    until: Option<Timestamp>,
    limit: Option<i32>,
}

impl Options {
    /// Those of an account that is to look like `profile`.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for an attribute that roles do not have, or that is not what it should be.
    pub(super) fn of(profile: &Profile) -> Result<Self, Fault> {
        let unknown = profile.attributes.keys().find(|name| *name != LIMIT);
        if let Some(name) = unknown {
            let said = format!("a role has no attribute \"{name}\": there is {LIMIT}");
            return Err(Fault::refused(Refusal::Invalid, said));
        }
        let limit = match profile.attributes.get(LIMIT).map(String::as_str) {
            None => None,
            Some("") => Some(-1),
            Some(text) => Some(text.parse().ok().filter(|limit| *limit >= 0).ok_or_else(|| {
                Fault::refused(Refusal::Invalid, format!("{LIMIT} \"{text}\" is not a number of sessions"))
            })?),
        };
        Ok(Self { until: profile.expires.map(|end| expiry::second_lock(end, UNIT)), limit })
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(until) => write!(f, " VALID UNTIL '{until}'")?,
            None => write!(f, " VALID UNTIL 'infinity'")?,
        }
        self.limit.map_or(Ok(()), |limit| write!(f, " CONNECTION LIMIT {limit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::mark::mark;
    use super::*;

    fn role(comment: &str) -> Role {
        let groups = vec!["readers".to_owned(), "others".to_owned()];
        (7, "ada".to_owned(), true, false, -1, Some(1_772_438_401_000_000), Some(comment.to_owned()), groups)
            .into()
    }

    #[test]
    fn a_mark_is_a_line_of_its_own_beside_what_others_wrote() {
        let old = role("owned by finance\nguestpass:old");
        assert_eq!(old.external_id(), Some("old"));
        assert_eq!(old.marked(&mark("new")), "owned by finance\nguestpass:new");
        assert_eq!(role("").marked(&mark("x")), "guestpass:x");
        assert_eq!(role("see guestpass:x").external_id(), None);
    }

    #[test]
    fn a_look_speaks_the_words_of_the_policy() {
        let end: Timestamp = "2026-03-02T08:00:00Z".parse().unwrap();
        let of = |name: &str| Entitlement::Role(name.to_owned());
        let profile = Profile {
            user_name: "Ada@x.example".into(),
            entitlements: [of("readers")].into(),
            withdrawn: Entitlement::groups(&["readers"]),
            expires: Some(end),
            ..Profile::default()
        };
        let seen = role("").seen(&Naming::default(), Some(&profile));
        assert_eq!(seen.user_name, "Ada@x.example");
        assert_eq!(seen.entitlements, [of("readers"), Entitlement::Group("others".into())].into());
        assert_eq!(seen.expires, crate::account::Expiry::At(end));
        assert_eq!(Options::of(&profile).unwrap().to_string(), " VALID UNTIL '2026-03-02T08:00:01Z'");
    }

    #[test]
    fn attributes_are_those_that_roles_have() {
        let of = |name: &str, value: &str| {
            let attributes: std::collections::BTreeMap<_, _> = [(name.to_owned(), value.to_owned())].into();
            Options::of(&Profile { attributes, ..Profile::default() }).map(|options| options.to_string())
        };
        assert_eq!(of(LIMIT, "5").unwrap(), " VALID UNTIL 'infinity' CONNECTION LIMIT 5");
        assert_eq!(of(LIMIT, "").unwrap(), " VALID UNTIL 'infinity' CONNECTION LIMIT -1");
        for (name, value) in [(LIMIT, "many"), (LIMIT, "-1"), ("superuser", "true")] {
            assert!(of(name, value).is_err(), "{name} {value}");
        }
    }
}
