//! Workers: one thread each, with its own runtime, its own connections of clients and its own connections to apps.

use super::Gateway;
use super::gate::Gate;
use super::listen::{Attendant, Crowd, Handed, accept};
use super::tunnel::Tunnels;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{interval, timeout};
use tokio_util::task::TaskTracker;

/// How long tunnels may take to say good-bye.
const GOOD_BYE: Duration = Duration::from_millis(1_500);

/// A timer that every worker always has, sooner than those of requests. Whenever a timer is set that comes before all
/// that the runtime knows of when it went to sleep, it rouses itself by a system call, even where it is awake. Without any
/// other timer that would be at every request.
const TICK: Duration = Duration::from_secs(1);

/// The running gateway.
pub struct Running {
    threads: TaskTracker,
    crowd: Arc<Crowd>,
}

impl Running {
    /// Resolves when every worker has stopped: at the latest a good second after requests had to be finished.
    pub async fn finished(&self) {
        self.threads.wait().await;
    }

    /// How many connections of clients each worker has, tunnels among them.
    pub fn connections(&self) -> Vec<usize> {
        self.crowd.counts().collect()
    }

    /// How many connections were closed at once, since there were too many.
    pub fn surplus(&self) -> u64 {
        self.crowd.surplus()
    }

    /// What tells the same for as long as anybody asks: how many connections each worker has, and how many were closed.
    pub fn counts(&self) -> impl Fn() -> (Vec<usize>, u64) + Send + Sync + use<> {
        let crowd = self.crowd.clone();
        move || (crowd.counts().collect(), crowd.surplus())
    }
}

/// Starts the gateway. Once its drain is closed, no more connections are accepted, requests are finished, and tunnels
/// end with the last of them.
///
/// # Errors
/// When a thread, its runtime or a listener cannot be set up.
pub fn start(mut gateway: Gateway) -> io::Result<Running> {
    let listeners = std::mem::take(&mut gateway.entrance.listeners);
    let gateway = Arc::new(gateway);
    let threads = TaskTracker::new();
    let count = gateway.workers.max(1);
    let crowd = Arc::new(Crowd::new(count, gateway.entrance.most));
    let workers = (0..count)
        .map(|number| {
            let (sockets, handed) = unbounded_channel();
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (gateway, running) = (gateway.clone(), threads.token());
            std::thread::Builder::new().name(format!("gateway-{number}")).spawn(move || {
                runtime.block_on(work(number, gateway, handed));
                drop((runtime, running));
            })?;
            Ok(sockets)
        })
        .collect::<io::Result<Vec<_>>>()?;
    let main = gateway.main.enter();
    for listener in listeners {
        let accepting = accept(listener.open()?, crowd.clone(), workers.clone());
        gateway.main.spawn(gateway.drain.closed().run_until_cancelled_owned(accepting));
    }
    drop(main);
    threads.close();
    Ok(Running { threads, crowd })
}

/// Serves what is handed over until every acceptor is gone, then finishes.
async fn work(number: usize, gateway: Arc<Gateway>, mut handed: UnboundedReceiver<Handed>) {
    let (connections, tunnels) = (TaskTracker::new(), Tunnels::default());
    let (finish, phase) = (gateway.entrance.finish, gateway.drain.phase());
    let gate = Gate::new(gateway.clone(), number, tunnels.clone());
    let attendant = Arc::new(Attendant::new(gate, &gateway.entrance, phase));
    let mut tick = interval(TICK);
    loop {
        tokio::select! {
            handed = handed.recv() => match handed {
                Some(handed) => drop(connections.spawn(attendant.clone().attend(handed))),
                None => break,
            },
            _ = tick.tick() => {}
        }
    }
    connections.close();
    if timeout(finish, connections.wait()).await.is_err() {
        tracing::warn!("requests were cut off: they took longer than {finish:?} to finish");
    }
    if timeout(GOOD_BYE, tunnels.end()).await.is_err() {
        tracing::debug!("tunnels were cut off: they took longer than {GOOD_BYE:?} to end");
    }
}
