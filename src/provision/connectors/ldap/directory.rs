//! How a kind of directory keeps people: which attributes say what.

use super::super::expiry;
use super::super::naming::Naming;
use super::entry::Entry;
use super::{PREFIX, active_directory, filter, time};
use crate::account::{Candidate, Expiry, Profile, Seen};
use crate::provision::connector::{Fault, Refusal};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The attribute of Active Directory that says whether an account may be used, among other things.
pub(super) const CONTROL: &str = "userAccountControl";
const GUID: &str = "objectGUID";
const SHADOW: &str = "shadowExpire";

/// A kind of directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// OpenLDAP, and what keeps people as RFC 2798 says.
    #[default]
    Openldap,
    /// Active Directory.
    ActiveDirectory,
}

/// How a directory keeps people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) kind: Kind,
    /// The object classes of a person.
    pub(super) classes: Vec<String>,
    /// The attribute that holds the name to sign in with.
    pub(super) name: String,
    /// The attribute that holds our mark.
    pub(super) mark: String,
    /// The attribute that holds the directory's own, immutable id.
    pub(super) id: String,
    pub(super) lock: Lock,
    pub(super) end: End,
}

/// What shuts an account: an attribute that has this value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(super) struct Lock {
    pub(super) attribute: String,
    pub(super) value: String,
}

/// Locks whose value is known: that of the password policy (draft-behera-ldap-password-policy), of shadow accounts (the day
/// after 1970-01-01: 0 means never to some), of 389 Directory Server, and Active Directory's bit.
const LOCKS: [(&str, &str); 4] =
    [("pwdAccountLockedTime", "000001010000Z"), (SHADOW, "1"), ("nsAccountLock", "TRUE"), (CONTROL, "514")];

impl TryFrom<String> for Lock {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let known = LOCKS.iter().find(|(attribute, _)| attribute.eq_ignore_ascii_case(&text));
        let (attribute, value) = match (known, text.split_once('=')) {
            (Some((attribute, value)), _) => (*attribute, *value),
            (None, Some((attribute, value))) if !attribute.is_empty() && !value.is_empty() => {
                (attribute, value)
            }
            _ => return Err(format!("write {text}=VALUE, with the value that shuts an account")),
        };
        Ok(Self { attribute: attribute.to_owned(), value: value.to_owned() })
    }
}

/// Where the end of an account is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum End {
    /// Nowhere.
    None,
    /// In days; what signs people in by PAM or NSS honours it.
    ShadowExpire,
    /// In the password policy; the directory itself honours it.
    PwdEndTime,
    /// In Active Directory.
    AccountExpires,
}

impl End {
    /// The attribute and its unit.
    fn kept(self) -> Option<(&'static str, SignedDuration)> {
        match self {
            Self::None => None,
            Self::ShadowExpire => Some((SHADOW, time::DAY)),
            Self::PwdEndTime => Some(("pwdEndTime", time::SECOND)),
            Self::AccountExpires => Some(("accountExpires", time::SECOND)),
        }
    }

    fn read(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::None => None,
            Self::ShadowExpire => time::from_days(text),
            Self::PwdEndTime => time::from_generalized(text),
            Self::AccountExpires => time::from_file_time(text),
        }
    }

    fn write(self, at: Timestamp) -> String {
        match self {
            Self::None => String::new(),
            Self::ShadowExpire => time::days(at),
            Self::PwdEndTime => time::generalized(at),
            Self::AccountExpires => time::file_time(at),
        }
    }
}

