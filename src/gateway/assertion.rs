//! Our signed word to an app: who it is, what they may do there, until when. A JWT of a type of its own, for one
//! app alone and for a minute at most; beside it the plain headers that the app asks for.

use super::app::{App, Field};
use super::authorize::{Guest, Permit};
use super::headers::ASSERTION;
use crate::identity::{KeyError, SigningKeys};
use crate::names::{AppName, SessionId};
use crate::session::Session;
use http::{HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Weak};

/// The type in the header of every assertion, so that no other token passes for one.
pub const TYPE: &str = "guestpass+jwt";

/// How long an assertion is good at the most.
const LIFE: SignedDuration = SignedDuration::from_secs(60);

/// How many are kept, for pairs of session and app. Each takes about 1 KiB.
const KEPT: u64 = 100_000;

/// Makes assertions and keeps them for half their life. Shared by all workers.
pub struct Assertions {
    issuer: String,
    keys: SigningKeys,
    kept: Cache<(SessionId, AppName), Arc<Word>>,
}

/// What one app is told of one person: headers that are set as they are.
pub struct Word {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What it was made from: another session object, or another app's object, another word.
    session: Weak<Session>,
    app: Weak<App>,
    /// For whom it is, where what it says hangs on that.
    address: Option<IpAddr>,
    renew_at: Timestamp,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    provider: &'a str,
    idp_iss: &'a str,
    roles: Vec<&'a str>,
    policy: BTreeSet<&'a str>,
    access_until: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
}

impl Assertions {
    /// Assertions issued by `issuer`, our own address, and signed with that of `keys` whose turn it is.
    pub fn new(issuer: impl Into<String>, keys: SigningKeys) -> Self {
        // By the machine's clock, and for memory alone: what is too old is told by `renew_at`.
        let kept = Cache::builder().max_capacity(KEPT).time_to_live(LIFE.unsigned_abs()).build();
        Self { issuer: issuer.into(), keys, kept }
    }

    /// What the app is told of whom `permit` is for; `None` where it is for nobody in particular.
    pub fn word(&self, permit: &Permit) -> Result<Option<Arc<Word>>, KeyError> {
        let Some(guest) = permit.guest() else { return Ok(None) };
        let (app, session) = (permit.app(), guest.session());
        let key = (session.id, app.name.clone());
        if let Some(word) = self.kept.get(&key)
            && word.holds(guest.at())
            && word.address == guest.address_matters()
            && Weak::as_ptr(&word.session) == Arc::as_ptr(session)
            && Weak::as_ptr(&word.app) == Arc::as_ptr(app)
        {
            return Ok(Some(word));
        }
        let word = Arc::new(self.make(app, guest)?);
        self.kept.insert(key, word.clone());
        Ok(Some(word))
    }

    fn make(&self, app: &Arc<App>, guest: &Guest) -> Result<Word, KeyError> {
        let (session, now) = (guest.session(), guest.at());
        let person = &session.person;
        let live: Vec<_> = guest.live(app).collect();
        let ends = || live.iter().map(|(_, until)| (*until).min(session.until));
        // It names every role that is live and whose conditions hold, so it is good until the first of them ends, or
        // does not: never past the permit.
        let end = ends().min().unwrap_or(session.until).min(now + LIFE);
        let claims = Claims {
            iss: &self.issuer,
            aud: app.name.as_str(),
            sub: &person.sub,
            iat: now.as_second(),
            exp: end.as_second(),
            provider: person.provider.as_str(),
            idp_iss: &person.issuer,
            roles: live.iter().map(|(held, _)| held.role().as_str()).collect(),
            policy: live.iter().map(|(held, _)| &*held.opening.policy).collect(),
            access_until: ends().max().unwrap_or(session.until).as_second(),
            account: guest.account(app),
            name: person.display_name.as_deref(),
            email: person.email.as_deref(),
        };
        let key = self.keys.at(now).ok_or(KeyError::Unusable)?;
        let signed = HeaderValue::try_from(key.sign(TYPE, &claims)?).map_err(|_| KeyError::Unusable)?;
        let plain = app.headers.iter().filter_map(|(name, field)| {
            let text = match field {
                Field::Subject => claims.sub.to_owned(),
                Field::Email => claims.email?.to_owned(),
                Field::Name => claims.name?.to_owned(),
                Field::Roles => claims.roles.join(","),
                Field::Account => claims.account?.to_owned(),
            };
            // Control characters make no header; such a value is left out.
            Some((name.clone(), HeaderValue::from_bytes(text.as_bytes()).ok()?))
        });
        let headers = std::iter::once((ASSERTION, signed)).chain(plain).collect();
        let renew_at = now + end.duration_since(now) / 2;
        let (session, app) = (Arc::downgrade(session), Arc::downgrade(app));
        Ok(Word { headers, session, app, address: guest.address_matters(), renew_at })
    }
}

