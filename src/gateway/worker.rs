//! Workers: one thread each, with its own runtime and its own connections to apps. One acceptor for each
//! listener hands sockets to the worker that has the fewest, so that a few long connections spread evenly.

use super::Gateway;
use super::gate::Gate;
use super::reset::reset;
use super::tunnel::Tunnels;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

/// How long a client may be silent between requests, and take for the head of one. Longer than what load
/// balancers keep connections for, so that they and not we close first.
const HEAD: Duration = Duration::from_secs(75);
/// How long the head of a request may be, in bytes.
const HEAD_BYTES: usize = 64 * 1024;
/// How long requests may take to finish once the gateway stops.
const DRAIN: Duration = Duration::from_secs(10);
/// How long tunnels may take to say good-bye after that.
const GOOD_BYE: Duration = Duration::from_millis(1_500);
/// How long to wait when no socket can be accepted, which is when the process has too many open.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// The running gateway.
pub struct Running {
    threads: TaskTracker,
}

impl Running {
    /// Resolves when every worker has stopped: at the latest 11.5 seconds after the gateway was told to.
    pub async fn finished(self) {
        self.threads.wait().await;
    }
}

/// A client's connection on its way to a worker.
struct Handed {
    stream: TcpStream,
    peer: SocketAddr,
    /// Its owners are counted: that is how many connections the worker has.
    load: Arc<()>,
}

#[derive(Clone)]
struct Worker {
    sockets: UnboundedSender<Handed>,
    load: Arc<()>,
}

/// Starts the gateway. It stops when its token is cancelled: no more connections are accepted, requests
/// are finished, and tunnels end with the last of them.
///
/// # Errors
/// When a thread, its runtime or a listener cannot be set up.
pub fn start(mut gateway: Gateway) -> io::Result<Running> {
    let listeners = std::mem::take(&mut gateway.listeners);
    let gateway = Arc::new(gateway);
    let threads = TaskTracker::new();
    let workers = (0..gateway.workers.max(1))
        .map(|number| {
            let (sockets, handed) = unbounded_channel();
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (gateway, running) = (gateway.clone(), threads.token());
            std::thread::Builder::new().name(format!("gateway-{number}")).spawn(move || {
                runtime.block_on(work(gateway, handed));
                drop((runtime, running));
            })?;
            Ok(Worker { sockets, load: Arc::default() })
        })
        .collect::<io::Result<Vec<Worker>>>()?;
    let main = gateway.main.enter();
    for listener in listeners {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        gateway.main.spawn(gateway.stop.clone().run_until_cancelled_owned(accept(listener, workers.clone())));
    }
    drop(main);
    threads.close();
    Ok(Running { threads })
}

async fn accept(listener: tokio::net::TcpListener, workers: Vec<Worker>) {
    loop {
        let accepted = match listener.accept().await {
            Ok((stream, peer)) => stream.into_std().map(|stream| (stream, peer)),
            Err(error) => Err(error),
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(worker) = workers.iter().min_by_key(|worker| Arc::strong_count(&worker.load)) else {
                    return;
                };
                // A worker outlives its acceptors; were it gone, the connection would be closed.
                let _ = worker.sockets.send(Handed { stream, peer, load: worker.load.clone() });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted: {error}");
                sleep(OUT_OF_SOCKETS).await;
            }
        }
    }
}

/// Serves what is handed over until every acceptor is gone, then finishes.
async fn work(gateway: Arc<Gateway>, mut handed: UnboundedReceiver<Handed>) {
    let (connections, tunnels, stop) = (TaskTracker::new(), Tunnels::default(), gateway.stop.clone());
    let gate = Arc::new(Gate::new(gateway, tunnels.clone()));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_header_size(HEAD_BYTES);
    while let Some(Handed { stream, peer, load }) = handed.recv().await {
        let stream = match set_up(stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(%peer, %error, "a connection cannot be used: {error}");
                continue;
            }
        };
        let gate = gate.clone();
        let service = service_fn(move |request| {
            let gate = gate.clone();
            async move { Ok::<_, Infallible>(gate.answer(peer, request).await) }
        });
        let mut connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let stop = stop.clone();
        connections.spawn(async move {
            let served = tokio::select! {
                served = &mut connection => served,
                () = stop.cancelled() => {
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                    (&mut connection).await
                }
            };
            if let Err(error) = served {
                tracing::debug!(%peer, %error, "a connection broke off: {error}");
                // An answer that broke off has no end. To clients of HTTP/1.0 a close alone would be one.
                if error.is_user()
                    && let Some(parts) = connection.into_parts()
                {
                    reset(parts.io.inner());
                }
            }
            drop(load);
        });
    }
    connections.close();
    if timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::warn!("requests were cut off: they took longer than {DRAIN:?} to finish");
    }
    if timeout(GOOD_BYE, tunnels.end()).await.is_err() {
        tracing::debug!("tunnels were cut off: they took longer than {GOOD_BYE:?} to end");
    }
}

fn set_up(stream: TcpStream) -> io::Result<tokio::net::TcpStream> {
    let stream = tokio::net::TcpStream::from_std(stream)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
