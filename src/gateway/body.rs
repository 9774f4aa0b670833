//! What a client is sent: typed, never collected.

use super::upstream::Returning;
use super::watch::{Passing, Permitted};
use bytes::Bytes;
use http::Response;
use http::header::CONTENT_LENGTH;
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

/// Makes an answer of the gate itself one to HEAD, which has no body (RFC 9110, section 9.3.2): its length stays. By HTTP/1.1
/// hyper sees to that, by HTTP/2 it does not. An app knows what it was asked.
pub(super) fn to_head(mut response: Response<ToClient>) -> Response<ToClient> {
    if let ToClient::Page(_) | ToClient::Router(_) = response.body() {
        let length = response.body().size_hint().exact().filter(|&length| length > 0);
        if let Some(length) = length {
            response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
        }
        *response.body_mut() = ToClient::Page(Full::default());
    }
    response
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
    passing: Passing,
}

/// How many frames are a short answer, which nobody watches unless it has to wait.
const SHORT: u8 = 32;

/// The permit ended before the answer did.
#[derive(Debug, thiserror::Error)]
#[error("access ended while the answer was being sent")]
struct AccessEnded;

impl FromApp {
    pub(super) fn new(body: Returning, permitted: Permitted) -> Self {
        Self { body, passing: Passing::new(permitted, SHORT) }
    }
}

impl Body for FromApp {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Self { body, passing } = self.get_mut();
        let polled = passing.poll_next(context, |context| Pin::new(body).poll_frame(context));
        polled.map(|frame| match frame {
            Some(frame) => frame.map(|frame| frame.map_err(Into::into)),
            None => Some(Err(AccessEnded.into())),
        })
    }
}
