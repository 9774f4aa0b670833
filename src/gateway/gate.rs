//! What happens to one request, in the order in which `mod.rs` gives the reasons.

use super::Gateway;
use super::access_log::{Asked as Heard, Outcome};
use super::answer::{self, About};
use super::app::App;
use super::body::ToClient;
use super::forward::{Terms, forward};
use super::forwarded;
use super::grant::Going;
use super::headers::Client;
use super::listen::{Peer, Timely};
use super::live::Plan;
use super::memo::{Granted, Memo};
use super::request_id::RequestIds;
use super::route::{Asked, Place, is_websocket_over_http2};
use super::tally::Decision;
use super::traced;
use super::tunnel::Tunnels;
use super::watch::Watch;
use crate::page::{Page, Reader};
use crate::session::Visit;
use crate::session::cookie::Cookie;
use crate::trace::{self, Span};
use axum::body::Body as RouterBody;
use http::{HeaderValue, Method, Request, Response, Uri};
use hyper::body::Incoming;
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;
use tower::ServiceExt;

/// What one worker answers requests with.
pub(super) struct Gate {
    pub(super) gateway: Arc<Gateway>,
    /// The number of the worker, from 0.
    pub(super) lane: usize,
    tunnels: Tunnels,
    pub(super) cookie: Cookie,
    ids: RequestIds,
}

/// What is known of a request before it is judged.
pub(super) struct Asking {
    pub(super) now: Timestamp,
    pub(super) client: IpAddr,
    pub(super) id: HeaderValue,
    pub(super) reader: Reader,
}

impl Asking {
    /// For an answer of the gate itself to a request for `uri`.
    pub(super) fn about<'a>(&'a self, uri: &'a Uri) -> About<'a> {
        About {
            reader: self.reader,
            request: &self.id,
            app: None,
            path: uri.path(),
            session: None,
            challenge: None,
        }
    }
}

impl Gate {
    pub(super) fn new(gateway: Arc<Gateway>, lane: usize, tunnels: Tunnels) -> Self {
        let cookie = Cookie::session(gateway.live.plan().routes.is_https());
        Self { gateway, lane, tunnels, cookie, ids: RequestIds::new() }
    }

    /// Answers one request of `peer`; `memo` is its connection's.
    pub(super) async fn answer(
        self: &Arc<Self>,
        peer: &Peer,
        memo: &Memo,
        request: Request<Incoming>,
    ) -> Response<ToClient> {
        let gateway = &*self.gateway;
        let mut request = request.map(|body| Timely::new(body, gateway.entrance.patience.body));
        let asking = Asking {
            now: gateway.clock.now(),
            client: forwarded::client(peer, request.headers(), &gateway.entrance.trusted),
            id: self.ids.of(peer, request.headers()),
            reader: Reader::of(request.method(), request.headers()),
        };
        let span = traced::begin(gateway.traces.as_ref(), peer, &mut request, &asking.id);
        let heard = gateway.access_log.as_ref().map(|log| {
            let header = |name: &str| request.headers().get(name).cloned();
            let heard = Heard {
                at: asking.now,
                id: asking.id.clone(),
                client: asking.client,
                method: request.method().clone(),
                uri: request.uri().clone(),
                host: header("host"),
                traceparent: span.as_ref().map(Span::header).or_else(|| header("traceparent")),
            };
            (log, heard)
        });
        let response = match &span {
            None => self.respond(peer, memo, asking, request).await,
            Some(span) => Box::pin(span.holds(self.respond(peer, memo, asking, request))).await,
        };
        if let Some(span) = span {
            traced::end(span, &response);
        }
        if let Some((log, heard)) = heard {
            log.write(&heard.line(&response, &gateway.clock));
        }
        response
    }

    async fn respond(
        self: &Arc<Self>,
        peer: &Peer,
        memo: &Memo,
        asking: Asking,
        request: Request<Timely>,
    ) -> Response<ToClient> {
        let recalled = if peer.asks {
            None
        } else {
            memo.recall(&self.gateway.live.look(), &request, asking.client, asking.now)
        };
        match recalled {
            Some(granted) => self.forward(&asking, memo, granted, request).await,
            // In a box: it is seldom needed, and every connection has room for what is not in one.
            None => Box::pin(self.respond_anew(peer, memo, asking, request)).await,
        }
    }

