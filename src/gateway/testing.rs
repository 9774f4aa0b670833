//! What the tests of this room share.

use super::app::App;
use super::gate::Gate;
use super::listen::{Drain, Entrance, Patience};
use super::settings::{Mistake, Settings};
use super::tunnel::Tunnels;
use super::upstream::{Loader, Registry};
use super::{Assertions, Gateway, Live, Plan, Routes};
use crate::account::Because;
use crate::clock::Clock;
use crate::identity::SigningKey;
use crate::names::{IdentityId, SessionId, SignInId, UserId};
use crate::session::{Access, Account, Held, Person, Session, Sessions};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

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
    Arc::new(check(serde_json::from_value(settings).unwrap(), "wiki").unwrap())
}

/// The app that `settings` describe, for two workers.
pub(super) fn check(settings: Settings<()>, name: &str) -> Result<App, Vec<Mistake>> {
    let loader = Loader { folder: Path::new("."), lanes: 2, registry: &Registry::default() };
    settings.check(name.parse().unwrap(), loader)
}

/// What answers requests for `app`, of which nobody is there.
pub(super) async fn gate(app: Arc<App>) -> Arc<Gate> {
    let url = "http://access.example.com".parse().unwrap();
    let plan = Plan { routes: Routes::new(url, [app]).unwrap(), pages: axum::Router::new() };
    let seconds = std::time::Duration::from_secs;
    let entrance = Entrance {
        listeners: Vec::new(),
        trusted: Vec::new(),
        most: 0,
        patience: Patience::default(),
        finish: seconds(1),
    };
    let gateway = Gateway {
        entrance,
        workers: 1,
        live: Arc::new(Live::new(plan)),
        sessions: Sessions::for_tests().await,
        assertions: Arc::new(Assertions::new("", SigningKey::generate().unwrap().into())),
        access_log: None,
        main: Handle::current(),
        clock: Clock::turned(at(0)),
        drain: Drain::default(),
    };
    Arc::new(Gate::new(Arc::new(gateway), 0, Tunnels::default()))
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
