//! A provider tells us directly that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0, section 2.5).

use super::counts::Way;
use super::{State, answer, later, the, told};
use crate::identity::{Effect, LogoutToken};
use crate::issuer::{Error, Issuer};
use crate::lifecycle::{Heard, Lifecycle, Signal};
use crate::store;
use axum::body::Body;
use axum::extract::{self, Path};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

/// `POST /sign-out/back-channel/PROVIDER`.
pub(super) async fn logout(
    extract::State(deps): State,
    Path(provider): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let refuse = |why: &str| {
        tracing::warn!(provider, why, "logout token refused");
        deps.counts.refused(Way::BackChannel);
        let said = json!({ "error": "invalid_request", "error_description": why });
        told(StatusCode::BAD_REQUEST, &said)
    };
    let Some(issuer) = deps.issuer(&provider) else {
        return answer(StatusCode::NOT_FOUND, Body::empty());
    };
    let Some(token) = token(&headers, &body) else {
        return refuse("the request is not a form with one logout_token");
    };
    let token = match issuer.logout_token(&token).await {
        Ok(token) => token,
        Err(error @ Error::Unavailable(..)) => {
            tracing::warn!(%error, "logout token not taken yet");
            return later();
        }
        Err(error) => return refuse(&error.to_string()),
    };
    match end(&deps.lifecycle, issuer, &token).await {
        Ok(Heard::Before) => {
            deps.counts.heard(Way::BackChannel, Heard::Before);
            let said = json!({ "error": "invalid_request", "error_description": "it was used before (jti)" });
            told(StatusCode::BAD_REQUEST, &said)
        }
        Ok(heard) => {
            deps.counts.heard(Way::BackChannel, heard);
            answer(StatusCode::OK, Body::empty())
        }
        Err(error) => {
            tracing::error!(%error, provider, "not signed out");
            later()
        }
    }
}

async fn end(lifecycle: &Lifecycle, issuer: &Issuer, token: &LogoutToken) -> Result<Heard, store::Error> {
    let signal = Signal {
        provider: issuer.name(),
        issuer: issuer.issuer(),
        said: "back-channel-logout",
        effect: Effect::EndsSessions,
        whose: Some(&token.whose),
        id: token.id,
        issued: token.issued,
        remember: token.ends,
    };
    lifecycle.signal(&signal).await
}

/// The one logout token in a form.
fn token(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let media = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.split(';').next()?;
    if !media.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    the("logout_token", body)
}
