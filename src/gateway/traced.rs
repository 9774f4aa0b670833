//! What a trace is told of a request: where it went and what became of it. Not who sent it, and not what for: paths may name
//! people, and the access log has both, under the same trace and the same id.

use super::access_log::Outcome;
use super::listen::Peer;
use super::upstream::{Failure, Upstream};
use crate::trace::{Span, TRACEPARENT, Traces, current};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};

const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Begins the span of a request of `peer`, where it is sampled. Of a trace that is not theirs nobody hears what they said
/// of it.
pub(super) fn begin<B>(
    traces: Option<&Traces>,
    peer: &Peer,
    request: &mut Request<B>,
    id: &HeaderValue,
) -> Option<Span> {
    let mut span = traces?.asked(request.method(), request.headers(), peer.trusted)?;
    if !peer.trusted {
        request.headers_mut().remove(TRACESTATE);
    }
    span.text("guestpass.request_id", id.to_str().unwrap_or_default());
    Some(span)
}

/// Ends it with what became of the request.
pub(super) fn end<B>(mut span: Span, response: &Response<B>) {
    span.status(response.status());
    let outcome = response.extensions().get::<Outcome>();
    let (decision, reason) = outcome.map_or(("ours", "ours"), Outcome::decision);
    span.text("guestpass.decision", decision);
    span.text("guestpass.reason", reason);
    if let Some(app) = outcome.and_then(Outcome::app) {
        span.text("guestpass.app", app.as_str());
    }
}

/// The span of a request on its way to the app, which goes on with it in its `headers`; `None` where it is not sampled.
pub(super) fn call<B>(
    traces: Option<&Traces>,
    upstream: &Upstream,
    request: &mut Request<B>,
) -> Option<Span> {
    traces?;
    let mut span = current()?.call(request.method());
    span.text("server.address", upstream.to_string());
    let headers: &mut HeaderMap = request.headers_mut();
    headers.insert(TRACEPARENT, span.header());
    Some(span)
}

/// Ends it with the app's answer.
pub(super) fn answered<B>(span: Option<Span>, answer: &Result<Response<B>, Failure>) {
    let Some(mut span) = span else { return };
    match answer {
        Ok(response) => span.status(response.status()),
        Err(failure) => span.failed(failure.word()),
    }
}
