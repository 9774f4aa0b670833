//! What providers tell us by themselves: that somebody has signed out there, and what else happens to people and their
//! accounts. All of it comes to one verb, [`Lifecycle::signal`], once.
//!
//! - `POST /sign-out/back-channel/PROVIDER`: a logout token (OpenID Connect Back-Channel Logout 1.0);
//! - `GET /sign-out/front-channel/PROVIDER`: in a frame, in the person's own browser (OpenID Connect Front-Channel Logout
//!   1.0);
//! - `POST /signals/PROVIDER`: a security event that is pushed (RFC 8935), and [`poll`] for those that we ask for.
//!
//! Nothing is believed without a signature of the provider's, but in the front channel, which can end nothing but the
//! session of the browser that it comes from. What cannot be told now is not refused: it is to be said again.

mod back_channel;
mod counts;
mod front_channel;
mod polling;
mod push;
mod security_event;

pub use counts::Counts;
pub use polling::{Polling, poll};

use crate::clock::Clock;
use crate::issuer::Issuer;
use crate::lifecycle::Lifecycle;
use crate::names::ProviderName;
use crate::session::Sessions;
use crate::store::Store;
use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, header};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::form_urlencoded;

/// The longest token that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// What this door needs.
pub struct Deps {
    /// The providers that vouch for people.
    pub issuers: BTreeMap<ProviderName, Arc<Issuer>>,
    /// The verbs.
    pub lifecycle: Lifecycle,
    /// Who is there.
    pub sessions: Sessions,
    /// Which sessions at the provider they hang on.
    pub store: Store,
    /// Our own host, as sessions are bound to it.
    pub own_host: String,
    /// Whether our own pages are on https.
    pub secure: bool,
    /// What came of what was said.
    pub counts: Counts,
    /// What time it is.
    pub clock: Clock,
}

type State = axum::extract::State<Arc<Deps>>;

/// The addresses of this door.
pub fn router(deps: Deps) -> Router {
    Router::new()
        .route("/sign-out/back-channel/{provider}", post(back_channel::logout))
        .route("/sign-out/front-channel/{provider}", get(front_channel::logout))
        .route("/signals/{provider}", post(push::push))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(Arc::new(deps))
}

impl Deps {
    fn issuer(&self, provider: &str) -> Option<&Arc<Issuer>> {
        self.issuers.get(provider)
    }
}

/// The one value of this name in a form or a query; `None` where there is none, or several.
fn the(name: &str, form: &[u8]) -> Option<String> {
    let mut found = form_urlencoded::parse(form).filter(|(found, _)| found == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value.into_owned()),
        _ => None,
    }
}

/// An answer that nobody keeps.
fn answer(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The same as JSON.
fn told(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = answer(status, body.to_string());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // RFC 8935, section 2.3: descriptions say in which language they are.
    response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    response
}

/// Nobody can say now; it is to be said again.
fn later() -> Response {
    let mut response = answer(StatusCode::SERVICE_UNAVAILABLE, Body::empty());
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}
