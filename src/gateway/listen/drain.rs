//! How far the gateway is on its way out.
//!
//! 1. *Leaving*: it says that it is not ready, and goes on in every other way, so that whatever sends it requests
//!    finds out before any is refused. HTTP/1.1 answers close their connection, HTTP/2 connections say GOAWAY.
//! 2. *Closed*: nothing more is accepted, what is idle is closed, and what is under way is finished.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

/// How far the gateway is on its way out. Clones share it; there is no way back.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<Phases>);

#[derive(Debug, Default)]
struct Phases {
    is_leaving: AtomicBool,
    is_closed: AtomicBool,
    leaving: CancellationToken,
    closed: CancellationToken,
}

/// What one worker knows of it: tokens of its own, so that no lock is shared between cores.
#[derive(Debug, Clone)]
pub(in crate::gateway) struct Phase {
    drain: Drain,
    pub(super) leaving: CancellationToken,
    pub(super) closed: CancellationToken,
}

impl Drain {
    /// Whether new requests are welcome: what a readiness check answers.
    pub fn is_ready(&self) -> bool {
        !self.0.is_leaving.load(Ordering::Relaxed)
    }

    /// From now on requests are answered, and not welcome.
    pub fn leave(&self) {
        self.0.is_leaving.store(true, Ordering::Relaxed);
        self.0.leaving.cancel();
    }

    /// From now on nothing more is accepted.
    pub fn close(&self) {
        self.leave();
        self.0.is_closed.store(true, Ordering::Relaxed);
        self.0.closed.cancel();
    }

    /// Cancelled when requests are not welcome any more.
    pub fn leaving(&self) -> CancellationToken {
        self.0.leaving.clone()
    }

    /// Cancelled when nothing more is accepted.
    pub(in crate::gateway) fn closed(&self) -> CancellationToken {
        self.0.closed.clone()
    }

    /// For one worker.
    pub(in crate::gateway) fn phase(&self) -> Phase {
        let (leaving, closed) = (self.0.leaving.child_token(), self.0.closed.child_token());
        Phase { drain: self.clone(), leaving, closed }
    }
}

impl Phase {
    pub(super) fn is_leaving(&self) -> bool {
        !self.drain.is_ready()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.drain.0.is_closed.load(Ordering::Relaxed)
    }
}
