//! From the gate to an app, over real sockets: what a client sends, what an app gets, and back.

mod app;
mod balance;
mod bodies;
mod grpc;
mod load;
mod multiplexed;
mod nginx;
mod retries;
mod slow;
mod websockets;

use super::{Registry, Timeouts, Upstream};
use crate::gateway::answer;
use crate::gateway::app::App;
use crate::gateway::authorize::{Wanted, authorize};
use crate::gateway::body::ToClient;
use crate::gateway::forward::{Terms, forward};
use crate::gateway::gate::Gate;
use crate::gateway::headers::{self, Client, Cookies};
use crate::gateway::listen::Timely;
use crate::gateway::memo::Granted;
use crate::gateway::testing::{HERE, HOST, app, at, gate};
use crate::gateway::tunnel::Tunnels;
use crate::gateway::watch::Watch;
use crate::page::Reader;
use http::{HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Far longer than anything here takes, even on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// The way from a client to one app that is open to everybody: HTTP/1.1 or HTTP/2 in, as the client begins.
#[derive(Clone)]
struct Way {
    app: Arc<App>,
    terms: Terms,
    gate: Arc<Gate>,
    address: SocketAddr,
    stop: CancellationToken,
}

const TERMS: Terms = Terms {
    lane: 0,
    timeouts: Timeouts { connect: Duration::from_secs(5), first_byte: None, idle: None },
    limit: None,
};

impl Way {
    async fn to(upstream: Value) -> Self {
        Self::on(TERMS, upstream).await
    }

    async fn on(terms: Terms, upstream: Value) -> Self {
        let app = app(json!({ "upstream": upstream, "routes": { "/": "public" } }));
        Self::into(terms, app).await
    }

    async fn into(terms: Terms, app: Arc<App>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (gate, stop) = (gate(app.clone()).await, CancellationToken::new());
        let way = Self { app, terms, gate, address, stop: stop.clone() };
        tokio::spawn(stop.run_until_cancelled_owned(way.clone().serve(listener)));
        way
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let way = self.clone();
            let service = service_fn(move |request| way.clone().answer(request));
            tokio::spawn(async move {
                let mut preface = [0; 3];
                stream.peek(&mut preface).await.unwrap();
                let stream = TokioIo::new(stream);
                if preface == *b"PRI" {
                    let mut http = http2::Builder::new(TokioExecutor::new());
                    let _ = http.enable_connect_protocol().serve_connection(stream, service).await;
                } else {
                    let http = http1::Builder::new();
                    let _ = http.serve_connection(stream, service).with_upgrades().await;
                }
            });
        }
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<ToClient>, Infallible> {
        let route = self.app.route("/");
        let rule = route.rule(&Method::GET);
        let wanted = Wanted { app: &self.app, route, rule, host: HOST, path: "/", address: HERE };
        let permit = authorize(None, wanted, at(0)).unwrap();
        let (gate, plan) = (self.gate.clone(), self.gate.gateway.live.plan());
        let host = HeaderValue::from_static(HOST);
        let granted = Arc::new(Granted {
            plan,
            tally: self.gate.gateway.tallies.of(&self.app.name),
            permit,
            word: None,
            key: None,
            by_token: false,
            certified: false,
            cookies: Cookies::AsSent,
            host,
        });
        let (uri, method) = (request.uri().clone(), request.method().clone());
        let watch = Watch { granted, gate, uri, method, client: HERE };
        let host = HeaderValue::from_static(HOST);
        let cookies = &headers::cookies(request.headers());
        let client = Client { address: &host, host: &host, https: false, request_id: &host, cookies };
        let request = request.map(|body| Timely::new(body, SOON));
        let tunnels = Tunnels::default();
        Ok(forward(self.terms, self.upstream(), &tunnels, watch, None, client, request).await.unwrap_or_else(
            |failure| {
                let page = answer::upstream_unavailable(&self.app, &failure);
                page.respond(Reader::Program).map(|body| ToClient::Page(body.into()))
            },
        ))
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes and reads until the end; status and all of the answer.
    async fn raw(&self, bytes: &str) -> (u16, String) {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0), answer)
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.raw(&format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n")).await
    }

    async fn status(&self, path: &str) -> u16 {
        self.get(path).await.0
    }

    fn upstream(&self) -> &Upstream {
        self.app.route("/").common.upstream.as_ref().unwrap()
    }

    /// The endpoints that are set aside.
    fn set_aside(&self) -> Vec<String> {
        let endpoints = self.upstream().endpoints.iter();
        let aside = endpoints.filter(|endpoint| endpoint.health.aside(Instant::now()).is_some());
        aside.map(|endpoint| endpoint.peer.address.to_string()).collect()
    }

    /// How many requests its endpoints have not finished, in all.
    fn outstanding(&self) -> usize {
        self.upstream().endpoints.iter().map(|endpoint| endpoint.health.outstanding()).sum()
    }
}

/// Waits until `done`, which some task of another runtime will bring about.
async fn until(what: &str, done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A port where nobody is, as far as that can be had.
async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// The body of an answer.
fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}