    /// Answers a request that has to be judged from the beginning.
    async fn respond_anew(
        self: &Arc<Self>,
        peer: &Peer,
        memo: &Memo,
        asking: Asking,
        request: Request<Timely>,
    ) -> Response<ToClient> {
        if peer.asks {
            return self.judge_for_proxy(peer, asking, request).await;
        }
        let plan = self.gateway.live.plan();
        let about = asking.about(request.uri());
        let Asked { place, host, bound, unclear } = match plan.routes.find(&request) {
            Ok(Some(asked)) => asked,
            Ok(None) => return self.turn_away(&about, answer::unknown_host()),
            Err(error) => return self.turn_away(&about, answer::bad_request(error)),
        };
        let visit = |app: Option<&Arc<App>>| Visit {
            app: app.map(|app| app.name.clone()),
            host: bound.clone(),
            client: asking.client,
        };
        let app = match place {
            Place::Ours => {
                return self.at_ours(&asking, &plan, visit(None), request.map(RouterBody::new)).await;
            }
            Place::Beside(app) => {
                return self.at_ours(&asking, &plan, visit(Some(&app)), request.map(RouterBody::new)).await;
            }
            Place::App(app) => app,
        };
        let method = judged_method(&request);
        let uri = request.uri();
        let going =
            Going { plan: &plan, app: &app, host: &bound, method, uri, unclear, client: asking.client };
        match self.grant(&going, peer, asking.reader, request.headers(), host).await {
            Ok(granted) => {
                let granted = Arc::new(granted);
                memo.remember(request.headers(), &granted);
                self.forward(&asking, memo, granted, request).await
            }
            Err(denied) if denied.is_sent_to_sign_in(&going, asking.reader) => {
                self.count(&app, Decision::SentToSignIn, denied.reason(&going));
                let visit = visit(Some(&app));
                let request = denied.to_sign_in(request.headers(), request.uri());
                self.at_ours(&asking, &plan, visit, request).await
            }
            Err(denied) => {
                let page = denied.page(&going);
                self.count(&app, Decision::Refused, page.reason);
                denied.answer(&asking, &going, page)
            }
        }
    }

    async fn forward(
        self: &Arc<Self>,
        asking: &Asking,
        memo: &Memo,
        granted: Arc<Granted>,
        mut request: Request<Timely>,
    ) -> Response<ToClient> {
        let gateway = &*self.gateway;
        let (app, uri) = (granted.permit.app(), request.uri().clone());
        let about = About { app: Some(app), ..asking.about(&uri) };
        let Some(upstream) = &granted.permit.route().common.upstream else {
            let page = answer::elsewhere(app);
            granted.tally.other(Decision::Refused, page.reason);
            return about.answer(page);
        };
        let watch = Watch {
            client: asking.client,
            granted: granted.clone(),
            gate: self.clone(),
            uri: uri.clone(),
            method: judged_method(&request).clone(),
        };
        let address = memo.address(asking.client);
        let client = Client {
            address: &address,
            host: &granted.host,
            https: granted.plan.routes.is_https(),
            request_id: &asking.id,
            cookies: &granted.cookies,
        };
        let common = &granted.permit.route().common;
        let terms = Terms { lane: self.lane, timeouts: common.timeouts, limit: common.body_limit };
        let call = traced::call(gateway.traces.as_ref(), upstream, &mut request);
        let told = gateway.access_log.is_some() || call.is_some();
        let word = granted.word.as_deref();
        let answer = forward(terms, upstream, &self.tunnels, watch, word, client, request).await;
        traced::answered(call, &answer);
        match answer {
            Ok(mut response) => {
                let took = gateway.clock.now().duration_since(asking.now);
                granted.count(self.lane, took);
                if told {
                    response.extensions_mut().insert(Outcome::Permitted(granted.permit.clone()));
                }
                response
            }
            Err(failure) => {
                if failure.is_clients() {
                    tracing::debug!(app = %app.name, %failure, "request not finished: {failure}");
                } else {
                    tracing::warn!(app = %app.name, %upstream, %failure, "app does not answer: {failure}");
                }
                let page = answer::upstream_unavailable(app, &failure);
                granted.tally.other(Decision::Refused, page.reason);
                about.answer(page)
            }
        }
    }

    /// A request that is for no app, and so for nobody to judge.
    pub(super) fn turn_away(&self, about: &About<'_>, page: Page) -> Response<ToClient> {
        self.gateway.tallies.nowhere().other(Decision::Refused, page.reason);
        about.answer(page)
    }

    pub(super) fn count(&self, app: &App, decision: Decision, reason: &'static str) {
        self.gateway.tallies.of(&app.name).other(decision, reason);
    }

    /// Our own pages: they sleep and block, so they run on the main runtime, and to their end.
    pub(super) async fn at_ours(
        &self,
        asking: &Asking,
        plan: &Plan,
        visit: Visit,
        mut request: Request<RouterBody>,
    ) -> Response<ToClient> {
        request.extensions_mut().insert(visit);
        let uri = request.uri().clone();
        match self.gateway.main.spawn(trace::carry(plan.pages.clone().oneshot(request))).await {
            Ok(Ok(response)) => response.map(ToClient::Router),
            Err(error) => {
                tracing::error!(path = uri.path(), %error, "a page of our own broke: {error}");
                asking.about(&uri).answer(answer::internal())
            }
        }
    }
}

/// The method that rules are asked for: what becomes a WebSocket over HTTP/2 is a GET by HTTP/1.1.
fn judged_method<B>(request: &Request<B>) -> &Method {
    if is_websocket_over_http2(request) { &Method::GET } else { request.method() }
}
