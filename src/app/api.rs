//! The admin API on its listener: here the door that answers meets the one that knows how connections are served.

use crate::admin::{self, Calls};
use crate::config::AdminApi;
use crate::gateway::listen::{self, Listener};
use anyhow::Context;
use tokio_util::sync::CancellationToken;

/// How many connections it may have at a time: operators are few.
const MOST: usize = 64;

/// Listens where the configuration says.
///
/// # Errors
/// When the address cannot be had.
pub(super) fn bind(api: &AdminApi) -> anyhow::Result<Listener> {
    let cannot = || format!("cannot listen on {} for the admin API", api.listen.at);
    Listener::bind(&api.listen, api.tls.as_ref()).with_context(cannot)
}

/// Serves it until `stop`. Who called is recorded to the last.
pub(super) async fn run(listener: Listener, deps: admin::Deps, calls: Calls, stop: CancellationToken) {
    let pages = admin::api(deps, calls.clone());
    if let Err(error) = listen::serve(listener, pages, MOST, stop).await {
        tracing::error!(%error, "the admin API failed: {error}");
    }
    calls.flush().await;
}
