//! The body of a request, from a client who may be slow but not silent: what it holds here it holds only as long as
//! something comes.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// A body that breaks off when nothing of it came for long.
pub(in crate::gateway) struct Timely {
    body: Incoming,
    silence: Duration,
    /// Made with the first wait: most bodies are there when they are asked for.
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum BrokenOff {
    /// Nothing of it came for so long.
    #[error("nothing more of the body came for {0:?}")]
    Silent(Duration),
    /// The client did not send all of it.
    #[error(transparent)]
    Client(#[from] hyper::Error),
}

impl Timely {
    /// `body`, which may pause for `silence` at the most.
    pub(in crate::gateway) fn new(body: Incoming, silence: Duration) -> Self {
        Self { body, silence, timer: None, waiting: false }
    }
}

impl Body for Timely {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(this.silence)));
        if !this.waiting {
            this.waiting = true;
            timer.as_mut().reset(Instant::now() + this.silence);
        }
        timer.as_mut().poll(context).map(|()| Some(Err(BrokenOff::Silent(this.silence))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
