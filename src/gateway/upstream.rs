//! The connections that one worker has to apps. A connection serves one request at a time and comes back once
//! the answer was read to its end; one whose answer was dropped half-way is closed.

use super::body::FromClient;
use super::settings::Upstream;
use crate::loopback;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How long an app may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept without use. What stands between may forget it without a word.
const KEEP: Duration = Duration::from_secs(60);
/// How many unused connections to one app a worker keeps.
const KEPT: usize = 128;

/// Why an app gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    #[error("no connection within {CONNECT:?}")]
    TooSlow,
    #[error("broke off: {0}")]
    Broken(#[from] hyper::Error),
    #[error("switched protocols without being asked")]
    Switched,
    #[error("access ended before there was an answer")]
    AccessEnded,
}

/// The connections of one worker. Only its thread locks them.
#[derive(Clone, Default)]
pub(super) struct Pool {
    idle: Arc<Mutex<HashMap<Upstream, VecDeque<Idle>>>>,
}

struct Idle {
    sender: SendRequest<FromClient>,
    since: Instant,
}

impl Pool {
    /// Sends a request. The answer's body hands the connection back.
    ///
    /// A kept connection may have been closed just now. Then the request is sent once more on a new one: if
    /// nothing of it had been written, or if it has no body and doing it twice is doing it once.
    pub(super) async fn send(
        &self,
        upstream: &Upstream,
        mut request: Request<FromClient>,
    ) -> Result<Response<Returning>, Failure> {
        if let Some(mut sender) = self.take(upstream) {
            let spare = spare(&request);
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(self.returning(upstream, sender, response)),
                Err(mut error) => match error.take_message().or(spare) {
                    Some(again) => request = again,
                    None => return Err(error.into_error().into()),
                },
            }
        }
        let mut sender = timeout(CONNECT, connect(upstream)).await.map_err(|_| Failure::TooSlow)??;
        let response = sender.send_request(request).await?;
        Ok(self.returning(upstream, sender, response))
    }

    fn take(&self, upstream: &Upstream) -> Option<SendRequest<FromClient>> {
        let mut all = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = all.get_mut(upstream)?;
        // The one used last is the one most likely to be alive.
        std::iter::from_fn(|| idle.pop_back())
            .find(|idle| idle.sender.is_ready() && idle.since.elapsed() < KEEP)
            .map(|idle| idle.sender)
    }

    fn put(&self, upstream: Upstream, sender: SendRequest<FromClient>) {
        let mut all = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = all.entry(upstream).or_default();
        while idle.front().is_some_and(|oldest| idle.len() >= KEPT || oldest.since.elapsed() >= KEEP) {
            idle.pop_front();
        }
        idle.push_back(Idle { sender, since: Instant::now() });
    }

    fn returning(
        &self,
        upstream: &Upstream,
        sender: SendRequest<FromClient>,
        response: Response<Incoming>,
    ) -> Response<Returning> {
        let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let back = (!switched).then(|| (self.clone(), upstream.clone(), sender));
        response.map(|body| Returning { body, ended: false, back })
    }
}

/// The same request for a second try, if it may have one.
fn spare(request: &Request<FromClient>) -> Option<Request<FromClient>> {
    if !request.method().is_idempotent() || !request.body().is_end_stream() {
        return None;
    }
    let mut spare = Request::new(FromClient::Nothing);
    spare.method_mut().clone_from(request.method());
    spare.uri_mut().clone_from(request.uri());
    spare.headers_mut().clone_from(request.headers());
    Some(spare)
}

async fn connect(upstream: &Upstream) -> Result<SendRequest<FromClient>, Failure> {
    let addresses = loopback::addresses(&upstream.host, upstream.port).await?;
    let stream = TcpStream::connect(&addresses[..]).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with its sender, or when the app closes it; why is told to whoever waits for an answer.
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}

/// An answer's body that hands its connection back once it was read to the end.
pub(super) struct Returning {
    body: Incoming,
    ended: bool,
    back: Option<(Pool, Upstream, SendRequest<FromClient>)>,
}

impl Body for Returning {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        let Some((pool, upstream, mut sender)) = self.back.take() else { return };
        if !self.ended && !self.body.is_end_stream() {
            return;
        }
        if sender.is_ready() {
            pool.put(upstream, sender);
        } else {
            // The connection's own task has yet to notice that the answer is over.
            tokio::spawn(async move {
                if sender.ready().await.is_ok() {
                    pool.put(upstream, sender);
                }
            });
        }
    }
}
