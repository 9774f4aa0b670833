//! A listener behind which there is no app and no gate: another door answers, on the runtime that this is called on. What a
//! client may take is what it may take everywhere.

use super::accept::{Crowd, Handed, accept};
use super::greet::greet;
use super::http::Http;
use super::stream::Socket;
use super::{Listener, Patience};
use axum::Router;
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Answers by `pages` whoever connects to `listener`, at the most so many at a time, until `stop`; returns once what was
/// under way then has finished.
///
/// # Errors
/// When the listener cannot be set up.
pub async fn serve(
    listener: Listener,
    pages: Router,
    most: usize,
    stop: CancellationToken,
) -> io::Result<()> {
    let patience = Patience::default();
    let (http, connections) = (Arc::new(Http::new(patience)), TaskTracker::new());
    let (sender, mut handed) = unbounded_channel();
    let accepting = accept(listener.open()?, Arc::new(Crowd::new(1, most)), vec![sender]);
    let _accepting = tokio::spawn(stop.clone().run_until_cancelled_owned(accepting));
    while let Some(handed) = handed.recv().await {
        let (http, pages, stop) = (http.clone(), pages.clone(), stop.clone());
        connections.spawn(async move {
            if let Err(error) = attend(handed, &http, patience, pages, stop).await {
                tracing::debug!(error, "a connection broke off: {error}");
            }
        });
    }
    connections.close();
    connections.wait().await;
    Ok(())
}

async fn attend(
    handed: Handed,
    http: &Http,
    patience: Patience,
    pages: Router,
    stop: CancellationToken,
) -> Result<(), String> {
    let Handed { accepted, way, held } = handed;
    let origin = accepted.origin().map_err(|error| error.to_string())?;
    let socket = Socket::new(accepted, held).map_err(|error| error.to_string())?;
    let greeted = greet(socket, origin, &way, &[], patience);
    let Some(guest) = stop.run_until_cancelled(greeted).await else { return Ok(()) };
    let guest = guest.map_err(|error| error.to_string())?;
    let served = http.serve_pages(guest.stream, guest.http2, pages, stop);
    served.await.map_err(|error| error.to_string())
}
