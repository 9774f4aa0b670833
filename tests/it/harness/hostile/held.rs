//! An answer to a refresh token that comes late, when the token is not good any more.

use super::{Heard, Hostile};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use tokio::sync::oneshot;

impl Hostile {
    /// Holds back what it says of the next refresh token until it is told to go on. By then others have been given, so the
    /// token is not good; nothing else follows from it.
    pub(crate) fn holds(&self) -> oneshot::Sender<()> {
        let (go_on, held) = oneshot::channel();
        self.0.state.lock().unwrap().held = Some(held);
        go_on
    }

    /// The late answer, if this is the request that it is for.
    pub(super) fn held_back(&self, heard: &Heard) -> Option<impl Future<Output = Response> + use<>> {
        let refreshes = heard.form.get("grant_type").is_some_and(|grant| grant == "refresh_token");
        let mut state = self.0.state.lock().unwrap();
        let held = refreshes.then(|| state.held.take()).flatten()?;
        state.heard.push(heard.clone());
        Some(async move {
            let _ = held.await;
            invalid_grant()
        })
    }
}

/// What is said of a code or a token that is not good.
pub(super) fn invalid_grant() -> Response {
    (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": "invalid_grant" }))).into_response()
}
