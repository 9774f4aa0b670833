//! A person's own page: what access they have, until when and why. And the keys by which apps know our word.

use crate::account::Because;
use crate::clock::Clock;
use crate::identity::SigningKeys;
use crate::names::AppName;
use crate::page::{self, Page, PortalRow, PortalState, Reader, moment};
use crate::session::cookie::Cookie;
use crate::session::{Access, Account, Held, Session, Sessions};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, Method, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

/// How long before its end access is warned about.
const SOON: SignedDuration = SignedDuration::from_hours(72);

/// What this door needs.
pub struct Deps {
    /// The host of our own pages, as sessions are bound to it.
    pub own_host: String,
    /// Whether people reach us by https.
    pub secure: bool,
    /// The apps: title, and where a browser finds it, if at one place.
    pub apps: BTreeMap<AppName, (String, Option<Url>)>,
    /// Who is there.
    pub sessions: Sessions,
    /// Sign the assertions.
    pub keys: SigningKeys,
    /// What time it is.
    pub clock: Clock,
}

/// The pages of this door.
pub fn router(deps: Deps) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/.well-known/jwks.json", get(keys))
        .fallback(nothing_here)
        .with_state(Arc::new(deps))
}

/// The keys that our assertions are signed with (RFC 7517). Apps may keep them for five minutes.
async fn keys(State(deps): State<Arc<Deps>>) -> impl IntoResponse {
    let keys: Value = json!({ "keys": deps.keys.published(deps.clock.now()) });
    ([("cache-control", "public, max-age=300")], Json(keys))
}

async fn home(State(deps): State<Arc<Deps>>, headers: HeaderMap) -> Response {
    let now = deps.clock.now();
    match deps.sessions.on(&deps.own_host, &headers, Cookie::session(deps.secure), now).await {
        Ok(Some(session)) => portal(&deps, &session, now).respond().map(Body::from).into_response(),
        Ok(None) => Redirect::to("/sign-in").into_response(),
        Err(_) => Page::store_unavailable().respond(Reader::Person).map(Body::from).into_response(),
    }
}

fn portal(deps: &Deps, session: &Session, now: Timestamp) -> page::Portal {
    let person = &session.person;
    let rows: Vec<PortalRow> = session.access.iter().flat_map(|access| rows(deps, access, now)).collect();
    page::Portal {
        person: person.display_name.as_ref().unwrap_or(&person.sub).to_string(),
        provider: person.provider.to_string(),
        rows,
        sign_out: "/sign-out".to_owned(),
    }
}

fn rows(deps: &Deps, access: &Access, now: Timestamp) -> Vec<PortalRow> {
    let app = deps.apps.get(&access.app);
    let title = app.map_or_else(|| access.app.to_string(), |(title, _)| title.clone());
    let href = app.and_then(|(_, origin)| origin.as_ref()).map(Url::to_string).unwrap_or_default();
    let row = |held: &Held| {
        let live = held.is_live(now);
        let state = match &access.account {
            _ if !live || app.is_none() => PortalState::Ended,
            Account::Preparing => PortalState::Preparing,
            Account::Stuck => PortalState::Stuck,
            Account::NotNeeded | Account::Ready(_) => PortalState::Active,
        };
        // An end that the person puts off as they go needs no warning.
        let put_off = held.because.is_put_off();
        PortalRow {
            app: title.clone(),
            href: href.clone(),
            role: held.role().to_string(),
            state,
            until: if live {
                format!("until {}", moment(held.until))
            } else {
                format!("ended {}", moment(held.until))
            },
            why: match held.because {
                Because::Lapse(_) if live => {
                    "It goes on as long as you sign in and your organisation confirms it.".to_owned()
                }
                Because::Idle(_) if live => "It goes on as long as you use it.".to_owned(),
                _ => held.because.sentence(),
            },
            ends_soon: live && !put_off && held.until.duration_since(now) < SOON,
        }
    };
    access.held.iter().map(row).collect()
}

async fn nothing_here(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    tracing::debug!(path = uri.path(), "nothing here");
    Page::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here.", "The address may be wrong.")
        .link("Your access", "/")
        .respond(Reader::of(&method, &headers))
        .map(Body::from)
        .into_response()
}
