//! An app that believes guestpass's assertion and nothing else. What to copy is in verify.rs.

mod verify;

use axum::extract::State;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::env;
use std::sync::Arc;
use verify::{Doubt, Verifier};

type Answer = (StatusCode, Json<Value>);

async fn answer(State(verifier): State<Arc<Verifier>>, headers: HeaderMap) -> Answer {
    let assertion =
        headers.get("guestpass-assertion").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match verifier.who(assertion).await {
        Ok(claims) => (StatusCode::OK, Json(claims)),
        Err(doubt) => (StatusCode::UNAUTHORIZED, Json(json!({ "error": doubt.to_string() }))),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Doubt> {
    let verifier = Arc::new(Verifier::new(&env::var("GUESTPASS")?, &env::var("APP")?)?);
    let app = Router::new().fallback(answer).with_state(verifier);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", env::var("PORT")?.parse()?)).await?;
    Ok(axum::serve(listener, app).await?)
}
