//! What the tests of this room share.

use super::settings::{App, Settings};
use crate::account::Because;
use crate::names::{IdentityId, SessionId, SignInId, UserId};
use crate::session::{Access, Account, Held, Person, Session};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// The host of the app that tests use.
pub(super) const HOST: &str = "wiki.example.com";

/// So many seconds into the test's time.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// The app `wiki`, with further settings.
pub(super) fn app(more: Value) -> Arc<App> {
    let mut settings = json!({ "host": HOST, "upstream": "http://127.0.0.1:1", "title": "Wiki" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings: Settings = serde_json::from_value(settings).unwrap();
    Arc::new(settings.check("wiki".parse().unwrap()).unwrap())
}

/// A live grant of `role` until so many seconds into the test's time.
pub(super) fn held(role: &str, until: i64) -> Held {
    Held { role: role.parse().unwrap(), until: at(until), because: Because::Policy, ended: false }
}

/// A session at [`HOST`] that holds this in `wiki`.
pub(super) fn session(held: Vec<Held>, account: Account) -> Session {
    Session {
        id: SessionId::random(),
        sign_in: SignInId::random(),
        user: UserId::random(),
        identity: IdentityId::random(),
        host: HOST.into(),
        person: Person {
            provider: "partners".parse().unwrap(),
            issuer: "https://id.partner.example/".into(),
            sub: "c-17".to_owned(),
            display_name: Some("Carla Müller".to_owned()),
            email: Some("carla@partner.example".to_owned()),
        },
        until: at(1_000_000),
        access: vec![Access { app: "wiki".parse().unwrap(), held, account }],
        mark: Arc::default(),
    }
}

/// Makes it a session that was overtaken by a commit.
pub(super) fn outdate(session: &Session) {
    session.mark.make_stale();
}
