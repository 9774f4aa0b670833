//! Upgraded connections: bytes both ways, for as long as the permit lasts. Then both sides are told, in the words of
//! WebSockets and between two frames; what cannot be told is reset.

mod flow;
mod frames;
#[cfg(test)]
mod tests;
mod wire;

use super::watch::Permitted;
use crate::names::AppName;
use crate::seal::random_bytes;
use flow::Flow;
use frames::Frames;
use hyper::upgrade::{OnUpgrade, Upgraded};
use std::future::poll_fn;
use std::io;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::Wire;

/// How long the rest of a frame that is under way is waited for: within it and a wake-up, whoever is to go is gone.
const FRAME: Duration = Duration::from_millis(50);
/// How long the other side may take to answer Close, so that it hears ours before the connection is gone: a way
/// there and back over a slow network. Longer, and whoever has no permit would hold a connection.
const ANSWER: Duration = Duration::from_secs(1);

/// The tunnels of one worker.
#[derive(Clone, Default)]
pub(super) struct Tunnels {
    running: TaskTracker,
    stop: CancellationToken,
}

impl Tunnels {
    /// Runs a tunnel, which gets to know when the worker wants to stop.
    pub(super) fn spawn<T>(&self, tunnel: impl FnOnce(CancellationToken) -> T)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        self.running.spawn(tunnel(self.stop.clone()));
    }

    /// Tells all tunnels to end, and resolves when they have: after little more than a second.
    pub(super) async fn end(&self) {
        self.stop.cancel();
        self.running.close();
        self.running.wait().await;
    }
}

/// Why a tunnel is ended, while both sides would go on.
#[derive(Debug, Clone, Copy)]
enum Why {
    AccessEnded,
    Stopping,
    Idle,
}

impl Why {
    /// What both sides are told (RFC 6455, section 7.4.1).
    fn words(self) -> (u16, &'static str) {
        match self {
            Self::AccessEnded => (1008, "access ended"),
            Self::Stopping => (1001, "going away"),
            Self::Idle => (1001, "idle for too long"),
        }
    }
}

/// Copies between client and app until both hang up, the permit ends, `stop` is cancelled, or no byte has come from
/// either side for as long as `idle`.
pub(super) async fn run(
    name: AppName,
    client: OnUpgrade,
    app: OnUpgrade,
    mut permitted: Permitted,
    stop: CancellationToken,
    idle: Option<Duration>,
) {
    let upgraded = async { tokio::try_join!(client, app) };
    let mut tunnel = match permitted.hold(upgraded).await {
        Some(Ok((client, app))) => Tunnel::new(client, app),
        Some(Err(error)) => return tracing::debug!(app = %name, %error, "no tunnel came about: {error}"),
        None => return,
    };
    let ended = tokio::select! {
        biased;
        () = permitted.over() => Ok(Some(Why::AccessEnded)),
        () = stop.cancelled() => Ok(Some(Why::Stopping)),
        ended = tunnel.copy(idle) => ended,
    };
    drop(permitted);
    match ended {
        Ok(None) => {}
        Ok(Some(why)) => {
            tracing::info!(app = %name, why = why.words().1, "tunnel closed, {}", why.words().1);
            // In a box, so that tunnels that are not ending need no room for it.
            Box::pin(tunnel.close(why)).await;
        }
        Err(error) => tracing::debug!(app = %name, %error, "tunnel broke off: {error}"),
    }
}

struct Tunnel {
    client: Wire,
    app: Wire,
    up: Flow,
    down: Flow,
}

impl Tunnel {
    fn new(client: Upgraded, app: Upgraded) -> Self {
        let ((client, said), (app, answered)) = (Wire::new(client), Wire::new(app));
        let (up, down) = (Flow::new(Frames::of_client(), said), Flow::new(Frames::of_app(), answered));
        Self { client, app, up, down }
    }

    /// Copies both ways. `None` where both sides hung up.
    async fn copy(&mut self, idle: Option<Duration>) -> io::Result<Option<Why>> {
        let mut silence = idle.map(|limit| (limit, Box::pin(sleep(limit))));
        poll_fn(|context| {
            let up = self.up.poll_copy(context, &mut self.client, &mut self.app)?;
            let down = self.down.poll_copy(context, &mut self.app, &mut self.client)?;
            if up.is_ready() && down.is_ready() {
                return Poll::Ready(Ok(None));
            }
            let Some((limit, timer)) = &mut silence else { return Poll::Pending };
            if self.up.has_moved() | self.down.has_moved() {
                timer.as_mut().reset(Instant::now() + *limit);
            }
            ready!(timer.as_mut().poll(context));
            Poll::Ready(Ok(Some(Why::Idle)))
        })
        .await
    }

    /// Tells both sides, and closes. What the client says from now on does not reach the app; of what the app says,
    /// the client gets the rest of a frame that is under way.
    async fn close(self, why: Why) {
        let Self { mut client, mut app, mut up, mut down } = self;
        let (code, reason) = why.words();
        let heard = tell(&mut down, Some(&mut app), &mut client, &frames::close(code, reason, None)).await;
        if heard.is_err() {
            client.reset();
            app.reset();
            return;
        }
        let [a, b, c, d, ..] = random_bytes();
        let masked = frames::close(code, reason, Some([a, b, c, d]));
        let app = match tell(&mut up, None, &mut app, &masked).await {
            Ok(()) => Some(app),
            Err(_) => {
                app.reset();
                None
            }
        };
        let parting = async {
            tokio::join!(part(up, client), async {
                if let Some(app) = app {
                    part(down, app).await;
                }
            })
        };
        // Who does not answer is left without one.
        let _ = timeout(ANSWER, parting).await;
    }
}

/// Says Close to `to` once no frame is under way for it, unless it was said before.
async fn tell(flow: &mut Flow, mut from: Option<&mut Wire>, to: &mut Wire, close: &[u8]) -> io::Result<()> {
    timeout(FRAME, async {
        poll_fn(|context| flow.poll_finish_frame(context, from.as_deref_mut(), to)).await?;
        if !flow.frames().is_closed() {
            to.write_all(close).await?;
        }
        to.flush().await
    })
    .await?
}

/// Waits until the other side has said Close as well, and hangs up.
async fn part(mut flow: Flow, mut wire: Wire) {
    // Gone is gone, also where it broke off.
    if poll_fn(|context| flow.poll_drain(context, &mut wire)).await.is_ok() {
        let _ = wire.shutdown().await;
    }
}
