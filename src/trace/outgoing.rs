//! What we ask of providers and targets, as part of the trace that it is done for.

use super::TRACEPARENT;
use super::current::current;
use reqwest::{RequestBuilder, Response};

/// Sends `request`, with a span of its own where the task works for one. Of the address the span tells the host: what comes
/// after it may name a person.
///
/// # Errors
/// Those of [`RequestBuilder::send`].
pub async fn send(request: RequestBuilder) -> reqwest::Result<Response> {
    let Some(current) = current() else { return request.send().await };
    let (client, request) = request.build_split();
    let mut request = request?;
    let mut span = current.call(request.method());
    let url = request.url();
    span.text("url.scheme", url.scheme());
    span.text("server.address", url.host_str().unwrap_or_default());
    span.number("server.port", url.port_or_known_default().unwrap_or_default());
    request.headers_mut().insert(TRACEPARENT, span.header());
    let answered = client.execute(request).await;
    match &answered {
        Ok(response) => span.status(response.status()),
        Err(error) if error.is_timeout() => span.failed("timeout"),
        Err(error) if error.is_connect() => span.failed("connect"),
        Err(_) => span.failed("broken"),
    }
    answered
}