impl Kind {
    /// How such a directory usually is.
    ///
    /// The mark goes where it is least in the way. `labeledURI` of an `inetOrgPerson` has room for any number of values, is
    /// compared to the letter, and means nothing to those who sign people in; a number of staff or a description
    /// would take the place of somebody else's. Active Directory has `adminDescription` on every object.
    pub(super) fn usual(self) -> Directory {
        let lock = |name: &str| {
            let (attribute, value) =
                LOCKS.iter().find(|(attribute, _)| *attribute == name).unwrap_or(&LOCKS[0]);
            Lock { attribute: (*attribute).to_owned(), value: (*value).to_owned() }
        };
        let directory = |classes: &[&str], name: &str, mark: &str, id: &str, lock, end| Directory {
            kind: self,
            classes: classes.iter().map(|class| (*class).to_owned()).collect(),
            name: name.to_owned(),
            mark: mark.to_owned(),
            id: id.to_owned(),
            lock,
            end,
        };
        match self {
            Self::Openldap => {
                let lock = lock("pwdAccountLockedTime");
                directory(&["inetOrgPerson"], "uid", "labeledURI", "entryUUID", lock, End::None)
            }
            Self::ActiveDirectory => {
                let (lock, end) = (lock(CONTROL), End::AccountExpires);
                directory(&["user"], "sAMAccountName", "adminDescription", GUID, lock, end)
            }
        }
    }
}

impl Directory {
    /// The attributes that are read of every person.
    pub(super) fn attributes(&self) -> Vec<&str> {
        let mut all: Vec<&str> = vec![&self.id, &self.name, &self.mark, &self.lock.attribute];
        all.extend(self.end.kept().map(|(attribute, _)| attribute));
        all.extend(["displayName", "mail", "objectClass"]);
        all
    }

    /// The filter that finds people.
    pub(super) fn people(&self) -> String {
        match self.kind {
            Kind::Openldap => "(objectClass=person)".to_owned(),
            Kind::ActiveDirectory => "(&(objectClass=user)(!(objectClass=computer)))".to_owned(),
        }
    }

    /// The filter that finds who has this id.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for what is no such id.
    pub(super) fn id_is(&self, id: &str) -> Result<String, Fault> {
        if !self.has_guids() {
            return Ok(filter::equals(&self.id, id));
        }
        let bytes = active_directory::guid_in_filter(id)
            .ok_or_else(|| Fault::refused(Refusal::Invalid, format!("\"{id}\" is not an {GUID}")))?;
        Ok(format!("({}={bytes})", self.id))
    }

    fn has_guids(&self) -> bool {
        self.id.eq_ignore_ascii_case(GUID)
    }

    pub(super) fn id_of(&self, entry: &Entry) -> Option<String> {
        if self.has_guids() {
            active_directory::guid(entry.bytes(&self.id)?)
        } else {
            entry.first(&self.id).map(str::to_owned)
        }
    }

    pub(super) fn has_control(&self) -> bool {
        self.lock.attribute.eq_ignore_ascii_case(CONTROL)
    }

    pub(super) fn is_open(&self, entry: &Entry) -> bool {
        let Lock { attribute, value } = &self.lock;
        if self.has_control() {
            return entry.first(attribute).is_some_and(active_directory::is_open);
        }
        !entry.values(attribute).any(|found| found.eq_ignore_ascii_case(value))
    }

    /// Whether one attribute says both that an account is shut and when it ends; while it says the one, the other is not
    /// known.
    pub(super) fn shares_lock(&self) -> bool {
        self.end.kept().is_some_and(|(attribute, _)| attribute.eq_ignore_ascii_case(&self.lock.attribute))
    }

    /// The attribute that keeps the end of an account, and what it is to be; nothing where it is to be gone.
    pub(super) fn end_at(&self, end: Option<Timestamp>) -> Option<(&'static str, Option<String>)> {
        let (attribute, unit) = self.end.kept()?;
        let never = (self.end == End::AccountExpires).then(|| "0".to_owned());
        Some((attribute, end.map(|end| self.end.write(expiry::second_lock(end, unit))).or(never)))
    }

    fn expiry(&self, entry: &Entry, wanted: Option<Timestamp>) -> Expiry {
        let Some((attribute, unit)) = self.end.kept() else { return Expiry::NotKept };
        if self.shares_lock() && !self.is_open(entry) {
            return wanted.map_or(Expiry::Never, Expiry::At);
        }
        let held = entry.first(attribute).and_then(|text| self.end.read(text));
        expiry::seen(held, wanted, unit)
    }

