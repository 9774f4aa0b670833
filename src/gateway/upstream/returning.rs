//! An answer's body on its way back. Read to its end, it hands its connection back; dropped half-way, its
//! connection is closed, or its stream reset.

use super::health;
use super::lane::{Lane, Stream};
use crate::gateway::headers;
use crate::gateway::upload::FromClient;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// The body of an answer.
pub(in crate::gateway) struct Returning {
    body: Incoming,
    ended: bool,
    home: Home,
    /// Where there is a choice of endpoints, the one that is busy with this.
    taken: Option<health::Taken>,
    idle: Option<Box<Idle>>,
}

/// What becomes of the connection.
pub(super) enum Home {
    /// It became something else.
    None,
    /// It goes back to its worker's others, if they are still there.
    Lane(Weak<Lane>, SendRequest<FromClient>),
    /// It is shared; this is its place there.
    Shared(#[expect(dead_code, reason = "it is counted")] Stream),
}

/// Why an answer's body ended early.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum Broken {
    #[error("the app broke off: {0}")]
    Off(#[from] hyper::Error),
    #[error("the app sent nothing for {0:?}")]
    Idle(Duration),
}

/// How long the app may send nothing. The timer is set anew by each wait: while the client is slow, nobody waits.
struct Idle {
    limit: Duration,
    waits: bool,
    timer: Pin<Box<Sleep>>,
}

impl Returning {
    pub(super) fn new(body: Incoming, home: Home, idle: Option<Duration>) -> Self {
        let idle = idle.map(|limit| Box::new(Idle { limit, waits: false, timer: Box::pin(sleep(limit)) }));
        Self { body, ended: false, home, taken: None, idle }
    }

    /// Keeps `taken` until all was read.
    pub(super) fn keep(&mut self, taken: health::Taken) {
        self.taken = Some(taken);
    }

    /// What says that the endpoint is busy, for what outlives the body: a tunnel.
    pub(in crate::gateway) fn busy(&mut self) -> impl Send + use<> {
        self.taken.take()
    }
}

impl Idle {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Broken> {
        if !self.waits {
            self.waits = true;
            self.timer.as_mut().reset(Instant::now() + self.limit);
        }
        ready!(self.timer.as_mut().poll(context));
        Poll::Ready(Broken::Idle(self.limit))
    }
}

impl Body for Returning {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        let mut frame = match (Pin::new(&mut this.body).poll_frame(context), &mut this.idle) {
            (Poll::Ready(frame), idle) => {
                idle.iter_mut().for_each(|idle| idle.waits = false);
                frame.map(|frame| frame.map_err(Broken::from))
            }
            (Poll::Pending, None) => return Poll::Pending,
            (Poll::Pending, Some(idle)) => Some(Err(ready!(idle.poll(context)))),
        };
        match &mut frame {
            None => this.ended = true,
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    headers::clean_trailers(trailers);
                }
            }
            Some(Err(_)) => {
                if let Some(taken) = &this.taken {
                    taken.failed(Instant::now(), None);
                }
            }
        }
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
        if !self.ended && !self.body.is_end_stream() {
            return;
        }
        let Home::Lane(lane, mut sender) = std::mem::replace(&mut self.home, Home::None) else { return };
        if sender.is_ready() {
            put(&lane, sender);
        } else {
            // The connection's own task has yet to notice that the answer is over.
            tokio::spawn(async move {
                if sender.ready().await.is_ok() {
                    put(&lane, sender);
                }
            });
        }
    }
}

fn put(lane: &Weak<Lane>, sender: SendRequest<FromClient>) {
    if let Some(lane) = lane.upgrade() {
        lane.put(sender);
    }
}
