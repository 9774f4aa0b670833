//! The door for machines that watch over us: is it alive, is it ready, what does it count. On an address of its own,
//! never on one that people reach. It tells numbers and nothing of anybody.

use crate::metrics::{MEDIA_TYPE, Metrics};
use crate::store::Store;
use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long the store may take to show that it can be read.
const PATIENCE: Duration = Duration::from_secs(2);

/// What this door needs.
pub struct Deps {
    /// What is counted.
    pub metrics: Metrics,
    /// To read.
    pub store: Store,
    /// Cancelled once everything runs: before that no requests should be sent here.
    pub started: CancellationToken,
    /// Cancelled when no more requests should be sent here.
    pub leaving: CancellationToken,
}

#[derive(Clone)]
struct Door {
    metrics: Metrics,
    store: Store,
    started: CancellationToken,
    leaving: CancellationToken,
    /// By target and state.
    accounts: Family<[(&'static str, String); 2], Gauge>,
}

/// The pages of this door.
pub fn router(Deps { metrics, store, started, leaving }: Deps) -> Router {
    let accounts = Family::default();
    metrics.register("accounts", "Accounts in apps by what they are or wait to be", accounts.clone());
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(tell))
        .with_state(Door { metrics, store, started, leaving, accounts })
}

/// Listens on `address`.
///
/// # Errors
/// Where it is taken, or not ours.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address} for operations"))
}

/// Serves the door on `listener` until it is dropped: also while everything else finishes.
pub async fn run(listener: TcpListener, deps: Deps) {
    if let Err(error) = axum::serve(listener, router(deps)).await {
        tracing::error!(%error, "probes and metrics are not served any more");
    }
}

async fn ready(State(door): State<Door>) -> Response {
    let why_not = if door.leaving.is_cancelled() {
        "it is stopping: send requests elsewhere".to_owned()
    } else if !door.started.is_cancelled() {
        "it is starting".to_owned()
    } else {
        match timeout(PATIENCE, door.store.try_reading()).await {
            Ok(Ok(())) => return "ready\n".into_response(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the store did not answer within {PATIENCE:?}"),
        }
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why_not}\n")).into_response()
}

async fn tell(State(door): State<Door>) -> Response {
    let counted = timeout(PATIENCE, door.store.accounts_by_state()).await;
    // What is not known is left out, which alarms; an old number would not.
    door.accounts.clear();
    for (target, state, accounts) in counted.ok().and_then(Result::ok).into_iter().flatten() {
        let labels = [("app", target.to_string()), ("state", state)];
        door.accounts.get_or_create(&labels).set(accounts);
    }
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], door.metrics.text()).into_response()
}
