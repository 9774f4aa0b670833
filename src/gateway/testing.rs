//! What the tests of this room share.

use super::app::App;
use super::gate::Gate;
use super::listen::{Drain, Entrance, Patience};
use super::settings::{Mistake, Settings};
use super::tunnel::Tunnels;
use super::upstream::{Loader, Registry};
use super::{Assertions, Gateway, Live, Plan, Routes, Tallies};
use crate::account::{Because, Limits, Opening, Terms};
use crate::clock::Clock;
use crate::identity::SigningKey;
use crate::names::{IdentityId, SessionId, SignInId, UserId};
use crate::session::{Access, Account, Held, Person, Session, Sessions};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The host of the app that tests use.
pub(super) const HOST: &str = "wiki.example.com";

/// Where requests come from.
pub(super) const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

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
    let plan = Plan { routes: Routes::new(url, [app]).unwrap(), pages: axum::Router::new(), bearers: None };
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
        tallies: Tallies::new(2),
        traces: None,
        access_log: None,
        main: Handle::current(),
        clock: Clock::turned(at(0)),
        drain: Drain::default(),
    };
    Arc::new(Gate::new(Arc::new(gateway), 0, Tunnels::default()))
}

/// The policy that gave everything here.
pub(super) const POLICY: &str = "5f0c1b2a9e47";

/// A live grant of `role` until so many seconds into the test's time.
pub(super) fn held(role: &str, until: i64) -> Held {
    on_terms(until, &plain(role))
}

/// The same under conditions.
pub(super) fn limited(role: &str, until: i64, only: Value) -> Held {
    let only = vec![serde_json::from_value::<Limits>(only).unwrap()];
    on_terms(until, &Terms { only, ..plain(role) })
}

/// A live grant of `role` that opens only what is below these prefixes.
pub(super) fn partial(role: &str, until: i64, routes: &[&str]) -> Held {
    let routes = routes.iter().map(|route| (*route).to_owned()).collect();
    on_terms(until, &Terms { routes, ..plain(role) })
}

fn plain(role: &str) -> Terms {
    Terms::plain(role.parse().unwrap(), "wiki".parse().unwrap())
}

fn on_terms(until: i64, terms: &Terms) -> Held {
    let opening = Arc::new(Opening::new(terms, POLICY));
    Held { opening, until: at(until), because: Because::Policy, ended: false }
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
            sub: "c-17".into(),
            display_name: Some("Carla Müller".into()),
            email: Some("carla@partner.example".into()),
        },
        until: at(1_000_000),
        access: Box::new([Access { app: "wiki".parse().unwrap(), held: held.into(), account }]),
        strength: None,
        noted: Default::default(),
        mark: Arc::default(),
    }
}

/// Makes it a session that was overtaken by a commit.
pub(super) fn outdate(session: &Session) {
    session.mark.make_stale();
}
