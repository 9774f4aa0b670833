//! What a client is sent: typed, never collected.

use super::upstream::Returning;
use super::watch::Permitted;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Why a body broke off.
pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a client is sent.
pub(super) enum ToClient {
    /// A page of the gate itself.
    Page(Full<Bytes>),
    /// From the router of our own pages.
    Router(axum::body::Body),
    /// From an app.
    App(FromApp),
}

impl Body for ToClient {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Page(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Self::Router(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Self::App(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Page(body) => body.is_end_stream(),
            Self::Router(body) => body.is_end_stream(),
            Self::App(body) => body.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Page(body) => body.size_hint(),
            Self::Router(body) => body.size_hint(),
            Self::App(body) => body.body.size_hint(),
        }
    }
}

/// What an app sends, for as long as the permit lasts.
pub(super) struct FromApp {
    body: Returning,
    permitted: Permitted,
    /// How many frames have passed, up to [`SHORT`].
    passed: u8,
}

/// A short answer is over before anybody could be waiting for its end. The watch begins with the first wait, or, where
/// the app is always ahead of its client, after so many frames.
const SHORT: u8 = 32;

/// The permit ended before the answer did.
#[derive(Debug, thiserror::Error)]
#[error("access ended while the answer was being sent")]
struct AccessEnded;

impl FromApp {
    pub(super) fn new(body: Returning, permitted: Permitted) -> Self {
        Self { body, permitted, passed: 0 }
    }
}

impl Body for FromApp {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if (this.permitted.is_watched() || this.passed == SHORT)
            && this.permitted.poll_over(context).is_ready()
        {
            return Poll::Ready(Some(Err(AccessEnded.into())));
        }
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(frame) => {
                this.passed = SHORT.min(this.passed + 1);
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending if this.permitted.is_watched() => Poll::Pending,
            Poll::Pending => this.permitted.poll_over(context).map(|()| Some(Err(AccessEnded.into()))),
        }
    }
}
