//! How people come in and go out.
//!
//! All of it happens on our own host, which has the one redirect URI, and is carried over to the host of the app:
//!
//! 1. `APP/.guestpass/start`: the app's host gives the browser a nonce and sends it to us;
//! 2. `/sign-in`: we send it to the provider, with the attempt sealed in a cookie. Nothing is written;
//! 3. `/callback`: the provider vouches; `lifecycle::login`; our own host gives the browser a session;
//! 4. `APP/.guestpass/enter`: a code for one use, one minute, this host and this browser opens a session there.
//!
//! Whoever has a session on our own host skips 2 and 3.

mod attempt;
mod callback;
mod enter;
mod initiate;
mod outcomes;
mod refresh;
mod round;
mod sign_in;
mod sign_out;
mod wish;

pub use outcomes::Outcomes;
pub use refresh::{Refreshing, refresh};

use crate::clock::Clock;
use crate::host::{self, Pattern};
use crate::issuer::Issuer;
use crate::lifecycle::Lifecycle;
use crate::names::{AppName, ProviderName};
use crate::page::{Page, Reader};
use crate::seal::sha256_text;
use crate::session::cookie::Cookie;
use crate::session::{Session, Sessions, Unavailable};
use crate::store::Store;
use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use tower_http::csrf::CsrfLayer;
use url::Url;

/// How long somebody may take to sign in at the provider.
const ATTEMPT: SignedDuration = SignedDuration::from_mins(10);

/// How long a hand-over to an app's host is good for.
const HANDOVER: SignedDuration = SignedDuration::from_secs(60);

/// What this door needs.
pub struct Deps {
    /// Our own address.
    pub url: Url,
    /// The apps that people come for.
    pub apps: BTreeMap<AppName, App>,
    /// The providers that vouch for them.
    pub issuers: BTreeMap<ProviderName, Arc<Issuer>>,
    /// The verbs.
    pub lifecycle: Lifecycle,
    /// Who is there.
    pub sessions: Sessions,
    /// For hand-overs, and for what is sealed.
    pub store: Store,
    /// Where it is counted what came of sign-ins.
    pub outcomes: Outcomes,
    /// How long a session's cookie is kept.
    pub session: SignedDuration,
    /// What time it is.
    pub clock: Clock,
}

/// An app as this door sees it.
#[derive(Debug, Clone)]
pub struct App {
    /// What people call it.
    pub title: String,
    /// Its hosts.
    pub hosts: Vec<Pattern>,
    /// The providers that its people come from; any of them if there are none.
    pub providers: Vec<ProviderName>,
}

impl App {
    /// The host that people are sent to who name none: the first that is one host.
    fn first_host(&self) -> Option<&str> {
        let pattern = self.hosts.iter().find(|pattern| !pattern.is_wildcard())?;
        Some(pattern.host().as_str())
    }
}

/// The pages of this door.
pub fn router(deps: Deps) -> Router {
    // What a provider has the browser post comes from elsewhere, and proves itself by its state.
    let posted = Router::new()
        .route("/callback", post(callback::posted))
        .layer(DefaultBodyLimit::max(callback::LONGEST_FORM));
    Router::new()
        .route("/.guestpass/start", get(sign_in::start))
        .route("/.guestpass/enter", get(enter::enter))
        .route("/sign-in", get(sign_in::sign_in))
        .route("/sign-in/initiate", get(initiate::initiate))
        .route("/callback", get(callback::callback))
        .route("/sign-out", get(sign_out::ask).post(sign_out::sign_out))
        .route("/signed-out", get(sign_out::done))
        // Only our own pages may post here: nobody is signed out from elsewhere.
        .layer(CsrfLayer::new())
        .merge(posted)
        .with_state(Arc::new(deps))
}

type State = axum::extract::State<Arc<Deps>>;

impl Deps {
    fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    fn own(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }

    /// Whether `app` is one of ours, and `host`, if one is named, one of its hosts: nobody is sent anywhere else.
    fn leads_to(&self, app: &AppName, host: Option<&str>) -> bool {
        let Some(app) = self.apps.get(app) else { return false };
        host.map_or(app.first_host().is_some(), |host| app.hosts.iter().any(|pattern| pattern.covers(host)))
    }

    /// Where a browser finds `host`; one that names no port is reached at ours.
    fn origin(&self, host: &str) -> String {
        let port = self.url.port().filter(|_| host::split(host).is_some_and(|(_, port)| port.is_none()));
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{host}{port}", self.url.scheme())
    }

    /// The live session on `host`.
    async fn session(&self, headers: &HeaderMap, host: &str) -> Result<Option<Arc<Session>>, Unavailable> {
        self.sessions.on(host, headers, Cookie::session(self.is_secure()), self.clock.now()).await
    }

    /// The live session on our own host.
    async fn own_session(&self, headers: &HeaderMap) -> Result<Option<Arc<Session>>, Unavailable> {
        self.session(headers, &own_host(&self.url)).await
    }
}

/// Our own host, as sessions are bound to it.
pub fn own_host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// What is told of a browser's nonce: it finds the nonce again, and does not give it away.
fn nonce_hash(nonce: &str) -> String {
    sha256_text(&[b"browser", nonce.as_bytes()])
}

/// The longest way back that is remembered, in bytes: sealed, it must fit into a cookie of 4,096.
const LONGEST_WAY: usize = 2_000;

/// A path and query on the same host, for the way back; `/` for anything that a browser could read otherwise, and
/// for what is too long to be remembered.
fn local_path(text: &str) -> String {
    // Resolved as a browser does it: whatever leaves the host is not a path.
    let Ok(here) = Url::parse("http://here.invalid/") else { return "/".to_owned() };
    match here.join(text) {
        // Two slashes in front name a host, also where dot segments have only just brought them together.
        Ok(url) if url.as_str().len() > LONGEST_WAY => "/".to_owned(),
        Ok(url)
            if text.starts_with('/') && url.origin() == here.origin() && !url.path().starts_with("//") =>
        {
            url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
        }
        _ => "/".to_owned(),
    }
}

/// An answer that sends a browser on, and tells the next host nothing of this one.
fn redirect(to: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    match HeaderValue::try_from(to) {
        Ok(to) => headers.insert(header::LOCATION, to),
        Err(_) => return say(&broken()),
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// A page that moves on by itself. Not a redirect: browsers refuse to let a form's answer lead to a host that our policy
/// does not name.
fn moving_on(page: Page, label: &str, to: &str) -> Response {
    let mut response = say(&page.link(label, to));
    if let Ok(refresh) = HeaderValue::try_from(format!("0; url={to}")) {
        response.headers_mut().insert("refresh", refresh);
    }
    response
}

/// A page for a person. These are addresses that only navigations lead to.
fn say(page: &Page) -> Response {
    page.respond(Reader::Person).map(Body::from).into_response()
}

fn broken() -> Page {
    Page::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "Something is wrong on our side.",
        "It has been written to our log. Trying again in a moment may help.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_on_the_host() {
        for path in ["/", "/a/b?c=d", "/a%20b", "/?q=//x"] {
            assert_eq!(local_path(path), path);
        }
        let elsewhere = [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t\\evil.example",
            " //evil.example",
        ];
        for path in elsewhere {
            assert_eq!(local_path(path), "/", "{path:?}");
        }
        assert_eq!(local_path(&format!("/{}", "a".repeat(LONGEST_WAY))), "/");
        for path in ["/..//evil.example", "/.//evil.example", "/a/../..//evil.example"] {
            assert!(!local_path(path).starts_with("//"), "{path:?} leads to {:?}", local_path(path));
        }
    }
}
