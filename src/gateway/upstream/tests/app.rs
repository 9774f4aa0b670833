//! Apps to send requests to.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(super) fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed_unsync()
}

/// A body that says what it is told to.
pub(super) fn channel() -> (mpsc::Sender<Frame<Bytes>>, Body) {
    let (sender, mut frames) = mpsc::channel(1);
    let stream = futures_util::stream::poll_fn(move |context| frames.poll_recv(context));
    (sender, StreamBody::new(futures_util::StreamExt::map(stream, Ok)).boxed_unsync())
}

/// How an app is spoken to.
#[derive(Clone)]
pub(super) enum Speaks {
    Http1,
    /// HTTP/2 with so many requests at a time.
    H2(u32),
    /// Over TLS, what was agreed on.
    Tls(Arc<rustls::ServerConfig>),
}

/// An app that counts what comes.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) address: SocketAddr,
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) hits: Arc<AtomicUsize>,
    /// Ends each connection once its requests are answered: HTTP/2 says so by GOAWAY.
    pub(super) hang_up: Arc<std::sync::Mutex<CancellationToken>>,
    /// Ends everything.
    pub(super) stop: CancellationToken,
}

impl Served {
    pub(super) async fn by<F, A>(speaks: Speaks, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::at(nothing_in_particular(), speaks, answer).await
    }

    pub(super) async fn at<F, A>(address: SocketAddr, speaks: Speaks, answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let served = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            hits: Arc::default(),
            hang_up: Arc::default(),
            stop: CancellationToken::new(),
        };
        let (app, stop) = (served.clone(), served.stop.clone());
        tokio::spawn(async move {
            let accept = async {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    app.connections.fetch_add(1, Ordering::SeqCst);
                    let serve = app.clone().connection(stream, speaks.clone(), answer.clone());
                    tokio::spawn(app.stop.clone().run_until_cancelled_owned(serve));
                }
            };
            stop.run_until_cancelled(accept).await;
        });
        served
    }

    async fn connection<F, A>(self, stream: TcpStream, speaks: Speaks, answer: F)
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        match speaks {
            Speaks::Http1 => self.http1(stream, answer).await,
            Speaks::H2(at_once) => self.http2(stream, at_once, answer).await,
            Speaks::Tls(config) => {
                let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else { return };
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    self.http2(stream, 100, answer).await;
                } else {
                    self.http1(stream, answer).await;
                }
            }
        }
    }

    async fn http1<F, A>(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, answer: F)
    where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let service = service_fn(move |request| {
            self.hits.fetch_add(1, Ordering::SeqCst);
            let answered = answer(request);
            async { Ok::<_, Infallible>(answered.await) }
        });
        let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    }

    async fn http2<F, A>(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        at_once: u32,
        answer: F,
    ) where
        F: Fn(Request<Incoming>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send + 'static,
    {
        let hang_up = self.hang_up.lock().unwrap().clone();
        let service = service_fn(move |request| {
            self.hits.fetch_add(1, Ordering::SeqCst);
            let answered = answer(request);
            async { Ok::<_, Infallible>(answered.await) }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .max_concurrent_streams(at_once)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => {}
            () = hang_up.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }

    /// Says on every connection that it will be closed; new ones stay.
    pub(super) fn go_away(&self) {
        std::mem::take(&mut *self.hang_up.lock().unwrap()).cancel();
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn nothing_in_particular() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An app that says `ok` and its name.
pub(super) async fn named(name: &'static str) -> Served {
    Served::by(Speaks::Http1, move |_| async move { Response::new(text(name)) }).await
}

/// An app of raw bytes: `serve` gets each connection, with its number.
pub(super) async fn raw<F, A>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream, usize) -> A + Send + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, number));
        }
    });
    address
}

/// Reads a request's head; `None` at the end of the connection.
pub(super) async fn head(stream: &mut TcpStream) -> Option<String> {
    use tokio::io::AsyncReadExt;
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(read).ok()
}
