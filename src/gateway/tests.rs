//! The gate over real sockets, on raw bytes where a client library would tidy the request.

mod conditions;
mod ends;
mod questions;
mod repeats;

use super::listen::{Listener, Patience, TrustedProxy};
use super::testing::{HOST, at, held, limited, partial, session};
use super::*;
use crate::identity::SigningKey;
use crate::session::Visit;
use crate::session::{Account, Held};
use axum::Extension;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt, stream};
use jiff::SignedDuration;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

const TOKEN: &str = "a-token";
const SOON: Duration = Duration::from_secs(5);

/// A gate in front of one app, at a time that stands still.
struct Front {
    address: SocketAddr,
    sessions: Sessions,
    clock: Clock,
    drain: Drain,
    running: Running,
    key: Value,
}

impl Front {
    async fn before(upstream: SocketAddr) -> Self {
        Self::open(upstream, Vec::new(), Listener::from).await
    }

    /// One that proxies in this network ask about requests.
    async fn asked_by(proxies: &str, upstream: SocketAddr) -> Self {
        let asked = |listener| Listener::from(listener).with_forward_auth();
        Self::open(upstream, vec![proxies.to_owned().try_into().unwrap()], asked).await
    }

    async fn open(
        upstream: SocketAddr,
        trusted: Vec<TrustedProxy>,
        way: impl FnOnce(std::net::TcpListener) -> Listener,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let wiki = testing::app(json!({
            "upstream": format!("http://{upstream}"),
            "routes": { "/health": "public", "/admin": { "roles": ["editor"] } },
            "headers": { "X-User": "subject" },
        }));
        let key = SigningKey::generate().unwrap();
        let (sessions, clock, drain) = (Sessions::for_tests().await, Clock::turned(at(0)), Drain::default());
        let sign_in = |Extension(visit): Extension<Visit>, request: Request| async move {
            (StatusCode::SEE_OTHER, [("location", format!("{}#{}", request.uri(), visit.client))])
        };
        let public = key.public_jwk();
        let url = "http://access.example.com".parse().unwrap();
        let running = super::start(Gateway {
            entrance: Entrance {
                listeners: vec![way(listener)],
                trusted,
                most: 100,
                patience: Patience::default(),
                finish: SOON,
            },
            workers: 2,
            live: Arc::new(Live::new(Plan {
                routes: Routes::new(url, [wiki]).unwrap(),
                pages: Router::new()
                    .route("/.guestpass/start", get(sign_in))
                    .route("/.guestpass/fine", get(|| async { "fine" }))
                    .route("/", get(|| async { "ours" })),
                bearers: None,
            })),
            sessions: sessions.clone(),
            tallies: Tallies::new(2),
            traces: None,
            access_log: None,
            assertions: Arc::new(Assertions::new("http://access.example.com", key.into())),
            main: Handle::current(),
            clock: clock.clone(),
            drain: drain.clone(),
        })
        .unwrap();
        Self { address, sessions, clock, drain, running, key: public }
    }

    fn hold(&self, grants: Vec<Held>, account: Account) {
        self.sessions.hold(TOKEN, session(grants, account));
    }

    fn turn(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes, reads until the end; status and all of the answer.
    async fn raw(&self, bytes: &str) -> (u16, String) {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0), answer)
    }

    async fn get(&self, path: &str, headers: &str) -> (u16, String) {
        self.raw(&format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n{headers}\r\n")).await
    }

    /// The status for whoever has the session.
    async fn status(&self, path: &str) -> u16 {
        self.get(path, &format!("cookie: guestpass={TOKEN}\r\n")).await.0
    }
}

/// An app that says what it was sent, and streams.
#[derive(Clone, Default)]
struct Wiki {
    hits: Arc<AtomicUsize>,
    go_on: Arc<Notify>,
}

