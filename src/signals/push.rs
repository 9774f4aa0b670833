//! Events that their transmitter pushes (RFC 8935). It shows a token that we have given it; the events are believed by
//! their signatures all the same.

use super::counts::Way;
use super::security_event::{NotTaken, take};
use super::{State, answer, later, told};
use crate::issuer::NotReceived;
use axum::body::Body;
use axum::extract::{self, Path};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

/// `POST /signals/PROVIDER`.
pub(super) async fn push(
    extract::State(deps): State,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let issuer = deps.issuer(&provider).and_then(|issuer| Some((issuer, issuer.transmitter()?)));
    let Some((issuer, transmitter)) = issuer else {
        return answer(StatusCode::NOT_FOUND, Body::empty());
    };
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let shown = text(header::AUTHORIZATION).and_then(|shown| shown.split_once(' '));
    let shown = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    if !shown.is_some_and(|(_, token)| transmitter.takes(token.trim())) {
        deps.counts.refused(Way::Push);
        let mut response =
            refused(StatusCode::UNAUTHORIZED, "authentication_failed", "it needs the token of this stream");
        let challenge = HeaderValue::from_static("Bearer realm=\"guestpass signals\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        return response;
    }
    let media = text(header::CONTENT_TYPE).and_then(|media| media.split(';').next()).unwrap_or_default();
    let token = str::from_utf8(&body).map(str::trim).unwrap_or_default();
    if !media.trim().eq_ignore_ascii_case("application/secevent+jwt") || token.is_empty() {
        deps.counts.refused(Way::Push);
        let why = "it is not a security event (application/secevent+jwt)";
        return refused(StatusCode::BAD_REQUEST, "invalid_request", why);
    }
    match take(&deps.lifecycle, &deps.counts, Way::Push, issuer, transmitter, token).await {
        Ok(()) => answer(StatusCode::ACCEPTED, Body::empty()),
        Err(NotTaken::NotReceived(NotReceived::Doubt(doubt))) => {
            refused(StatusCode::BAD_REQUEST, doubt.code, &doubt.to_string())
        }
        Err(NotTaken::NotReceived(NotReceived::Unavailable(..))) => later(),
        Err(NotTaken::Store(error)) => {
            tracing::error!(%error, provider, "security event not recorded");
            later()
        }
    }
}

/// RFC 8935, section 2.3.
fn refused(status: StatusCode, code: &str, why: &str) -> Response {
    told(status, &json!({ "err": code, "description": why }))
}
