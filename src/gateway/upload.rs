//! What a client sends, on its way to an app: streamed, never collected, and cut where it grows too long or access ends. An
//! app may answer before it has all of it, so it has a watch of its own.

use super::listen::{BrokenOff, Timely};
use super::watch::{Passing, Permitted, Watch};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

/// The body of a request. Trailers are dropped: they come after the request was judged.
pub(super) enum FromClient {
    /// It has none, and nothing is counted.
    Nothing,
    /// It has one.
    Sent(Box<Upload>),
}

/// A body that is being sent on.
pub(super) struct Upload {
    body: Timely,
    /// How many bytes there may be, and how many more may come.
    limit: Option<(u64, u64)>,
    passing: Passing,
    progress: Arc<Progress>,
}

/// How many frames are a short body, which nobody watches unless it has to wait. They are few, since where the app does not
/// read, nobody asks for the next one, and it may come after the end.
const SHORT: u8 = 4;

/// Why a body was cut.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    /// It passed its limit, in bytes.
    #[error("the body is longer than {0} bytes")]
    TooLarge(u64),
    /// The client did not send all of it.
    #[error("the client broke off: {0}")]
    Client(#[from] BrokenOff),
    /// The permit ended before it did.
    #[error("access ended while the body was being sent")]
    AccessEnded,
}

/// How an upload goes, for whoever waits for the answer: an app is not slow while its client is, and has not
/// failed where its client did.
#[derive(Debug, Default)]
pub(super) struct Progress {
    moved: AtomicBool,
    waits_for_client: AtomicBool,
    cut: AtomicU8,
}

/// What `Progress::cut` holds; 0 while nothing was cut.
const TOO_LARGE: u8 = 1;
const BROKEN_OFF: u8 = 2;
const ACCESS_ENDED: u8 = 3;

impl FromClient {
    /// The body of a request, of at most `limit` bytes, for as long as what is watched lasts.
    ///
    /// # Errors
    /// Where its `Content-Length` is above the limit. Without one it is cut when it passes the limit.
    pub(super) fn new(body: Timely, limit: Option<u64>, watch: &Watch) -> Result<Self, Cut> {
        if body.is_end_stream() {
            return Ok(Self::Nothing);
        }
        match limit {
            Some(limit) if body.size_hint().lower() > limit => Err(Cut::TooLarge(limit)),
            _ => {
                let limit = limit.map(|limit| (limit, limit));
                let passing = Passing::new(Permitted::new(watch.clone()), SHORT);
                Ok(Self::Sent(Box::new(Upload { body, limit, passing, progress: Arc::default() })))
            }
        }
    }

    /// How it goes; `None` where there is nothing to send.
    pub(super) fn progress(&self) -> Option<Arc<Progress>> {
        match self {
            Self::Nothing => None,
            Self::Sent(upload) => Some(upload.progress.clone()),
        }
    }
}

impl Progress {
    /// Whether the app may be silent still: the client is to send more, or some of it went since this was last
    /// asked.
    pub(super) fn is_under_way(&self) -> bool {
        let moved = self.moved.swap(false, Ordering::Relaxed);
        moved || self.waits_for_client.load(Ordering::Relaxed)
    }

    /// Whether it was cut because it passed its limit.
    pub(super) fn is_too_large(&self) -> bool {
        self.cut.load(Ordering::Relaxed) == TOO_LARGE
    }

    /// Whether the client broke off.
    pub(super) fn is_broken_off(&self) -> bool {
        self.cut.load(Ordering::Relaxed) == BROKEN_OFF
    }

    /// Whether access ended first.
    pub(super) fn is_ended(&self) -> bool {
        self.cut.load(Ordering::Relaxed) == ACCESS_ENDED
    }
}

impl Upload {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let Self { body, passing, .. } = self;
        let polled = passing.poll_next(context, |context| Pin::new(body).poll_frame(context));
        self.progress.waits_for_client.store(polled.is_pending(), Ordering::Relaxed);
        let frame = match ready!(polled) {
            Some(Some(Ok(frame))) => frame,
            Some(Some(Err(error))) => {
                self.progress.cut.store(BROKEN_OFF, Ordering::Relaxed);
                return Poll::Ready(Some(Err(error.into())));
            }
            Some(None) => return Poll::Ready(None),
            None => {
                self.progress.cut.store(ACCESS_ENDED, Ordering::Relaxed);
                return Poll::Ready(Some(Err(Cut::AccessEnded)));
            }
        };
        let Some(data) = frame.data_ref() else { return Poll::Ready(None) };
        self.progress.moved.store(true, Ordering::Relaxed);
        if let Some((limit, left)) = &mut self.limit {
            match left.checked_sub(data.len() as u64) {
                Some(less) => *left = less,
                None => {
                    self.progress.cut.store(TOO_LARGE, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(Cut::TooLarge(*limit))));
                }
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

impl Body for FromClient {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Nothing => Poll::Ready(None),
            Self::Sent(upload) => upload.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Sent(upload) => upload.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Sent(upload) => upload.body.size_hint(),
        }
    }
}
