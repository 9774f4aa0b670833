//! The same decision for another proxy that carries the requests itself: nginx (`auth_request`), Traefik and Caddy
//! (forward auth), Envoy (`ext_authz` over HTTP). It asks on a listener that is for nothing else; 2xx lets the request
//! through, with what we know in headers, and everything else goes back to the client as it is.
//!
//! Only trusted proxies are answered. The word for an app is for nobody else, and whoever could ask us directly could
//! also name a request that was never made.

use super::answer;
use super::body::ToClient;
use super::denied::to_sign_in;
use super::gate::{Asking, Gate};
use super::grant::Going;
use super::headers::{ASSERTION, REQUEST_ID};
use super::listen::{Peer, Timely};
use super::memo::Granted;
use super::route::{Asked, BadRequest, Named, Place, canonical, named};
use super::tally::Decision;
use crate::page::Reader;
use crate::session::Visit;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};

const PATH: &str = "/.guestpass/auth";

const METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// Whether a request for `uri` is a question.
fn is_asked(uri: &Uri) -> bool {
    uri.path().strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the proxy takes no answer but 2xx, 401 and 403.
fn wants_status(asked: &Uri) -> bool {
    asked.path() == PATH && asked.query() == Some("answer=status")
}

/// The request that another proxy asks about.
struct Question {
    method: Method,
    uri: Uri,
    name: String,
    port: Option<u16>,
    host: HeaderValue,
    /// As [`wants_status`] says.
    status_only: bool,
}

impl Question {
    /// Reads it. What follows `/.guestpass/auth` in the path is the target, as Envoy asks; where nothing does, it is
    /// told in `X-Forwarded-Method`, `-Host` and `-Uri`, as the others do. Never a mixture: one of the two was written
    /// by the proxy, and the other perhaps by the client.
    fn read(request: &Request<Timely>) -> Result<Self, BadRequest> {
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        let below = target.strip_prefix(PATH).unwrap_or_default();
        let headers = request.headers();
        let ((method, target), Named { name, port, sent }) = if below.starts_with('/') {
            ((request.method().clone(), below), named(request)?)
        } else {
            let method = Method::from_bytes(only(headers, &METHOD)?.as_bytes());
            let method = method.map_err(|_| BadRequest::Target)?;
            ((method, only(headers, &URI)?), canonical(only(headers, &HOST)?, None)?)
        };
        if !target.starts_with('/') || matches!(method, Method::CONNECT | Method::TRACE) {
            return Err(BadRequest::Target);
        }
        // What follows is no part of a target. We would judge without it, and the proxy would carry it to the app.
        if target.contains('#') {
            return Err(BadRequest::Path);
        }
        Ok(Self {
            method,
            uri: target.parse().map_err(|_| BadRequest::Path)?,
            name: name.into_owned(),
            port,
            host: sent,
            status_only: wants_status(request.uri()),
        })
    }
}

/// The one line under a name.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, BadRequest> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next().map(HeaderValue::to_str), lines.next()) {
        (Some(Ok(line)), None) => Ok(line),
        _ => Err(BadRequest::Target),
    }
}

impl Gate {
    /// Answers the question of the proxy `peer`.
    pub(super) async fn judge_for_proxy(
        &self,
        peer: &Peer,
        asking: Asking,
        request: Request<Timely>,
    ) -> Response<ToClient> {
        if !peer.trusted || !is_asked(request.uri()) {
            return asking.about(request.uri()).answer(answer::not_asked());
        }
        let mut response = match Question::read(&request) {
            Ok(question) => {
                let reader = Reader::of(&question.method, request.headers());
                self.consider(peer, &Asking { reader, ..asking }, &question, request.headers()).await
            }
            Err(error) => self.turn_away(&asking.about(request.uri()), answer::bad_request(error)),
        };
        if wants_status(request.uri())
            && !response.status().is_success()
            && response.status() != StatusCode::UNAUTHORIZED
        {
            *response.status_mut() = StatusCode::FORBIDDEN;
        }
        response
    }

    async fn consider(
        &self,
        peer: &Peer,
        asking: &Asking,
        question: &Question,
        headers: &HeaderMap,
    ) -> Response<ToClient> {
        let Question { method, uri, name, port, host, status_only } = question;
        let (about, plan) = (asking.about(uri), self.gateway.live.plan());
        let Asked { place, host, bound, unclear } =
            match plan.routes.find_at(name, *port, uri.path(), host.clone()) {
                Ok(Some(asked)) => asked,
                Ok(None) => return self.turn_away(&about, answer::unknown_host()),
                Err(error) => return self.turn_away(&about, answer::bad_request(error)),
            };
        let visit = |app| Visit { app, host: bound.clone(), client: asking.client };
        let app = match place {
            Place::App(app) => app,
            // The way in passes here, too, where the other proxy knows of no other.
            Place::Beside(app) if *method == Method::GET => {
                let mut page = to_sign_in(headers, uri, None);
                page.uri_mut().clone_from(uri);
                return never_a_yes(self.at_ours(asking, &plan, visit(Some(app.name.clone())), page).await);
            }
            Place::Beside(_) | Place::Ours => return self.turn_away(&about, answer::unknown_host()),
        };
        let going =
            Going { plan: &plan, app: &app, host: &bound, method, uri, unclear, client: asking.client };
        match self.grant(&going, peer, asking.reader, headers, host).await {
            Ok(granted) => {
                granted.count(self.lane, self.gateway.clock.now().duration_since(asking.now));
                yes(&granted, asking)
            }
            Err(denied) if denied.is_sent_to_sign_in(&going, asking.reader) && !status_only => {
                self.count(&app, Decision::SentToSignIn, denied.reason(&going));
                let page = denied.to_sign_in(headers, uri);
                never_a_yes(self.at_ours(asking, &plan, visit(Some(app.name.clone())), page).await)
            }
            Err(denied) => {
                let page = denied.page(&going);
                self.count(&app, Decision::Refused, page.reason);
                denied.answer(asking, &going, page)
            }
        }
    }
}

/// The request may go on, with what we know in headers. Those that we know nothing for are there, too, and empty, so
/// that whatever the client wrote under their names is written over. Caddy from 2.9.0 to 2.11.1 copies no empty ones
/// (CVE-2026-30851): there it has to take the client's own off by itself, as its snippet does.
fn yes(granted: &Granted, asking: &Asking) -> Response<ToClient> {
    let mut response = Response::new(ToClient::Page(Default::default()));
    let headers = response.headers_mut();
    let plain = granted.permit.app().headers.iter().map(|(name, _)| name);
    for name in std::iter::once(&ASSERTION).chain(plain) {
        headers.insert(name.clone(), HeaderValue::from_static(""));
    }
    for (name, value) in granted.word.iter().flat_map(|word| word.headers()) {
        headers.insert(name.clone(), value.clone());
    }
    if granted.permit.app().keeps_tokens_back() {
        headers.insert(AUTHORIZATION, HeaderValue::from_static(""));
    }
    headers.insert(REQUEST_ID, asking.id.clone());
    response.extensions_mut().insert(super::access_log::Outcome::Permitted(granted.permit.clone()));
    response
}

/// A page of ours is an answer for the client, never a yes to the proxy.
fn never_a_yes(mut response: Response<ToClient>) -> Response<ToClient> {
    if response.status().is_success() {
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    response
}
