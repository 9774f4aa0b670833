//! Upgraded connections: bytes both ways, for as long as the permit lasts.

use super::watch::Watch;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tunnels of one worker.
#[derive(Clone, Default)]
pub(super) struct Tunnels {
    running: TaskTracker,
    over: CancellationToken,
}

impl Tunnels {
    /// Runs a tunnel until it ends or the worker does.
    pub(super) fn spawn(&self, tunnel: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(self.over.clone().run_until_cancelled_owned(tunnel));
    }

    /// Tells all tunnels to end, and resolves when they have.
    pub(super) async fn end(&self) {
        self.over.cancel();
        self.running.close();
        self.running.wait().await;
    }
}

/// Copies between client and app until either hangs up or the permit ends. Then both connections are closed,
/// as they are when the worker stops.
pub(super) async fn run(client: OnUpgrade, app: OnUpgrade, watch: Watch) {
    let name = watch.permit.app().name.clone();
    let copied = async {
        let (client, app) = tokio::try_join!(client, app).map_err(std::io::Error::other)?;
        copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(app)).await
    };
    tokio::select! {
        () = watch.over() => tracing::info!(app = %name, "tunnel closed, access ended"),
        ended = copied => {
            if let Err(error) = ended {
                tracing::debug!(app = %name, %error, "tunnel broke off");
            }
        }
    }
}
