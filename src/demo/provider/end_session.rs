//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0). There is no session to end, only a way back.

use super::{Provider, with_query};
use crate::demo::look;
use axum::extract::{Form, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What the client asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Goodbye {
    id_token_hint: Option<String>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
}

pub(super) async fn by_query(State(provider): State<Provider>, Query(goodbye): Query<Goodbye>) -> Response {
    end(&provider, &goodbye)
}

pub(super) async fn by_form(State(provider): State<Provider>, Form(goodbye): Form<Goodbye>) -> Response {
    end(&provider, &goodbye)
}

/// Sends the person back to a registered address if a token of ours says who asks; else says it is done.
fn end(provider: &Provider, goodbye: &Goodbye) -> Response {
    let hinted = goodbye.id_token_hint.as_deref().is_some_and(|hint| is_ours(provider, hint));
    let known = |uri: &&String| provider.settings().post_logout_redirect_uris.contains(uri);
    let back = goodbye.post_logout_redirect_uri.as_ref().filter(known).filter(|_| hinted);
    match back.and_then(|uri| with_query(uri, &[("state", goodbye.state.as_deref())])) {
        Some(url) => Redirect::to(url.as_str()).into_response(),
        None => look::message(
            StatusCode::OK,
            "Identity provider",
            "You are signed out.",
            "You can close this window.",
        ),
    }
}

/// An ID token stays a hint beyond its expiry (section 2), so that is not looked at.
fn is_ours(provider: &Provider, hint: &str) -> bool {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.validate_exp = false;
    validation.set_required_spec_claims(&["iss", "aud"]);
    validation.set_issuer(&[&provider.settings().issuer]);
    validation.set_audience(&[&provider.settings().client_id]);
    DecodingKey::from_jwk(&provider.0.jwk)
        .is_ok_and(|key| decode::<IgnoredAny>(hint, &key, &validation).is_ok())
}
