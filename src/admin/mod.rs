//! The operators' door: a unix socket that only the owner of the process may open. Whatever changes something goes
//! through the running gateway, so that the bell rings and the cache hears.

mod orders;
mod page;
mod plan;
mod reads;
mod reload;
mod targets;

pub use plan::{Planned, PlannedAccount, PlannedCall};
pub use reload::{Reloaded, Reloads, Wish};
pub use targets::{Difference, Drift, Imported, Inquiries, Inquiry, Match, Seats, TargetRow};

use crate::clock::Clock;
use crate::lifecycle::{Error, Lifecycle};
use crate::names::UserId;
use crate::socket;
use crate::store::Store;
use anyhow::Context;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::json;
use std::path::Path;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// What this door needs.
#[derive(Clone)]
pub struct Deps {
    /// To read.
    pub store: Store,
    /// To change.
    pub lifecycle: Lifecycle,
    /// What time it is.
    pub clock: Clock,
    /// Whoever can load the configuration.
    pub reloads: Reloads,
    /// Whoever can speak to targets.
    pub inquiries: Inquiries,
}

/// The API.
pub fn router(deps: Deps) -> Router {
    Router::new()
        .route("/accounts", get(reads::accounts))
        .route("/grants", get(reads::grants))
        .route("/sessions", get(reads::sessions))
        .route("/people", get(reads::people))
        .route("/audit", get(reads::audit))
        .route("/accounts/{id}/retry", post(orders::retry))
        .route("/accounts/{id}/decide", post(orders::decide))
        .route("/targets", get(targets::targets))
        .route("/targets/{target}/confirm", post(orders::confirm_target))
        .route("/targets/{target}/import", get(targets::import))
        .route("/drift", get(targets::drift))
        .route("/seats", get(targets::seats))
        .route("/grants/{id}/end", post(orders::end_grant))
        .route("/grants/{id}/extend", post(orders::extend))
        .route("/sessions/{id}/revoke", post(orders::revoke_session))
        .route("/people/{person}/claims", get(reads::claims))
        .route("/people/{person}/revoke", post(orders::revoke))
        .route("/people/{person}/restore", post(orders::restore))
        .route("/keys", get(reads::keys))
        .route("/keys/rotate", post(orders::rotate))
        .route("/known", get(reads::known))
        .route("/plan", post(plan::plan))
        .route("/reload", post(reload::reload))
        .with_state(deps)
}

/// Binds the socket at `path`, for the owner alone.
///
/// # Errors
/// Where the path is taken or cannot be written.
pub fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    let said = || format!("cannot listen on {}", path.display());
    let listener = socket::bind(path, 0o600).with_context(said)?;
    listener.set_nonblocking(true).with_context(said)?;
    UnixListener::from_std(listener).with_context(said)
}

/// Serves the API on `listener` until `stop`.
pub async fn run(listener: UnixListener, deps: Deps, stop: CancellationToken) {
    let served = axum::serve(listener, router(deps)).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "the operators' socket failed");
    }
}

/// Wishes something of whoever takes such wishes, and waits for what comes of it.
async fn wish<W, T>(
    takers: &mpsc::Sender<W>,
    wish: impl FnOnce(oneshot::Sender<T>) -> W,
) -> Result<T, Failure> {
    let (answer, answered) = oneshot::channel();
    // Both ends fail only while the gateway stops.
    let stopping = || Error::Invalid("the gateway is stopping".to_owned());
    takers.send(wish(answer)).await.map_err(|_| stopping())?;
    Ok(answered.await.map_err(|_| stopping())?)
}

/// A person by their id, or as `subject@provider`: subjects may hold an `@`, names of providers never do.
async fn find(deps: &Deps, person: &str) -> Result<UserId, Failure> {
    if let Ok(id) = person.parse() {
        return Ok(id);
    }
    let missing = || Error::NotFound("person", person.to_owned());
    let (sub, provider) = person.rsplit_once('@').ok_or_else(missing)?;
    let identity = deps.store.find_identity(provider, sub).await?;
    Ok(identity.ok_or_else(missing)?.user)
}

/// Why an order was not carried out, for an operator to read.
struct Failure(Error);

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            Error::NotFound(..) => StatusCode::NOT_FOUND,
            Error::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Error::Store(error) => {
                tracing::error!(%error, "order not carried out");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        (status, Json(json!({ "status": status.as_u16(), "detail": self.0.to_string() }))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn the_socket_is_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guestpass.sock");
        drop(bind(&path).unwrap());
        let _again = bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
