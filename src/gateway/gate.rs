//! What happens to one request, in the order in which `mod.rs` gives the reasons.

use super::Gateway;
use super::answer::{self, About};
use super::authorize::{Permit, Refusal, authorize};
use super::body::ToClient;
use super::forward::forward;
use super::headers::Client;
use super::live::Plan;
use super::route::{Asked, Place};
use super::settings::{App, Rule};
use super::upstream::Pool;
use super::watch::Watch;
use crate::page::{Page, Reader};
use crate::session::cookie::Cookie;
use crate::session::{Session, Unavailable, Visit};
use axum::body::Body as RouterBody;
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;
use url::form_urlencoded;

/// How long a request waits for its person's account to be ready before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one worker answers requests with.
pub(super) struct Gate {
    gateway: Arc<Gateway>,
    pool: Pool,
    cookie: Cookie,
}

/// Why there is no permit, and whose session was looked at.
struct Denied {
    why: Why,
    session: Option<Arc<Session>>,
}

enum Why {
    Refused(Refusal),
    Unavailable,
}

impl From<Unavailable> for Denied {
    fn from(_: Unavailable) -> Self {
        Self { why: Why::Unavailable, session: None }
    }
}

impl Gate {
    pub(super) fn new(gateway: Arc<Gateway>) -> Self {
        let cookie = Cookie::session(gateway.live.plan().routes.is_https());
        Self { gateway, pool: Pool::default(), cookie }
    }

    /// Answers one request of the client at `peer`.
    pub(super) async fn answer(&self, peer: SocketAddr, request: Request<Incoming>) -> Response<ToClient> {
        let reader = Reader::of(request.method(), request.headers());
        let plan = self.gateway.live.plan();
        let found = plan.routes.find(request.method(), request.uri(), request.headers());
        let about = About { reader, app: None, path: request.uri().path(), session: None };
        let Asked { place, host } = match found {
            Ok(Some(asked)) => asked,
            Ok(None) => return about.answer(answer::unknown_host()),
            Err(error) => return about.answer(answer::bad_request(error)),
        };
        match place {
            Place::App(app) => self.at_app(plan, &app, &host, peer, reader, request).await,
            Place::Ours => {
                let visit = Visit { app: None, client: peer.ip() };
                self.at_ours(&plan, visit, request.map(RouterBody::new)).await
            }
            Place::Beside(app) => {
                let visit = Visit { app: Some(app.name.clone()), client: peer.ip() };
                self.at_ours(&plan, visit, request.map(RouterBody::new)).await
            }
        }
    }

    async fn at_app(
        &self,
        plan: Arc<Plan>,
        app: &Arc<App>,
        host: &HeaderValue,
        peer: SocketAddr,
        reader: Reader,
        request: Request<Incoming>,
    ) -> Response<ToClient> {
        let gateway = &self.gateway;
        let token = self.cookie.find(request.headers()).map(str::to_owned);
        let uri = request.uri().clone();
        let mut about = About { reader, app: Some(app), path: uri.path(), session: None };
        let permit = match self.permit(app, uri.path(), token.as_deref()).await {
            Ok(permit) => permit,
            Err(Denied { why: Why::Refused(Refusal::SignIn), .. }) if reader == Reader::Person => {
                let visit = Visit { app: Some(app.name.clone()), client: peer.ip() };
                return self.at_ours(&plan, visit, to_sign_in(&uri, request)).await;
            }
            Err(Denied { why, session }) => {
                about.session = session.as_deref();
                return about.answer(match why {
                    Why::Refused(why) => answer::refused(&why, app, about.session, plan.routes.url()),
                    Why::Unavailable => Page::store_unavailable(),
                });
            }
        };
        let word = match gateway.assertions.word(&permit) {
            Ok(word) => word,
            Err(error) => {
                tracing::error!(app = %app.name, %error, "no assertion could be made: {error}");
                return about.answer(answer::internal());
            }
        };
        let client = Client { address: peer.ip(), host, https: plan.routes.is_https() };
        let path = uri.path_and_query().cloned();
        let watch = Watch { permit, token, path, plan, gateway: gateway.clone() };
        match forward(&self.pool, watch, word.as_deref(), client, request).await {
            Ok(response) => response,
            Err(failure) => {
                tracing::warn!(app = %app.name, upstream = %app.upstream.host, %failure, "app does not answer: {failure}");
                about.answer(answer::upstream_unavailable(app, &failure))
            }
        }
    }

    /// A permit for `path` in `app`. While the person's account is being prepared it waits, within [`PATIENCE`].
    async fn permit(&self, app: &Arc<App>, path: &str, token: Option<&str>) -> Result<Permit, Denied> {
        let rule = app.rule(path);
        let mut give_up = None;
        loop {
            let session = match token {
                Some(token) if **rule != Rule::Public => self.session(token).await?,
                _ => None,
            };
            let why = match authorize(session.clone(), app, rule, self.gateway.clock.now()) {
                Ok(permit) => return Ok(permit),
                Err(why) => why,
            };
            if session.as_ref().is_some_and(|session| !session.is_current()) {
                // A commit came between reading and judging: what was judged no longer holds.
                continue;
            }
            if let (Refusal::Preparing, Some(session)) = (&why, &session) {
                let give_up = *give_up.get_or_insert_with(|| Instant::now() + PATIENCE);
                if timeout_at(give_up, session.changed()).await.is_ok() {
                    continue;
                }
            }
            return Err(Denied { why: Why::Refused(why), session });
        }
    }

    /// The session of `token`: from memory when warm, else from the store.
    async fn session(&self, token: &str) -> Result<Option<Arc<Session>>, Unavailable> {
        match self.gateway.sessions.cached(token) {
            Some(session) if session.is_current() => Ok(Some(session)),
            _ => self.gateway.sessions.find(token).await,
        }
    }

    /// Our own pages: they sleep and block, so they run on the main runtime, and to their end.
    async fn at_ours(
        &self,
        plan: &Plan,
        visit: Visit,
        mut request: Request<RouterBody>,
    ) -> Response<ToClient> {
        request.extensions_mut().insert(visit);
        let reader = Reader::of(request.method(), request.headers());
        let path = request.uri().path().to_owned();
        match self.gateway.main.spawn(plan.pages.clone().oneshot(request)).await {
            Ok(Ok(response)) => response.map(ToClient::Router),
            Err(error) => {
                tracing::error!(path, %error, "a page of our own broke: {error}");
                About { reader, app: None, path: &path, session: None }.answer(answer::internal())
            }
        }
    }
}

/// The page that sends a person to sign in, and knows where they wanted to go.
fn to_sign_in(uri: &Uri, request: Request<Incoming>) -> Request<RouterBody> {
    let wanted = uri.path_and_query().map_or("/", |wanted| wanted.as_str());
    let to: String = form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
    let (mut parts, _) = request.into_parts();
    // What is URL-encoded makes a URI; were it too long, the person starts at the app's front door.
    parts.uri = Uri::try_from(format!("/.guestpass/start?to={to}"))
        .unwrap_or_else(|_| Uri::from_static("/.guestpass/start?to=%2F"));
    Request::from_parts(parts, RouterBody::empty())
}
