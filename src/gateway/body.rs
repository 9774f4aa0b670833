//! Bodies as they pass: typed, never collected.

use super::listen::{BrokenOff, Timely};
use super::upstream::Returning;
use super::watch::Watch;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Why a body broke off.
pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a client sends, on its way to an app. Trailers are dropped: they come after the request was judged.
pub(super) enum FromClient {
    Nothing,
    Sent(Timely),
}

impl Body for FromClient {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let Self::Sent(body) = self.get_mut() else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        Poll::Ready(frame.filter(|frame| frame.as_ref().map_or(true, Frame::is_data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Sent(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Sent(body) => body.size_hint(),
        }
    }
}

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
}

/// A short answer is over before anybody could be waiting for its end: the watch begins with the first wait.
enum Permitted {
    Unwatched(Option<Watch>),
    Watched(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// The permit ended before the answer did.
#[derive(Debug, thiserror::Error)]
#[error("access ended while the answer was being sent")]
struct AccessEnded;

impl FromApp {
    pub(super) fn new(body: Returning, watch: Watch) -> Self {
        Self { body, permitted: Permitted::Unwatched(Some(watch)) }
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
        if let Permitted::Watched(over) = &mut this.permitted {
            ready_is_error(over.as_mut().poll(context))?;
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if let Permitted::Unwatched(watch) = &mut this.permitted
            && let Some(watch) = watch.take()
        {
            let mut over: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(watch.over());
            ready_is_error(over.as_mut().poll(context))?;
            this.permitted = Permitted::Watched(over);
        }
        Poll::Pending
    }
}

fn ready_is_error(over: Poll<()>) -> Result<(), Error> {
    if over.is_ready() { Err(AccessEnded.into()) } else { Ok(()) }
}