impl Word {
    /// Whether it may still be said at `now`.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        now < self.renew_at
    }

    /// The headers to set.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.headers.iter().map(|(name, value)| (name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::app::Rule;
    use crate::gateway::authorize::{Wanted, authorize};
    use crate::gateway::testing::{HERE, HOST, POLICY, app, at, held, limited, session};
    use crate::identity::SigningKey;
    use crate::session::Account;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
    use serde_json::{Value, json};

    fn permit(session: Option<&Arc<Session>>, app: &Arc<App>, rule: Rule, now: i64) -> Permit {
        from(HERE, session, app, rule, now)
    }

    fn from(address: IpAddr, session: Option<&Arc<Session>>, app: &Arc<App>, rule: Rule, now: i64) -> Permit {
        let rule = &Arc::new(rule);
        let wanted = Wanted { app, route: app.route("/"), rule, host: HOST, path: "/", address };
        authorize(session.cloned(), wanted, at(now)).unwrap()
    }

    fn claims(word: &Word, key: &Value) -> Value {
        let (name, token) = word.headers().next().unwrap();
        assert_eq!(name, ASSERTION);
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&["wiki"]);
        rules.validate_exp = false;
        let key = DecodingKey::from_jwk(&serde_json::from_value(key.clone()).unwrap()).unwrap();
        let read = decode::<Value>(token.to_str().unwrap(), &key, &rules).unwrap();
        assert_eq!(read.header.typ.as_deref(), Some(TYPE));
        read.claims
    }

    #[test]
    fn it_says_who_and_until_when_and_is_kept_for_half_its_life() {
        let key = SigningKey::generate().unwrap();
        let public = key.public_jwk();
        let assertions = Assertions::new("https://access.example.com", key.into());
        let wiki =
            app(json!({ "headers": { "X-Name": "name", "X-Roles": "roles", "X-Account": "account" } }));
        let grants = vec![held("reader", 100), held("editor", 1_000), held("owner", -1)];
        let guest = Arc::new(session(grants, Account::Ready("n-1".into())));
        let word = |now| assertions.word(&permit(Some(&guest), &wiki, Rule::AnyRole, now)).unwrap().unwrap();
        let first = word(0);
        let expected = json!({
            "iss": "https://access.example.com", "aud": "wiki", "sub": "c-17", "iat": at(0).as_second(),
            "exp": at(60).as_second(), "provider": "partners", "idp_iss": "https://id.partner.example/",
            "roles": ["reader", "editor"], "policy": [POLICY], "access_until": at(1_000).as_second(),
            "account": "n-1",
            "name": "Carla Müller", "email": "carla@partner.example",
        });
        assert_eq!(claims(&first, &public), expected);
        let plain: Vec<_> =
            first.headers().skip(1).map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let name = "Carla Müller".as_bytes();
        assert_eq!(plain, [("x-account", &b"n-1"[..]), ("x-name", name), ("x-roles", b"reader,editor")]);
        assert!(Arc::ptr_eq(&first, &word(29)));
        assert!(!Arc::ptr_eq(&first, &word(30)));
        // The first role to end ends it, and then it is not named any more.
        assert_eq!(claims(&word(70), &public)["exp"], at(100).as_second());
        assert_eq!(claims(&word(100), &public)["roles"], json!(["editor"]));
        assert_eq!(claims(&word(990), &public)["exp"], at(1_000).as_second());
    }

    #[test]
    fn who_is_signed_in_without_a_role_is_named_until_the_session_ends() {
        let key = SigningKey::generate().unwrap();
        let public = key.public_jwk();
        let assertions = Assertions::new("https://access.example.com", key.into());
        let guest = Arc::new(session(vec![held("reader", -1)], Account::NotNeeded));
        let permit = permit(Some(&guest), &app(json!({})), Rule::SignedIn, 0);
        let claims = claims(&assertions.word(&permit).unwrap().unwrap(), &public);
        assert_eq!((&claims["roles"], &claims["exp"]), (&json!([]), &json!(at(60).as_second())));
        assert_eq!(claims["access_until"], at(1_000_000).as_second());
    }

    #[test]
    fn a_role_is_named_while_its_conditions_hold_and_to_whom_they_hold_for() {
        let key = SigningKey::generate().unwrap();
        let public = key.public_jwk();
        let assertions = Assertions::new("https://access.example.com", key.into());
        let wiki = app(json!({}));
        // Until 08:00:20 in the test's time, from one network.
        let night = json!({ "hours": ["22:00:00", "08:00:20"], "networks": ["10.0.0.0/8"] });
        let grants = vec![held("reader", 1_000), limited("nurse", 1_000, night)];
        let guest = Arc::new(session(grants, Account::NotNeeded));
        let word = |address: &str, now| {
            let permit = from(address.parse().unwrap(), Some(&guest), &wiki, Rule::AnyRole, now);
            assertions.word(&permit).unwrap().unwrap()
        };
        let roles =
            |word: &Word| (claims(word, &public)["roles"].clone(), claims(word, &public)["exp"].clone());
        let inside = word("10.1.2.3", 0);
        assert_eq!(roles(&inside), (json!(["reader", "nurse"]), json!(at(20).as_second())));
        assert_eq!(roles(&word("192.0.2.1", 0)), (json!(["reader"]), json!(at(60).as_second())));
        assert_eq!(roles(&word("10.1.2.3", 20)).0, json!(["reader"]));
    }

    #[test]
    fn a_session_that_was_read_anew_gets_a_new_word_and_public_places_none() {
        let assertions =
            Assertions::new("https://access.example.com", SigningKey::generate().unwrap().into());
        let wiki = app(json!({ "headers": { "X-Name": "name", "X-Account": "account" } }));
        let before = Arc::new(session(vec![held("reader", 100)], Account::NotNeeded));
        let mut after = session(vec![held("reader", 100)], Account::NotNeeded);
        after.id = before.id;
        after.person.display_name = Some("line\nbreak".into());
        let word =
            |session: Option<&Arc<Session>>, rule| assertions.word(&permit(session, &wiki, rule, 0)).unwrap();
        let count = |session: &Arc<Session>| word(Some(session), Rule::AnyRole).unwrap().headers().count();
        assert_eq!((count(&before), count(&Arc::new(after))), (2, 1));
        assert!(word(None, Rule::Public).is_none());
    }
}