impl Wiki {
    async fn open(&self) -> SocketAddr {
        let events = |State(wiki): State<Self>| async move {
            let steps = stream::iter(["one", "two"]).then(move |step| {
                let go_on = wiki.go_on.clone();
                async move {
                    if step == "two" {
                        go_on.notified().await;
                    }
                    Ok::<_, std::io::Error>(Bytes::from(format!("data: {step}\n\n")))
                }
            });
            Body::from_stream(steps)
        };
        let router =
            Router::new().route("/events", get(events)).fallback(Self::echo).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    async fn echo(State(wiki): State<Self>, request: Request) -> String {
        wiki.hits.fetch_add(1, Ordering::SeqCst);
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Vec<_> =
            request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let target = request.uri().to_string();
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        json!({ "target": target, "headers": headers, "body": String::from_utf8_lossy(&body) }).to_string()
    }
}

fn echoed(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn values(echoed: &Value, named: impl Fn(&str) -> bool) -> Vec<&str> {
    let headers = echoed["headers"].as_array().unwrap();
    headers
        .iter()
        .filter(|pair| named(pair[0].as_str().unwrap()))
        .map(|pair| pair[1].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_hears_of_its_guest_from_us_alone() {
    let front = Front::before(Wiki::default().open().await).await;
    front.hold(vec![held("reader", 60)], Account::Ready("n-1".into()));
    let target = "/a%20b/?x=/../%2e;y";
    let body = "5\r\nhello\r\n0\r\nGuestpass-Assertion: trailer\r\nX-User: trailer\r\n\r\n";
    let (status, answer) = front
        .raw(&format!(
            "POST {target} HTTP/1.1\r\nHOST: WIKI.example.com.\r\nCoOkIe: a=1; guestpass={TOKEN}\r\ncookie: guestpass=x\r\n\
             guestpass-assertion: forged\r\nGUESTPASS_ASSERTION: forged\r\nx_user: forged\r\nX-User: forged\r\n\
             X-Forwarded-User: forged\r\nX-Forwarded-For: 9.9.9.9\r\ntrailer: x-user\r\ntransfer-encoding: chunked\r\n\
             cOnnection: close, Guestpass-Assertion, X-User\r\n\r\n{body}"
        ))
        .await;
    assert_eq!(status, 200, "{answer}");
    let echoed = self::echoed(&answer);
    assert_eq!((&echoed["target"], &echoed["body"]), (&json!(target), &json!("hello")));
    let identity = |name: &str| name.contains("assertion") || name.contains("user");
    let [token, "c-17"] = values(&echoed, identity)[..] else { panic!("{echoed}") };
    let key = DecodingKey::from_jwk(&serde_json::from_value(front.key.clone()).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&["wiki"]);
    rules.validate_exp = false;
    let claims = decode::<Value>(token, &key, &rules).unwrap().claims;
    assert_eq!((&claims["sub"], &claims["account"]), (&json!("c-17"), &json!("n-1")));
    assert_eq!(values(&echoed, |name| name == "cookie"), ["a=1"]);
    assert_eq!(values(&echoed, |name| name == "x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(values(&echoed, |name| name == "host"), [HOST]);
    let head =
        format!("HEAD / HTTP/1.1\r\nhost: {HOST}\r\ncookie: guestpass={TOKEN}\r\nconnection: close\r\n\r\n");
    let (status, answer) = front.raw(&head).await;
    assert!(status == 200 && answer.contains("content-length: ") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(!answer.contains("content-length: 0"), "{answer}");
    let (status, answer) = front.get("/a#/../b", &format!("cookie: guestpass={TOKEN}\r\n")).await;
    // The HTTP library drops fragments before anybody judges, so they do not go on either.
    assert!(status == 200 && self::echoed(&answer)["target"] == "/a", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_pass_never_reaches_the_app() {
    let wiki = Wiki::default();
    let front = Front::before(wiki.open().await).await;
    let (status, answer) = front.get("/x?y=1&z", "accept: application/json\r\n").await;
    assert!(status == 401 && answer.contains("www-authenticate: "), "{answer}");
    let (status, answer) = front.get("/x?y=1&z", "accept: text/html\r\n").await;
    assert!(status == 303, "{answer}");
    assert!(answer.contains("location: /.guestpass/start?to=%2Fx%3Fy%3D1%26z#127.0.0.1\r\n"), "{answer}");

    front.hold(vec![held("reader", 60)], Account::NotNeeded);
    assert_eq!(front.status("/admin/x").await, 403);
    front.turn(60);
    let (status, answer) = front.get("/", &format!("cookie: guestpass={TOKEN}\r\n")).await;
    assert!(status == 403 && answer.contains("Your access to Wiki ended on "), "{answer}");
    for bytes in [
        "GET /a/../b HTTP/1.1\r\nhost: wiki.example.com\r\nconnection: close\r\n\r\n",
        "GET /%61dmin HTTP/1.1\r\nhost: wiki.example.com\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: wiki.example.com\r\nhost: wiki.example.com\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
        "GET http://other.example.com/ HTTP/1.1\r\nhost: wiki.example.com\r\nconnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: wiki.example.com\r\nconnection: close\r\n\r\n",
        "CONNECT wiki.example.com:80 HTTP/1.1\r\nhost: wiki.example.com:80\r\nconnection: close\r\n\r\n",
    ] {
        assert_eq!(front.raw(bytes).await.0, 400, "{bytes}");
    }
    let elsewhere = "GET / HTTP/1.1\r\nhost: other.example.com\r\nconnection: close\r\n\r\n";
    assert_eq!(front.raw(elsewhere).await.0, 421);
    let ours = "GET / HTTP/1.1\r\nhost: Access.example.com:80\r\nconnection: close\r\n\r\n";
    assert!(front.raw(ours).await.1.ends_with("ours"));
    assert_eq!(wiki.hits.load(Ordering::SeqCst), 0);

    let (status, answer) = front.get("/health", "x-user: forged\r\nguestpass-assertion: forged\r\n").await;
    assert_eq!(status, 200);
    let identity = |name: &str| name.contains("assertion") || name.contains("user");
    assert!(values(&echoed(&answer), identity).is_empty(), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_request_waits_for_its_account() {
    let front = Front::before(Wiki::default().open().await).await;
    front.hold(vec![held("reader", 60)], Account::Preparing);
    let ready = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        front.hold(vec![held("reader", 60)], Account::Ready("n-1".into()));
    };
    assert_eq!(tokio::join!(front.status("/"), ready).0, 200);
    front.hold(vec![held("reader", 60)], Account::Preparing);
    assert_eq!(front.status("/").await, 503);
}

/// Reads until `text` has come; what came, or `None` if the connection ended before.
async fn read_until(stream: &mut TcpStream, text: &str) -> Option<String> {
    let mut read = String::new();
    let mut buffer = [0; 1024];
    while !read.contains(text) {
        match timeout(SOON, stream.read(&mut buffer)).await.unwrap() {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
    Some(read)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_flows_at_once_and_ends_with_its_permit() {
    let wiki = Wiki::default();
    let front = Front::before(wiki.open().await).await;
    front.hold(vec![held("reader", 60)], Account::NotNeeded);
    let ask = format!("GET /events HTTP/1.1\r\nhost: {HOST}\r\ncookie: guestpass={TOKEN}\r\n\r\n");
    let mut stream = front.connect().await;
    stream.write_all(ask.as_bytes()).await.unwrap();
    read_until(&mut stream, "data: one").await.unwrap();
    wiki.go_on.notify_one();
    read_until(&mut stream, "\r\n0\r\n\r\n").await.unwrap();

    stream.write_all(ask.as_bytes()).await.unwrap();
    read_until(&mut stream, "data: one").await.unwrap();
    front.turn(60);
    assert_eq!(read_until(&mut stream, "data: two").await, None);
}

type Socket = tokio_tungstenite::WebSocketStream<TcpStream>;

/// An app that says everything back over WebSockets.
async fn parrot() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    let _ = socket.send(message).await;
                }
            });
        }
    });
    address
}

async fn open_socket(front: &Front) -> Socket {
    let mut request = format!("ws://{HOST}/live").into_client_request().unwrap();
    request.headers_mut().insert("cookie", format!("guestpass={TOKEN}").parse().unwrap());
    tokio_tungstenite::client_async(request, front.connect().await).await.unwrap().0
}

async fn says_back(socket: &mut Socket) -> bool {
    let sent = socket.send(Message::text("hello")).await.is_ok();
    sent && matches!(timeout(SOON, socket.next()).await, Ok(Some(Ok(Message::Text(text)))) if text == "hello")
}

/// The code that a socket is closed with; `None` where it is cut.
async fn close_code(socket: &mut Socket) -> Option<u16> {
    loop {
        match timeout(SOON, socket.next()).await.unwrap()? {
            Ok(Message::Close(Some(close))) => return Some(close.code.into()),
            Ok(_) => {}
            Err(_) => return None,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_passes_until_its_permit_ends() {
    let front = Front::before(parrot().await).await;
    front.hold(vec![held("reader", 60)], Account::NotNeeded);
    let mut socket = open_socket(&front).await;
    assert!(says_back(&mut socket).await);
    // What changes without taking the permit away does not disturb it; a longer grant lengthens it.
    front.hold(vec![held("reader", 90)], Account::NotNeeded);
    tokio::time::sleep(Duration::from_millis(50)).await;
    front.turn(60);
    assert!(says_back(&mut socket).await);
    front.turn(30);
    assert_eq!(close_code(&mut socket).await, Some(1008));

    front.hold(vec![held("reader", 200)], Account::NotNeeded);
    let mut socket = open_socket(&front).await;
    assert!(says_back(&mut socket).await);
    front.hold(vec![], Account::NotNeeded);
    assert_eq!(close_code(&mut socket).await, Some(1008));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_hangs_up_is_asked_once_more_and_one_that_is_gone_is_said_to_be() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = Front::before(listener.local_addr().unwrap()).await;
    front.hold(vec![held("reader", 60)], Account::NotNeeded);
    // Promises to stay, reads one request more, and hangs up; then answers on the next connection.
    let rude = tokio::spawn(async move {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        let (mut first, _) = listener.accept().await.unwrap();
        read_until(&mut first, "\r\n\r\n").await.unwrap();
        first.write_all(answer).await.unwrap();
        read_until(&mut first, "\r\n\r\n").await.unwrap();
        drop(first);
        let (mut second, _) = listener.accept().await.unwrap();
        read_until(&mut second, "\r\n\r\n").await.unwrap();
        second.write_all(answer).await.unwrap();
    });
    // One connection, so one worker and its pool.
    let ask = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\ncookie: guestpass={TOKEN}\r\n\r\n");
    let mut stream = front.connect().await;
    for _ in 0..2 {
        stream.write_all(ask.as_bytes()).await.unwrap();
        read_until(&mut stream, "ok").await.unwrap();
    }
    rude.await.unwrap();
    assert_eq!(front.status("/").await, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_requests_finish_and_ends_tunnels() {
    let wiki = Wiki::default();
    let front = Front::before(wiki.open().await).await;
    front.hold(vec![held("reader", 60)], Account::NotNeeded);
    let mut stream = front.connect().await;
    let ask = format!("GET /events HTTP/1.1\r\nhost: {HOST}\r\ncookie: guestpass={TOKEN}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    read_until(&mut stream, "data: one").await.unwrap();
    let idle = front.connect().await;
    front.drain.close();
    wiki.go_on.notify_one();
    read_until(&mut stream, "data: two").await.unwrap();
    timeout(SOON, front.running.finished()).await.unwrap();
    drop(idle);
    assert!(TcpStream::connect(front.address).await.is_err());

    let front = Front::before(parrot().await).await;
    front.hold(vec![held("reader", 60)], Account::NotNeeded);
    let mut socket = open_socket(&front).await;
    assert!(says_back(&mut socket).await);
    front.drain.close();
    assert_eq!(close_code(&mut socket).await, Some(1001));
    timeout(SOON, front.running.finished()).await.unwrap();
}
