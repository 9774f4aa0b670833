//! The token endpoint and userinfo (OpenID Connect Core, 3.1.3 and 5.3; PKCE, RFC 7636).

use super::{Person, Provider, SignedIn, keep};
use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Header, encode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::PoisonError;
use subtle::ConstantTimeEq;

const TOKEN_LIVES: SignedDuration = SignedDuration::from_mins(5);

/// A code to be exchanged. What is missing is empty, and refused as what it then is.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Exchange {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
    client_id: String,
    client_secret: String,
}

#[derive(Serialize)]
struct IdToken<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    auth_time: i64,
    sid: &'a str,
    at_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(flatten)]
    person: &'a Person,
}

/// POST: a code becomes an ID token and an access token, once.
pub(super) async fn exchange(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(request): Form<Exchange>,
) -> Response {
    if !is_client(&provider, &headers, &request) {
        let refusal = refuse(StatusCode::UNAUTHORIZED, "invalid_client");
        return ([(WWW_AUTHENTICATE, "Basic realm=\"provider\"")], refusal).into_response();
    }
    if request.grant_type != "authorization_code" {
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let now = provider.0.clock.now();
    // Taken before it is judged: a code that was shown once, rightly or not, is used up.
    let taken = provider.0.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(&request.code);
    let fits = |code: &SignedIn| {
        now < code.expires
            && code.redirect_uri == request.redirect_uri
            && code.code_challenge == s256(&request.code_verifier)
    };
    let Some(signed_in) = taken.filter(fits) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    tokens(&provider, &signed_in, now)
        .unwrap_or_else(|| refuse(StatusCode::INTERNAL_SERVER_ERROR, "server_error"))
}

/// GET or POST: the claims about whoever the bearer token stands for.
pub(super) async fn userinfo(State(provider): State<Provider>, headers: HeaderMap) -> Response {
    let bearer = credentials(&headers, "Bearer ").unwrap_or_default();
    let now = provider.0.clock.now();
    let tokens = provider.0.tokens.lock().unwrap_or_else(PoisonError::into_inner);
    match tokens.get(bearer).filter(|token| now < token.expires) {
        Some(token) => ([(CACHE_CONTROL, "no-store")], Json(&token.person)).into_response(),
        None => {
            (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")]).into_response()
        }
    }
}

fn tokens(provider: &Provider, signed_in: &SignedIn, now: Timestamp) -> Option<Response> {
    let expires = now + TOKEN_LIVES;
    let access_token = keep(&provider.0.tokens, SignedIn { expires, ..signed_in.clone() }, now).ok()?;
    let hash = digest(&SHA256, access_token.as_bytes());
    let claims = IdToken {
        iss: &provider.settings().issuer,
        aud: &provider.settings().client_id,
        iat: now.as_second(),
        exp: expires.as_second(),
        auth_time: signed_in.at.as_second(),
        sid: &signed_in.sid,
        at_hash: URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]),
        nonce: signed_in.nonce.as_deref(),
        person: &signed_in.person,
    };
    let header = Header { kid: provider.0.jwk.common.key_id.clone(), ..Header::new(Algorithm::ES256) };
    let answer = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": TOKEN_LIVES.as_secs(),
        "scope": signed_in.scope,
        "id_token": encode(&header, &claims, &provider.0.key).ok()?,
    });
    Some(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// Whether the request comes from our client: by Basic (RFC 6749, section 2.3.1, each part form-encoded), else by
/// its body.
fn is_client(provider: &Provider, headers: &HeaderMap, request: &Exchange) -> bool {
    let (id, secret) = match credentials(headers, "Basic ") {
        Some(basic) => basic_parts(basic).unwrap_or_default(),
        None => (request.client_id.clone(), request.client_secret.clone()),
    };
    let settings = provider.settings();
    id == settings.client_id && bool::from(secret.as_bytes().ct_eq(settings.client_secret.as_bytes()))
}

fn basic_parts(basic: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |part: &str| {
        let (decoded, _) = url::form_urlencoded::parse(part.as_bytes()).next()?;
        Some(decoded.into_owned())
    };
    Some((decode(id)?, decode(secret)?))
}

fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix(scheme)
}

fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

fn refuse(status: StatusCode, error: &str) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(json!({ "error": error }))).into_response()
}