    /// The object class without which an entry has no room for `shadowExpire`, where that is used.
    pub(super) fn shadow_class(&self) -> Option<&'static str> {
        let used = self.end == End::ShadowExpire || self.lock.attribute.eq_ignore_ascii_case(SHADOW);
        used.then_some("shadowAccount")
    }

    /// What a look says of `entry`, groups aside.
    pub(super) fn seen(&self, entry: &Entry, naming: &Naming, wanted: &Profile) -> Result<Seen, Fault> {
        let native_id = self.id_of(entry);
        let native_id =
            native_id.ok_or_else(|| Fault::transient(format!("\"{}\" has no {}", entry.dn, self.id)))?;
        let attribute =
            |(name, value): (&String, &String)| Some((name.clone(), entry.like(name, value)?.to_owned()));
        Ok(Seen {
            native_id,
            active: self.is_open(entry),
            user_name: naming.seen(entry.first(&self.name).unwrap_or_default(), Some(&wanted.user_name)),
            display_name: entry.first("displayName").map(str::to_owned),
            email: entry.like("mail", wanted.email.as_deref().unwrap_or_default()).map(str::to_owned),
            entitlements: BTreeSet::new(),
            expires: self.expiry(entry, wanted.expires),
            attributes: wanted.attributes.iter().filter_map(attribute).collect(),
        })
    }

    pub(super) fn candidate(&self, entry: &Entry) -> Option<Candidate> {
        let external_id = entry.values(&self.mark).find_map(|value| value.strip_prefix(PREFIX));
        Some(Candidate {
            native_id: self.id_of(entry)?,
            user_name: entry.first(&self.name).unwrap_or_default().to_owned(),
            email: entry.first("mail").map(str::to_owned),
            active: self.is_open(entry),
            external_id: external_id.map(str::to_owned),
        })
    }

    /// Refuses a profile with an attribute that is not policy's to set: it says whose an entry is, whether it is open,
    /// who it is, or how it is signed in with.
    pub(super) fn check(&self, profile: &Profile) -> Result<(), Fault> {
        let end = self.end.kept().map_or("", |(attribute, _)| attribute);
        let ours = [&self.id, &self.name, &self.mark, &self.lock.attribute, end];
        let others = ["objectClass", "memberOf", "userPassword", "unicodePwd", CONTROL];
        for name in profile.attributes.keys() {
            let bare = filter::attribute(name)?.split(';').next().unwrap_or_default();
            if ours.iter().copied().chain(others).any(|one| one.eq_ignore_ascii_case(bare)) {
                let said = format!("attribute \"{name}\" is not set by policy");
                return Err(Fault::refused(Refusal::Invalid, said));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_has_a_value_that_is_known_or_said() {
        let lock = |text: &str| Lock::try_from(text.to_owned()).map(|lock| (lock.attribute, lock.value));
        assert_eq!(lock("nsaccountlock"), Ok(("nsAccountLock".into(), "TRUE".into())));
        assert_eq!(lock("employeeType=a=b"), Ok(("employeeType".into(), "a=b".into())));
        for wrong in ["employeeType", "=x", "x=", ""] {
            assert!(lock(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_makes_an_entry_ours_is_not_set_by_policy() {
        let check = |kind: Kind, name: &str| {
            let attributes = [(name.to_owned(), "x".to_owned())].into();
            kind.usual().check(&Profile { attributes, ..Profile::default() })
        };
        for name in ["labeleduri", "labeledURI;x-y", "uid", "objectclass", "userPassword", "a)(b"] {
            assert!(check(Kind::Openldap, name).is_err(), "{name}");
        }
        assert_eq!(check(Kind::Openldap, "title"), Ok(()));
        for name in ["accountExpires", "useraccountcontrol", "unicodePwd", "sAMAccountName"] {
            assert!(check(Kind::ActiveDirectory, name).is_err(), "{name}");
        }
    }
}
