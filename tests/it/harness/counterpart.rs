//! What guestpass speaks to: a server whose moods a test sets, on a port that stays its own while it is down.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// How a counterpart is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mood {
    Well,
    /// Does what it is asked, and closes the connection without an answer.
    LosesAnswers,
    /// Answers this, and does nothing.
    Answers(u16),
    /// Answers that it is too much, and to come again in a second; does nothing.
    Throttles,
    /// Says that it is done, and does nothing.
    Lies,
    /// Does everything twice, as where something in between sends it again, and answers what came of the second time.
    Repeats,
    /// Does everything after so long.
    Slow(Duration),
    /// Each time another of these, by a seed.
    Fitful(u64),
}

/// A server on a port of its own.
pub(crate) struct Counterpart {
    shared: Arc<Shared>,
    running: Mutex<Option<JoinHandle<()>>>,
    /// Keeps the port from being given to anybody else.
    _reserved: TcpSocket,
    pub(crate) address: SocketAddr,
}

struct Shared {
    router: Mutex<Router>,
    mood: Mutex<Mood>,
    seen: Mutex<Vec<(Method, String)>>,
    done: Mutex<Vec<(Method, String, StatusCode)>>,
}

/// A free port on loopback that stays ours: bound, and not listened on. Who says SO_REUSEADDR, as servers do, can.
pub(crate) fn reserve() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

impl Counterpart {
    /// A counterpart that is down.
    pub(crate) fn new() -> Self {
        let (reserved, address) = reserve();
        let shared = Shared {
            router: Mutex::new(Router::new()),
            mood: Mutex::new(Mood::Well),
            seen: Mutex::default(),
            done: Mutex::default(),
        };
        Self { shared: shared.into(), running: Mutex::default(), _reserved: reserved, address }
    }

    /// Answers from now on with `router`.
    pub(crate) fn becomes(&self, router: Router) {
        *self.shared.router.lock().unwrap() = router;
    }

    pub(crate) fn is(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// Accepts connections.
    pub(crate) fn up(&self) {
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let served = tokio::spawn(serve(listener, self.shared.clone()));
        *self.running.lock().unwrap() = Some(served);
    }

    /// Refuses connections, and breaks those that it has.
    pub(crate) async fn down(&self) {
        let running = self.running.lock().unwrap().take();
        if let Some(running) = running {
            running.abort();
            let _ = running.await;
        }
    }

    /// All requests so far: method and path.
    pub(crate) fn seen(&self) -> Vec<(Method, String)> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// All that it did, and what came of it the first time: method, path and status.
    pub(crate) fn done(&self) -> Vec<(Method, String, StatusCode)> {
        self.shared.done.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Ends with this task all connections.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let service = service_fn(move |request| answer(shared.clone(), request));
        connections.spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Nothing is said to this request.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost")]
struct Lost;

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Lost> {
    shared.seen.lock().unwrap().push((request.method().clone(), request.uri().path().to_owned()));
    let router = shared.router.lock().unwrap().clone();
    let mood = shared.draw();
    let writes = request.method() != Method::GET;
    let (head, body) = request.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.map_err(|_| Lost)?.to_bytes();
    let again = async || {
        let request = Request::from_parts(head.clone(), Body::from(body.clone()));
        router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    };
    let done = async || {
        let response = again().await;
        let came = (head.method.clone(), head.uri.path().to_owned(), response.status());
        shared.done.lock().unwrap().push(came);
        response
    };
    match mood {
        Mood::LosesAnswers => {
            // To the end: what it does must have taken effect.
            let _ = http_body_util::BodyExt::collect(done().await.into_body()).await;
            Err(Lost)
        }
        Mood::Answers(status) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok(response)
        }
        Mood::Throttles => {
            let answer = Response::builder().status(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "1");
            Ok(answer.body(Body::empty()).unwrap())
        }
        Mood::Lies if writes => Ok(Response::new(Body::from("{}"))),
        Mood::Slow(time) => {
            tokio::time::sleep(time).await;
            Ok(done().await)
        }
        Mood::Repeats => {
            drop(done().await);
            Ok(again().await)
        }
        Mood::Well | Mood::Lies | Mood::Fitful(_) => Ok(done().await),
    }
}

impl Shared {
    fn draw(&self) -> Mood {
        let mut mood = self.mood.lock().unwrap();
        let Mood::Fitful(seed) = &mut *mood else { return *mood };
        match next(seed) % 12 {
            0..3 => Mood::LosesAnswers,
            3 => Mood::Answers(503),
            4 => Mood::Slow(Duration::from_millis(50)),
            5 => Mood::Throttles,
            6 => Mood::Lies,
            7 => Mood::Repeats,
            _ => Mood::Well,
        }
    }
}

/// The next number after `seed` (SplitMix64): chance that can be had again.
pub(crate) fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
