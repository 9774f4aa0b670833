//! What somebody signals who knows more of people than we do: a security event token (RFC 8417), as OpenID Shared Signals
//! 1.0 (section 4) profiles it, with the events of CAEP 1.0 and RISC 1.0.
//!
//! Events that we do not know, and subjects that we cannot find anybody by, are no mistakes: they are taken, and nothing
//! follows from them.

use super::algorithm::Algorithm;
use super::claims::{date, is_for};
use super::jws::{Signed, Trust, Types};
use super::key_set::KeySet;
use super::verify::{LEEWAY, Unverified, named};
use super::whose::{Effect, Named, Whose};
use crate::seal::sha256;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// Where the names of event types begin.
const TYPES: &str = "https://schemas.openid.net/secevent/";

/// How much of the name of an event type is kept, in characters.
const LONGEST_TYPE: usize = 200;

/// What an event has to say to be one that was sent to us.
pub struct Stream<'a> {
    /// Who sends, to the letter.
    pub issuer: &'a str,
    /// Who we are there.
    pub audience: &'a str,
    /// How events may be signed.
    pub algorithms: &'a [Algorithm],
    /// The provider whose people may be spoken of: its issuer.
    pub people: &'a str,
}

/// An event that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEvent {
    /// The same for every copy of the token, and for no other: of issuer and `jti`.
    pub id: [u8; 32],
    /// When it was made.
    pub issued: Timestamp,
    /// Whom or what it is about; `None` where nobody of the provider can be found by what it says.
    pub whose: Option<Whose>,
    /// What happened, such as `caep/session-revoked`; several with commas between.
    pub said: String,
    /// What follows from it.
    pub effect: Effect,
}

/// Why an event is not taken, and the code that says so (RFC 8935, section 2.4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Doubt {
    /// `invalid_request`, `invalid_key`, `invalid_issuer` or `invalid_audience`.
    pub code: &'static str,
    /// Why.
    pub why: Unverified,
}

impl SecurityEvent {
    /// Verifies an event: type, signature, algorithm, issuer, audience, `iat` not in the future, and `exp`, which it need
    /// not have. Whether it was seen before is the store's to know.
    ///
    /// # Errors
    /// Where it is not to be taken; [`Unverified::UnknownKey`] in it where fresh keys may help.
    pub fn verify(token: &str, keys: &KeySet, stream: &Stream<'_>, now: Timestamp) -> Result<Self, Doubt> {
        let Stream { issuer, audience, algorithms, people } = *stream;
        let types = Types::Named("secevent+jwt");
        let trust = Trust { what: "security event", keys, algorithms, types };
        let Signed { claims, .. } = trust.open(token).map_err(|why| Doubt {
            code: if matches!(why, Unverified::UnknownKey(_)) { "invalid_key" } else { "invalid_request" },
            why,
        })?;
        let doubt = |code, why: &str| Doubt { code, why: trust.invalid(why) };
        if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
            return Err(doubt("invalid_issuer", "it is of another issuer (iss)"));
        }
        if !is_for(claims.get("aud"), |one| one == audience) {
            return Err(doubt("invalid_audience", "it is not for us (aud)"));
        }
        if claims.contains_key("exp") && date(claims.get("exp")).is_none_or(|end| now >= end) {
            return Err(doubt("invalid_request", "it is over (exp)"));
        }
        let event = Self::read(&claims, people).map_err(|why| doubt("invalid_request", why))?;
        if event.issued > now + LEEWAY {
            return Err(doubt("invalid_request", "it was made in the future (iat)"));
        }
        Ok(event)
    }

    /// What signed claims say, whose issuer and audience have been checked.
    pub(super) fn read(claims: &Map<String, Value>, people: &str) -> Result<Self, &'static str> {
        let events = claims.get("events").and_then(Value::as_object).filter(|events| !events.is_empty());
        let events = events.ok_or("it says nothing that happened (events)")?;
        let jti = claims.get("jti").and_then(Value::as_str).filter(|jti| !jti.is_empty());
        let jti = jti.ok_or("it has no name of its own (jti)")?;
        let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
        let issued = date(claims.get("iat")).ok_or("it does not say when it was made (iat)")?;
        let said: Vec<String> = events.keys().map(|name| short(name)).collect();
        let effects = events.iter().map(|(name, event)| effect(name, event));
        let effect = effects.max().unwrap_or(Effect::Nothing);
        let whose = match claims.get("sub_id").and_then(|subject| whose(subject, people)) {
            // An account is all of somebody's, whichever session it was closed in.
            Some(Whose::Session { of: Some(of), .. }) if effect == Effect::ClosesAccount => {
                Some(Whose::Person(of))
            }
            whose => whose,
        };
        let id = sha256(&[b"security event", issuer.as_bytes(), jti.as_bytes()]);
        Ok(Self { id, issued, whose, said: said.join(", "), effect })
    }
}

/// The name of an event type as the record shows it.
fn short(name: &str) -> String {
    let name = match name.strip_prefix(TYPES).and_then(|name| name.split_once("/event-type/")) {
        Some((family, event)) => format!("{family}/{event}"),
        None => name.to_owned(),
    };
    name.chars().filter(|letter| !letter.is_control()).take(LONGEST_TYPE).collect()
}

fn effect(name: &str, event: &Value) -> Effect {
    match name.strip_prefix(TYPES) {
        // Another way to prove who one is takes nothing from those that are there.
        Some("caep/event-type/credential-change") if event["change_type"] == "create" => Effect::Nothing,
        Some(
            "caep/event-type/session-revoked"
            | "caep/event-type/credential-change"
            | "risc/event-type/sessions-revoked"
            | "risc/event-type/credential-compromise",
        ) => Effect::EndsSessions,
        Some("risc/event-type/account-disabled" | "risc/event-type/account-purged") => Effect::ClosesAccount,
        _ => Effect::Nothing,
    }
}

