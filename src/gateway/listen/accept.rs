//! One acceptor for each listener hands sockets to the worker that has the fewest, so that a few long connections
//! spread evenly.

use super::listener::{Open, Way};
use super::stream::{Accepted, Held};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

/// How long to wait when no socket can be accepted, which is when the process or the machine has too many open.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(100);

/// A client's connection on its way to a worker.
pub(in crate::gateway) struct Handed {
    pub(super) accepted: Accepted,
    pub(super) way: Way,
    pub(super) held: Held,
}

/// Counts the connections of clients, tunnels among them.
pub(in crate::gateway) struct Crowd {
    /// One for each worker; whoever has a connection owns a copy.
    held: Vec<Held>,
    most: usize,
    surplus: AtomicU64,
}

impl Crowd {
    /// For so many workers, with `most` connections in all.
    pub(in crate::gateway) fn new(workers: usize, most: usize) -> Self {
        let held = std::iter::repeat_with(Held::default).take(workers).collect();
        Self { held, most, surplus: AtomicU64::new(0) }
    }

    /// How many connections each worker has.
    pub(in crate::gateway) fn counts(&self) -> impl Iterator<Item = usize> {
        self.held.iter().map(|held| Arc::strong_count(held) - 1)
    }

    /// How many connections were closed at once, since there were too many.
    pub(in crate::gateway) fn surplus(&self) -> u64 {
        self.surplus.load(Ordering::Relaxed)
    }

    /// The worker that is to have one more connection, unless there are too many.
    fn place(&self) -> Option<(usize, Held)> {
        if self.counts().sum::<usize>() >= self.most {
            self.surplus.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let (worker, _) = self.counts().enumerate().min_by_key(|(_, count)| *count)?;
        Some((worker, self.held[worker].clone()))
    }
}

/// Accepts until dropped; `workers` are in the order of `crowd`.
pub(in crate::gateway) async fn accept(
    listener: Open,
    crowd: Arc<Crowd>,
    workers: Vec<UnboundedSender<Handed>>,
) {
    let mut was_full = false;
    loop {
        let accepted = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted: {error}");
                sleep(OUT_OF_SOCKETS).await;
                continue;
            }
        };
        let place = crowd.place();
        if place.is_none() && !was_full {
            tracing::warn!(most = crowd.most, "too many connections: more are closed at once");
        }
        was_full = place.is_none();
        if let Some((worker, held)) = place {
            // A worker outlives its acceptors; were it gone, the connection would be closed.
            let _ = workers[worker].send(Handed { accepted, way: listener.way.clone(), held });
        }
    }
}

/// Whether only the connection that was to be accepted is concerned: it is gone already (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, TimedOut};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | TimedOut)
}
