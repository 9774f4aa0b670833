//! One live page: the accounts that Notes has now, and the events so far, side by side.

use super::look;
use crate::clock::Clock;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use minijinja::{context, value::Value as Shown};
use serde_json::{Value, json};
use std::sync::Arc;

/// What stands at the top of the page.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Where to click: label and address, the first thing to do first.
    pub links: Vec<(String, String)>,
    /// Who one can sign in as.
    pub people: Vec<String>,
}

struct Parts<A, E> {
    stage: Stage,
    accounts: A,
    events: E,
    clock: Clock,
}

/// The page at `/`, and what it shows as JSON at `/now`.
///
/// `accounts` are objects with `user_name`, `active`, `groups`, and optionally `until` (RFC 3339), to which the page
/// counts down. `events` are objects with `at` (RFC 3339), `what`, and optionally `detail`, oldest first. Both are
/// shown as text.
pub fn router<A, AF, E, EF>(stage: Stage, clock: Clock, accounts: A, events: E) -> Router
where
    A: Fn() -> AF + Send + Sync + 'static,
    AF: Future<Output = Vec<Value>> + Send + 'static,
    E: Fn() -> EF + Send + Sync + 'static,
    EF: Future<Output = Vec<Value>> + Send + 'static,
{
    let parts = Arc::new(Parts { stage, accounts, events, clock });
    Router::new().route("/", get(page)).route("/now", get(now)).with_state(parts)
}

async fn page<A, E>(State(parts): State<Arc<Parts<A, E>>>) -> Response {
    let link = |(label, href): &(String, String)| context! { label, href };
    let links: Vec<Shown> = parts.stage.links.iter().map(link).collect();
    let people = parts.stage.people.clone();
    look::page(
        StatusCode::OK,
        "stage.html",
        context! { brand => "guestpass demo", title => "The stage", links, people },
    )
}

async fn now<A, AF, E, EF>(State(parts): State<Arc<Parts<A, E>>>) -> Response
where
    A: Fn() -> AF,
    AF: Future<Output = Vec<Value>>,
    E: Fn() -> EF,
    EF: Future<Output = Vec<Value>>,
{
    let (accounts, events) = tokio::join!((parts.accounts)(), (parts.events)());
    let now = json!({ "now": parts.clock.now(), "accounts": accounts, "events": events });
    ([(CACHE_CONTROL, "no-store")], Json(now)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use http::Request;
    use tower::ServiceExt;

    #[tokio::test]
    async fn the_stage_tells_what_is_now() {
        let stage = Stage {
            links: vec![("Notes".into(), "http://notes.localhost".into())],
            people: vec!["Ada".into()],
        };
        let clock = Clock::turned("2026-03-02T09:00:00Z".parse().unwrap());
        let accounts = async || vec![json!({ "user_name": "carla", "active": true })];
        let events = async || vec![json!({ "at": "2026-03-02T09:00:00Z", "what": "</script>" })];
        let router = router(stage, clock, accounts, events);
        let body = async |path: &str| {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().into()).unwrap()
        };
        let now: Value = serde_json::from_str(&body("/now").await).unwrap();
        assert_eq!(
            (&now["now"], &now["accounts"][0]["user_name"]),
            (&json!("2026-03-02T09:00:00Z"), &json!("carla"))
        );
        let page = body("/").await;
        assert!(
            page.contains("http:&#x2f;&#x2f;notes.localhost") && page.contains("fetch(\"/now\""),
            "{page}"
        );
    }
}
