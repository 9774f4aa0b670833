//! An account, read out of what the target says of it.

use super::super::expiry;
use super::description::{Account, Description, Expires, Notation};
use super::expression::{Expression, text};
use super::known::Known;
use crate::account::{Candidate, Entitlement, Expiry, Profile, Seen};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An account as the target tells it, with what else is known.
pub(super) struct Told {
    known: Known,
}

impl Told {
    /// `account`, as paths lead into it.
    pub(super) fn new(known: &Known, account: Value) -> Self {
        Self { known: known.clone().answered(account.clone()).with("account", account) }
    }

    /// The target's own id.
    pub(super) fn id(&self, how: &Account) -> Result<String, String> {
        let id = self.text(Some(&how.id))?.filter(|id| !id.is_empty());
        id.ok_or_else(|| format!("an account without id: there is none at \"{}\"", how.id))
    }

    /// Whether it carries `external_id`, as a mark that stays or one that it was born with.
    pub(super) fn is_marked(&self, how: &Account, external_id: &str) -> Result<bool, String> {
        if let Some(mark) = self.text(how.mark.as_ref())? {
            return Ok(mark == external_id);
        }
        Ok(self.text(how.birth_mark.as_ref())?.is_some_and(|mark| mark.contains(external_id)))
    }

    /// The value of the attribute `name`.
    pub(super) fn attribute(&self, how: &Account, name: &str) -> Result<Option<String>, String> {
        self.text(how.attributes.get(name))
    }

    /// The account, as far as `wanted` asks. Names that the description does not read, or cannot set, are as they should
    /// be.
    pub(super) fn seen(&self, how: &Description, wanted: Option<&Profile>) -> Result<Seen, String> {
        let (how, sets) = (&how.account, how.update.is_some());
        let named = |how: &Option<Expression>, as_it_is: Option<&String>| match how {
            Some(how) if sets => Ok(self.text(Some(how))?.filter(|text| !text.is_empty())),
            _ => Ok::<_, String>(as_it_is.cloned()),
        };
        let mut attributes = BTreeMap::new();
        for name in wanted.iter().flat_map(|profile| profile.attributes.keys()) {
            if !how.attributes.contains_key(name) {
                let kept = how.attributes.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                return Err(format!("keeps no attribute \"{name}\", but these: {kept}"));
            }
            attributes.extend(self.attribute(how, name)?.map(|value| (name.clone(), value)));
        }
        Ok(Seen {
            native_id: self.id(how)?,
            active: self.is_active(how)?,
            user_name: named(&how.user_name, wanted.map(|profile| &profile.user_name))?.unwrap_or_default(),
            display_name: named(&how.display_name, wanted.and_then(|profile| profile.display_name.as_ref()))?,
            email: named(&how.email, wanted.and_then(|profile| profile.email.as_ref()))?,
            entitlements: self.entitlements(how)?,
            attributes,
            expires: match &how.expires {
                Some(expires) => expires.seen(&self.known, wanted.and_then(|profile| profile.expires))?,
                None => Expiry::NotKept,
            },
        })
    }

    /// The account, whosesoever it is.
    pub(super) fn candidate(&self, how: &Account) -> Result<Candidate, String> {
        Ok(Candidate {
            native_id: self.id(how)?,
            user_name: self.text(how.user_name.as_ref())?.unwrap_or(self.id(how)?),
            email: self.text(how.email.as_ref())?,
            active: self.is_active(how)?,
            external_id: self.text(how.mark.as_ref())?.filter(|mark| !mark.is_empty()),
        })
    }

    fn is_active(&self, how: &Account) -> Result<bool, String> {
        match how.active.value(&self.known)? {
            Value::Bool(active) => Ok(active),
            other => Err(format!("\"{}\" is to be true or false, and is {other}", how.active)),
        }
    }

