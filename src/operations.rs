//! The door for machines that watch over us: is it alive, is it ready, what does it count. On an address of its own,
//! never on one that people reach. It tells numbers and nothing of anybody.

mod kept;

use crate::clock::Clock;
use crate::metrics::{MEDIA_TYPE, Metrics};
use crate::store::Store;
use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use kept::Kept;
use std::net::SocketAddr;
use std::sync::Arc;
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
    /// What time it is.
    pub clock: Clock,
    /// Cancelled once everything runs: before that no requests should be sent here.
    pub started: CancellationToken,
    /// Cancelled when no more requests should be sent here.
    pub leaving: CancellationToken,
}

#[derive(Clone)]
struct Door {
    deps: Arc<Deps>,
    kept: Kept,
}

/// The pages of this door.
pub fn router(deps: Deps) -> Router {
    let kept = Kept::new(&deps.metrics);
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(tell))
        .with_state(Door { deps: Arc::new(deps), kept })
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

async fn ready(State(Door { deps, .. }): State<Door>) -> Response {
    let why_not = if deps.leaving.is_cancelled() {
        "it is stopping: send requests elsewhere".to_owned()
    } else if !deps.started.is_cancelled() {
        "it is starting".to_owned()
    } else {
        match timeout(PATIENCE, deps.store.try_reading()).await {
            Ok(Ok(())) => return "ready\n".into_response(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the store did not answer within {PATIENCE:?}"),
        }
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why_not}\n")).into_response()
}

async fn tell(State(door): State<Door>) -> Response {
    let Deps { metrics, store, clock, .. } = &*door.deps;
    door.kept.refresh(store, clock.now(), PATIENCE).await;
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], metrics.text()).into_response()
}
