//! A server on a real socket for fakes of hosted applications: the application says what it answers, and what goes wrong
//! on the way is decided here.

use super::tests::connector;
use super::{Pace, Rest};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What is asked of an application.
pub(super) struct Asked {
    pub(super) method: String,
    /// The segments of the path, decoded.
    pub(super) path: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    /// The body as it came.
    pub(super) text: String,
}

impl Asked {
    /// A parameter of the query; empty where it is not there.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// Method and path in one.
    pub(super) fn line(&self) -> (&str, Vec<&str>) {
        (&self.method, self.path.iter().map(String::as_str).collect())
    }
}

/// An answer: status, body, headers.
pub(super) struct Answered(pub(super) u16, pub(super) Value, pub(super) Vec<(&'static str, String)>);

impl Answered {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self(status, body, Vec::new())
    }
}

/// An application that is asked.
pub(super) trait App: Send + 'static {
    fn answer(&mut self, asked: &Asked) -> Answered;
}

/// What happens to the next request of a method whose path begins so.
pub(super) enum Mishap {
    /// It takes effect, and the connection closes without an answer.
    LoseAnswer,
    /// It takes no effect, and is answered like this.
    Answer(u16, &'static [(&'static str, &'static str)], &'static str),
}

struct Shared<A> {
    app: A,
    mishaps: VecDeque<(&'static str, Mishap)>,
    log: Vec<String>,
}

pub(super) struct Fake<A> {
    shared: Arc<Mutex<Shared<A>>>,
    pub(super) url: String,
    _server: JoinSet<()>,
}

impl<A: App> Fake<A> {
    pub(super) async fn start(app: A) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://fake.localhost:{}", listener.local_addr().unwrap().port());
        let shared = Arc::new(Mutex::new(Shared { app, mishaps: VecDeque::new(), log: Vec::new() }));
        let mut server = JoinSet::new();
        let served = shared.clone();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let shared = served.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(shared.clone(), request));
                    // Ends with an error whenever an answer is lost on purpose.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Self { shared, url, _server: server }
    }

    /// A connector for it: `accounts` as YAML, without the address.
    pub(super) fn connector(&self, accounts: &str) -> Rest {
        let settings = connector(&format!("url: {}\n{accounts}", self.url)).unwrap();
        Rest::new(&settings, Pace::default()).unwrap()
    }

    pub(super) fn app<T>(&self, look: impl FnOnce(&mut A) -> T) -> T {
        look(&mut self.lock().app)
    }

    /// Lets something happen to the next request that begins with `line`, such as `POST /users`.
    pub(super) fn next(&self, line: &'static str, mishap: Mishap) {
        self.lock().mishaps.push_back((line, mishap));
    }

    /// The requests so far that begin with `line`.
    pub(super) fn count(&self, line: &str) -> usize {
        self.lock().log.iter().filter(|asked| asked.starts_with(line)).count()
    }

    fn lock(&self) -> MutexGuard<'_, Shared<A>> {
        self.shared.lock().unwrap()
    }
}

async fn answer<A: App>(
    shared: Arc<Mutex<Shared<A>>>,
    request: Request<Incoming>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let decoded = |text: &str| {
        let plain = text.replace('+', "%2B");
        url::form_urlencoded::parse(format!("x={plain}").as_bytes()).next().unwrap().1.into_owned()
    };
    let query = head.uri.query().unwrap_or_default();
    assert!(!query.contains('+'), "a plus for a space: {query}");
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path().trim_start_matches('/').split('/').map(decoded).collect(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
        text: String::from_utf8_lossy(&body).into_owned(),
    };
    let mut shared = shared.lock().unwrap();
    let line = format!("{} {}", head.method, head.uri);
    shared.log.push(line.clone());
    let at = shared.mishaps.iter().position(|(begins, _)| line.starts_with(begins));
    let mishap = at.and_then(|at| shared.mishaps.remove(at)).map(|(_, mishap)| mishap);
    if let Some(Mishap::Answer(status, headers, body)) = mishap {
        let answer =
            headers.iter().fold(Response::builder().status(status), |answer, (k, v)| answer.header(*k, *v));
        return answer.body(body.into()).map_err(io::Error::other);
    }
    let Answered(status, body, headers) = shared.app.answer(&asked);
    if mishap.is_some() {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer =
        headers.iter().fold(Response::builder().status(status), |answer, (k, v)| answer.header(*k, v));
    answer.body(body.into()).map_err(io::Error::other)
}
