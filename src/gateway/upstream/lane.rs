//! The connections that one worker has to one endpoint. Only its thread locks them, and they go with the
//! endpoint.
//!
//! An HTTP/1.1 connection serves one request at a time and is away while it does. An HTTP/2 connection stays,
//! and serves as many as the app allows.

use super::connect::Fresh;
use crate::gateway::upload::FromClient;
use hyper::client::conn::{http1, http2};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection is kept without use. What stands between may forget it without a word.
const KEEP: Duration = Duration::from_secs(60);
/// How many unused connections a worker keeps.
const KEPT: usize = 128;

/// The connections of one worker.
#[derive(Default)]
pub(super) struct Lane {
    kept: Mutex<Kept>,
    /// Held while somebody opens a connection that all can share.
    pub(super) opening: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Kept {
    idle: VecDeque<Idle>,
    shared: Vec<Shared>,
}

struct Idle {
    sender: http1::SendRequest<FromClient>,
    since: Instant,
}

struct Shared {
    sender: http2::SendRequest<FromClient>,
    streams: Stream,
    /// How many the app takes at a time.
    allowed: usize,
    since: Instant,
}

/// One request on a shared connection; its owners are counted.
pub(super) type Stream = Arc<()>;

/// A connection for one request.
pub(super) enum Taken {
    /// Its own.
    One(http1::SendRequest<FromClient>),
    /// Its share of one.
    Share(http2::SendRequest<FromClient>, Stream),
}

impl Lane {
    /// A connection that is open, as far as is known. Where there are several, the one used last: it is the most
    /// likely to be alive.
    pub(super) fn take(&self, only_http1: bool) -> Option<Taken> {
        let kept = &mut *self.lock();
        if !only_http1
            && !kept.shared.is_empty()
            && let Some(share) = kept.share()
        {
            return Some(share);
        }
        std::iter::from_fn(|| kept.idle.pop_back())
            .find(|idle| idle.sender.is_ready() && idle.since.elapsed() < KEEP)
            .map(|idle| Taken::One(idle.sender))
    }

    /// A share of a connection that has room.
    pub(super) fn share(&self) -> Option<Taken> {
        self.lock().share()
    }

    /// Takes back a connection that is ready for another request.
    pub(super) fn put(&self, sender: http1::SendRequest<FromClient>) {
        let (idle, now) = (&mut self.lock().idle, Instant::now());
        while idle.front().is_some_and(|oldest| idle.len() >= KEPT || now - oldest.since >= KEEP) {
            idle.pop_front();
        }
        idle.push_back(Idle { sender, since: now });
    }

    /// Takes in a new connection, and gives it to one request.
    pub(super) fn open(&self, fresh: Fresh) -> Taken {
        match fresh {
            Fresh::One(sender) => Taken::One(sender),
            Fresh::Many(sender, allowed) => {
                let streams = Stream::default();
                let share = Taken::Share(sender.clone(), streams.clone());
                self.lock().shared.push(Shared { sender, streams, allowed, since: Instant::now() });
                share
            }
        }
    }

    /// Gives no more requests to the connection that carries `stream`. Those that it has go on.
    pub(super) fn retire(&self, stream: &Stream) {
        self.lock().shared.retain(|shared| !Arc::ptr_eq(&shared.streams, stream));
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn share(&mut self) -> Option<Taken> {
        self.shared.retain(|shared| {
            let unused = Arc::strong_count(&shared.streams) == 1 && shared.since.elapsed() >= KEEP;
            !unused && !shared.sender.is_closed()
        });
        // One owner is this list.
        let has_room = |shared: &&mut Shared| Arc::strong_count(&shared.streams) <= shared.allowed;
        let shared = self.shared.iter_mut().rev().find(has_room)?;
        shared.since = Instant::now();
        Some(Taken::Share(shared.sender.clone(), shared.streams.clone()))
    }
}
