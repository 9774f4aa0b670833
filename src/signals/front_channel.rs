//! A provider has the person's own browser tell us that they have signed out there, in a frame on its page (OpenID Connect
//! Front-Channel Logout 1.0, section 3).
//!
//! Anybody can have a browser ask for this address, so it ends nothing but the session of that very browser, and only
//! where it is named by issuer and `sid`, which nobody else knows. Our cookie is not sent to frames of other sites: it
//! works where the provider is on our own, and elsewhere ends nothing.

use super::counts::Way;
use super::{State, answer, later, the};
use crate::lifecycle::{self, Heard};
use crate::session::cookie::Cookie;
use axum::body::Body;
use axum::extract::{self, Path, RawQuery};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use subtle::ConstantTimeEq;

/// `GET /sign-out/front-channel/PROVIDER?iss=..&sid=..`.
pub(super) async fn logout(
    extract::State(deps): State,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(issuer) = deps.issuer(&provider) else {
        return answer(StatusCode::NOT_FOUND, Body::empty());
    };
    let refuse = |why: &str| {
        tracing::debug!(provider, why, "front-channel logout refused");
        deps.counts.refused(Way::FrontChannel);
        answer(StatusCode::BAD_REQUEST, Body::empty())
    };
    let query = query.unwrap_or_default();
    let (Some(iss), Some(sid)) = (the("iss", query.as_bytes()), the("sid", query.as_bytes())) else {
        return refuse("it does not name one issuer and one session (iss, sid)");
    };
    if !issuer.is_named(&iss) {
        return refuse("it is of another issuer (iss)");
    }
    let cookie = Cookie::session(deps.secure);
    let session = match deps.sessions.on(&deps.own_host, &headers, cookie, deps.clock.now()).await {
        Ok(session) => session.filter(|session| session.person.provider == *issuer.name()),
        Err(_) => return later(),
    };
    // Whoever is not there has signed out already.
    let Some(session) = session else { return done(&issuer.origin()) };
    match deps.store.sid(session.sign_in).await {
        Ok(Some(own)) if own.as_bytes().ct_eq(sid.as_bytes()).into() => {}
        Ok(_) => return refuse("it is another session (sid)"),
        Err(_) => return later(),
    }
    match deps.lifecycle.logout_there(session.sign_in, issuer.name()).await {
        Ok(()) | Err(lifecycle::Error::NotFound(..)) => {}
        Err(error) => {
            tracing::error!(%error, provider, "not signed out");
            return later();
        }
    }
    deps.counts.heard(Way::FrontChannel, Heard::Now(1));
    let mut response = done(&issuer.origin());
    if let Some(cleared) = cookie.clear() {
        response.headers_mut().append(header::SET_COOKIE, cleared);
    }
    response
}

/// Nothing to see, in a frame of the provider's alone.
fn done(origin: &str) -> Response {
    let mut response = answer(StatusCode::OK, Body::empty());
    let policy = format!("default-src 'none'; frame-ancestors {origin}");
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