/// Whom or what a subject stands for (RFC 9493; OpenID Shared Signals 1.0, section 3). Of a complex one, `user` and
/// `session` decide; what else is in it (`device`, `tenant`) would only narrow it, and is left aside.
fn whose(subject: &Value, people: &str) -> Option<Whose> {
    if subject["format"] != "complex" {
        return person(subject, people).map(Whose::Person);
    }
    let of = match subject.get("user") {
        // Somebody who cannot be found is not everybody.
        Some(user) => Some(person(user, people)?),
        None => None,
    };
    let session = subject.get("session").filter(|session| session["format"] == "opaque");
    match (session.and_then(|session| named(session.get("id"))), of) {
        (Some(sid), of) => Some(Whose::Session { sid, of }),
        // A session that is named in another way is one of theirs.
        (None, of) => of.map(Whose::Person),
    }
}

fn person(subject: &Value, people: &str) -> Option<Named> {
    let member = |name: &str| named(subject.get(name));
    match subject["format"].as_str()? {
        "iss_sub" => {
            let same = member("iss")?.trim_end_matches('/') == people.trim_end_matches('/');
            member("sub").filter(|_| same).map(Named::Sub)
        }
        "opaque" => member("id").map(Named::Sub),
        "email" => member("email").map(Named::Email),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PEOPLE: &str = "https://login.example.com";

    fn read(subject: Value, events: Value) -> Result<SecurityEvent, &'static str> {
        let claims = json!({ "iss": PEOPLE, "iat": 100, "jti": "j-1", "sub_id": subject, "events": events });
        SecurityEvent::read(claims.as_object().unwrap(), PEOPLE)
    }

    #[test]
    fn a_subject_is_somebody_of_the_provider_or_nobody() {
        let sub = || Named::Sub("c-17".to_owned());
        let user = json!({ "format": "iss_sub", "iss": format!("{PEOPLE}/"), "sub": "c-17" });
        let session = json!({ "format": "opaque", "id": "s-1" });
        let of_session = |of| Some(Whose::Session { sid: "s-1".to_owned(), of });
        let stranger = json!({ "format": "iss_sub", "iss": "https://evil.example", "sub": "c-17" });
        let email = json!({ "format": "email", "email": "carla@example.com" });
        for (subject, expected) in [
            (user.clone(), Some(Whose::Person(sub()))),
            (json!({ "format": "opaque", "id": "c-17" }), Some(Whose::Person(sub()))),
            (email, Some(Whose::Person(Named::Email("carla@example.com".to_owned())))),
            (stranger.clone(), None),
            (json!({ "format": "phone_number", "phone_number": "+12065550100" }), None),
            (json!({ "format": "iss_sub", "iss": PEOPLE }), None),
            (json!("c-17"), None),
            (json!({ "format": "complex", "user": user, "session": session }), of_session(Some(sub()))),
            (json!({ "format": "complex", "session": session }), of_session(None)),
            (json!({ "format": "complex", "user": user, "tenant": session }), Some(Whose::Person(sub()))),
            (
                json!({ "format": "complex", "user": user, "session": { "format": "jwt_id", "jti": "x" } }),
                Some(Whose::Person(sub())),
            ),
            (json!({ "format": "complex", "user": stranger, "session": session }), None),
            (json!({ "format": "complex", "tenant": session }), None),
        ] {
            let read = read(subject.clone(), json!({ "x": {} })).unwrap();
            assert_eq!(read.whose, expected, "{subject}");
        }
    }

    #[test]
    fn what_follows_is_what_the_gravest_event_says_and_nothing_from_others() {
        let of = |names: &[&str]| {
            let events = names.iter().map(|name| ((*name).to_owned(), json!({}))).collect::<Map<_, _>>();
            let read = read(json!({}), Value::Object(events)).unwrap();
            (read.said, read.effect)
        };
        let revoked = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
        let purged = "https://schemas.openid.net/secevent/risc/event-type/account-purged";
        assert_eq!(of(&[revoked]), ("caep/session-revoked".to_owned(), Effect::EndsSessions));
        let both = ("caep/session-revoked, risc/account-purged".to_owned(), Effect::ClosesAccount);
        assert_eq!(of(&[revoked, purged]), both);
        let other = "https://schemas.openid.net/secevent/ssf/event-type/verification";
        assert_eq!(of(&[other]), ("ssf/verification".to_owned(), Effect::Nothing));
        assert_eq!(of(&["urn:x\ny"]), ("urn:xy".to_owned(), Effect::Nothing));
        assert_eq!(of(&[&"x".repeat(1000)]).0.len(), LONGEST_TYPE);
    }

    #[test]
    fn a_credential_that_comes_takes_nothing_and_one_that_changes_does() {
        let of = |change: Value| {
            let name = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
            read(json!({}), json!({ name: change })).unwrap().effect
        };
        assert_eq!(of(json!({ "change_type": "create" })), Effect::Nothing);
        for change in
            [json!({ "change_type": "revoke" }), json!({ "change_type": "update" }), json!({}), json!(7)]
        {
            assert_eq!(of(change.clone()), Effect::EndsSessions, "{change}");
        }
    }

    #[test]
    fn without_events_it_is_none() {
        for events in [json!({}), json!([]), Value::Null] {
            assert!(read(json!({}), events.clone()).is_err(), "{events}");
        }
    }
}