    fn entitlements(&self, how: &Account) -> Result<BTreeSet<Entitlement>, String> {
        let groups = self.names(how.groups.as_ref())?.into_iter().map(Entitlement::Group);
        let roles = self.names(how.roles.as_ref())?.into_iter().map(Entitlement::Role);
        Ok(groups.chain(roles).collect())
    }

    /// A list of names, or the one name that there is.
    fn names(&self, how: Option<&Expression>) -> Result<Vec<String>, String> {
        let Some(how) = how else { return Ok(Vec::new()) };
        match how.value(&self.known)? {
            Value::Null => Ok(Vec::new()),
            Value::Array(names) => {
                let name =
                    |value: &Value| text(value).ok_or_else(|| format!("{value} at \"{how}\" is no name"));
                names.iter().map(name).collect()
            }
            one => Ok(text(&one).into_iter().filter(|name| !name.is_empty()).collect()),
        }
    }

    fn text(&self, how: Option<&Expression>) -> Result<Option<String>, String> {
        let value = how.map(|how| how.value(&self.known)).transpose()?;
        Ok(value.as_ref().and_then(text))
    }
}

impl Expires {
    /// The second lock for an account that ends at `end`, as the target writes it.
    pub(super) fn written(&self, end: Timestamp) -> Value {
        self.written.write(expiry::second_lock(end, self.written.unit()))
    }

    fn seen(&self, known: &Known, wanted: Option<Timestamp>) -> Result<Expiry, String> {
        let found = self.at.value(known)?;
        if found == Value::Bool(false) {
            return Ok(Expiry::NotKept);
        }
        let held = match text(&found).filter(|told| !told.is_empty()) {
            Some(told) => {
                let moment = self.written.read(&told);
                Some(moment.ok_or_else(|| format!("{found} at \"{}\" is no moment", self.at))?)
            }
            None => None,
        };
        Ok(expiry::seen(held, wanted, self.written.unit()))
    }
}

impl Notation {
    /// In what units it counts.
    fn unit(self) -> SignedDuration {
        match self {
            Self::Date => SignedDuration::from_hours(24),
            Self::Time | Self::Seconds => SignedDuration::from_secs(1),
            Self::Milliseconds => SignedDuration::from_millis(1),
        }
    }

    fn write(self, moment: Timestamp) -> Value {
        match self {
            Self::Date => moment.to_zoned(TimeZone::UTC).date().to_string().into(),
            Self::Time => moment.to_string().into(),
            Self::Seconds => moment.as_second().into(),
            Self::Milliseconds => moment.as_millisecond().into(),
        }
    }

    fn read(self, told: &str) -> Option<Timestamp> {
        match self {
            Self::Date => {
                let date: jiff::civil::Date = told.get(..10)?.parse().ok()?;
                date.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp())
            }
            Self::Time => told.parse().ok(),
            Self::Seconds => Timestamp::from_second(told.parse().ok()?).ok(),
            Self::Milliseconds => Timestamp::from_millisecond(told.parse().ok()?).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_second_lock_is_never_before_the_first() {
        let deadline: Timestamp = "2026-03-02T09:00:00.5Z".parse().unwrap();
        let cases = [
            ("date", json!("2026-03-04")),
            ("time", json!("2026-03-02T09:00:02Z")),
            ("seconds", json!(1_772_442_002)),
            ("milliseconds", json!(1_772_442_000_501_u64)),
        ];
        for (notation, written) in cases {
            let expires: Expires =
                serde_json::from_value(json!({ "at": "/until", "written": notation })).unwrap();
            assert_eq!(expires.written(deadline), written);
            let seen = |value: &Value, wanted| {
                expires.seen(&Known::default().answered(json!({ "until": value })), wanted).unwrap()
            };
            assert_eq!(seen(&written, Some(deadline)), Expiry::At(deadline), "{notation}");
            assert_eq!(seen(&Value::Null, Some(deadline)), Expiry::Never);
            // Somebody else's moment is told as it is.
            assert!(matches!(seen(&written, None), Expiry::At(at) if at > deadline));
        }
    }
}
