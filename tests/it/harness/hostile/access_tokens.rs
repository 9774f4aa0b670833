//! Access tokens of the provider that programs show to apps: JWTs that it has signed, and others that it is asked about.

use super::{Hostile, Play, sign};
use axum::response::{IntoResponse, Response};
use guestpass::seal::random_text;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::HashMap;

/// The API that they are for.
pub(crate) const AUDIENCE: &str = "https://echo.example.com/api";

impl Hostile {
    /// What an access token of the program `ci` says, with `more`; what is null is left out.
    pub(crate) fn access_claims(&self, more: Value) -> Value {
        let now = self.0.clock.now().as_second();
        let mut claims = json!({
            "iss": self.0.issuer, "sub": "ci", "client_id": "ci", "aud": AUDIENCE, "scope": "read write",
            "iat": now, "exp": now + 3600, "jti": random_text(),
        });
        let claims = claims.as_object_mut().unwrap();
        claims.extend(more.as_object().unwrap().clone());
        claims.retain(|_, value| !value.is_null());
        Value::Object(claims.clone())
    }

    /// A JWT that says so.
    pub(crate) fn access_token(&self, more: Value) -> String {
        let kid = self.0.state.lock().unwrap().es256.1["kid"].clone();
        self.access_token_with(json!({ "typ": "at+jwt", "kid": kid }), more, Play::default())
    }

    /// The same with this header, signed as `play` has it.
    pub(crate) fn access_token_with(&self, header: Value, more: Value, play: Play) -> String {
        let claims = self.access_claims(more);
        let mut state = self.0.state.lock().unwrap();
        let before = std::mem::replace(&mut state.play, play);
        let token = sign(&state, &self.0.secret, header, &claims);
        state.play = before;
        token
    }

    /// A token that says nothing by itself; who asks is told this.
    pub(crate) fn opaque(&self, more: Value) -> String {
        let (token, said) = (random_text(), self.access_claims(more));
        self.0.state.lock().unwrap().opaque.insert(token.clone(), said);
        token
    }

    /// Does not know any token any more that it gave.
    pub(crate) fn forgets_tokens(&self) {
        self.0.state.lock().unwrap().opaque.clear();
    }
}

/// What is said of a token to a client that proves who it is (RFC 7662).
pub(super) fn introspect(
    opaque: &HashMap<String, Value>,
    form: &HashMap<String, String>,
    proved: bool,
) -> Response {
    if !proved {
        let error = json!({ "error": "invalid_client" });
        return (StatusCode::UNAUTHORIZED, axum::Json(error)).into_response();
    }
    let said = match form.get("token").and_then(|token| opaque.get(token)) {
        Some(said) => {
            let mut said = said.clone();
            said["active"] = true.into();
            said
        }
        None => json!({ "active": false }),
    };
    axum::Json(said).into_response()
}
