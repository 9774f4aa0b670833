//! A provider's word that a session there is over (OpenID Connect Back-Channel Logout 1.0, section 2.4).

use super::claims::date;
use super::jws::{Signed, Trust, Types};
use super::key_set::KeySet;
use super::verify::{Expected, Unverified, named};
use super::whose::{Named, Whose};
use crate::seal::sha256;
use jiff::Timestamp;
use serde_json::{Map, Value};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutToken {
    /// What is over.
    pub whose: Whose,
    /// The same for every copy of the token, and for no other: of issuer and `jti`.
    pub id: [u8; 32],
    /// When it was made.
    pub issued: Timestamp,
    /// When it is worthless.
    pub ends: Timestamp,
}

impl LogoutToken {
    /// Verifies a logout token (section 2.6): signature, algorithm, type where it names one, issuer, audience, `iat`,
    /// `exp`, `jti`, `sub` or `sid`, the one event, and no `nonce`, which makes an ID token. Whether it was seen before is
    /// the store's to know.
    ///
    /// # Errors
    /// [`Unverified::UnknownKey`] where fresh keys may help; otherwise the token is to be refused.
    pub fn verify(
        token: &str,
        keys: &KeySet,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Self, Unverified> {
        let trust = Trust { types: Types::Or("logout+jwt"), ..expected.trust("logout token", keys) };
        let Signed { claims, .. } = trust.open(token)?;
        expected.check(&trust, &claims, now)?;
        Self::read(&claims).map_err(|why| trust.invalid(why))
    }

    /// What signed claims say, whose issuer, audience and time have been checked.
    pub(super) fn read(claims: &Map<String, Value>) -> Result<Self, &'static str> {
        if claims.contains_key("nonce") {
            return Err("it answers a question (nonce), and so is no logout token");
        }
        if !claims.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object) {
            return Err("it does not say that somebody signed out (events)");
        }
        let member = |name: &str, wrong| match claims.get(name) {
            None => Ok(None),
            value => named(value).map(Some).ok_or(wrong),
        };
        let sub = member("sub", "it names somebody in a way that cannot be (sub)")?.map(Named::Sub);
        let whose = match (member("sid", "it names a session in a way that cannot be (sid)")?, sub) {
            (Some(sid), of) => Whose::Session { sid, of },
            (None, Some(sub)) => Whose::Person(sub),
            (None, None) => return Err("it names neither a session nor a person (sid, sub)"),
        };
        let jti = claims.get("jti").and_then(Value::as_str).filter(|jti| !jti.is_empty());
        let jti = jti.ok_or("it has no name of its own (jti)")?;
        let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
        let moment =
            |name| date(claims.get(name)).ok_or("it does not say when it was made and ends (iat, exp)");
        Ok(Self {
            whose,
            id: sha256(&[b"logout token", issuer.as_bytes(), jti.as_bytes()]),
            issued: moment("iat")?,
            ends: moment("exp")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(more: Value) -> Result<LogoutToken, &'static str> {
        let mut claims = json!({
            "iss": "https://login.example.com", "iat": 100, "exp": 220, "jti": "j-1", "sid": "s-1", "sub": "c-17",
            "events": { EVENT: {} },
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        LogoutToken::read(claims.as_object().unwrap())
    }

    #[test]
    fn it_names_a_session_or_a_person_or_both() {
        let of = |more| read(more).unwrap().whose;
        let carla = Named::Sub("c-17".to_owned());
        let sid = "s-1".to_owned();
        assert_eq!(of(json!({})), Whose::Session { sid: sid.clone(), of: Some(carla.clone()) });
        assert_eq!(of(json!({ "sub": null })), Whose::Session { sid, of: None });
        assert_eq!(of(json!({ "sid": null })), Whose::Person(carla));
    }

    #[test]
    fn whatever_is_not_as_it_must_be_is_refused() {
        for wrong in [
            json!({ "sid": null, "sub": null }),
            json!({ "sid": 7 }),
            json!({ "sid": "" }),
            json!({ "sub": ["c-17"] }),
            json!({ "sub": "c\n17" }),
            json!({ "nonce": "n" }),
            json!({ "nonce": "" }),
            json!({ "jti": null }),
            json!({ "jti": "" }),
            json!({ "events": null }),
            json!({ "events": {} }),
            json!({ "events": { EVENT: "yes" } }),
            json!({ "events": [EVENT] }),
            json!({ "exp": null }),
            json!({ "iat": "now" }),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn copies_are_one_and_others_are_not() {
        let id = |more| read(more).unwrap().id;
        assert_eq!(id(json!({})), id(json!({ "iat": 101 })));
        assert_ne!(id(json!({})), id(json!({ "jti": "j-2" })));
        assert_ne!(id(json!({})), id(json!({ "iss": "https://login.example.org" })));
    }
}
