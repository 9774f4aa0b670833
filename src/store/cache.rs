//! Sessions in memory. A commit that touches a person makes theirs stale; whoever holds one notices.

use super::session::Session;
use super::sessions::TokenHash;
use super::shelf::Shelves;
use crate::names::UserId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::{Notify, OnceCell};

/// The store cannot say whether somebody is there. Not an answer: neither yes nor no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be read")]
pub struct Unavailable;

/// Shared by all cached sessions of one person: whether what they say still holds.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    stale: AtomicBool,
    bell: Notify,
}

impl Mark {
    /// Says that it no longer holds, to whoever asks and whoever waits.
    pub(crate) fn make_stale(&self) {
        self.stale.store(true, Ordering::Release);
        self.bell.notify_waiters();
    }

    pub(super) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    pub(super) async fn stale(&self) {
        let rung = self.bell.notified();
        tokio::pin!(rung);
        // Listen first, look then: a bell between the two is not missed.
        rung.as_mut().enable();
        if !self.is_stale() {
            rung.await;
        }
    }
}

pub(super) struct Cache {
    sessions: Shelves,
    marks: Mutex<HashMap<UserId, Weak<Mark>>>,
    evictions: AtomicU64,
    flights: Mutex<HashMap<TokenHash, Weak<Flight>>>,
}

/// One reading of a session, for all who wait for it. What it came to is old for whoever comes later; that shows in
/// the session's mark, and who was nobody stays nobody.
pub(super) type Flight = OnceCell<Option<Arc<Session>>>;

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            sessions: Shelves::new(),
            marks: Mutex::default(),
            evictions: AtomicU64::new(0),
            flights: Mutex::default(),
        }
    }

    pub(super) fn get(&self, token: &TokenHash) -> Option<Arc<Session>> {
        self.sessions.get(token).filter(|session| session.is_current())
    }

    /// The number of evictions so far: to be read before a session is, and given to [`Cache::insert`] after.
    pub(super) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Acquire)
    }

    /// The mark for what was read of `user`; `None` where somebody was evicted since `before`, so that what was
    /// read may be old and must be read again.
    pub(super) fn mark(&self, user: UserId, before: u64) -> Option<Arc<Mark>> {
        let mut marks = self.marks();
        if self.evictions() != before {
            return None;
        }
        if let Some(mark) = marks.get(&user).and_then(Weak::upgrade) {
            return Some(mark);
        }
        if marks.len() == marks.capacity() {
            marks.retain(|_, mark| mark.strong_count() > 0);
        }
        let mark = Arc::new(Mark::default());
        marks.insert(user, Arc::downgrade(&mark));
        Some(mark)
    }

    /// The reading of this session that is under way, else a new one.
    pub(super) fn flight(&self, token: TokenHash) -> Arc<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is over is history: what has changed since would be missed.
        if let Some(flight) =
            flights.get(&token).and_then(Weak::upgrade).filter(|flight| !flight.initialized())
        {
            return flight;
        }
        if flights.len() == flights.capacity() {
            flights.retain(|_, flight| flight.strong_count() > 0);
        }
        let flight = Arc::default();
        flights.insert(token, Arc::downgrade(&flight));
        flight
    }

    pub(super) fn insert(&self, token: TokenHash, session: Arc<Session>) {
        self.sessions.insert(token, session);
    }

    pub(super) fn evict(&self, users: &[UserId]) {
        let mut marks = self.marks();
        self.evictions.fetch_add(1, Ordering::AcqRel);
        for user in users {
            if let Some(mark) = marks.remove(user).and_then(|mark| mark.upgrade()) {
                mark.make_stale();
            }
        }
    }

    /// Makes everybody's sessions stale.
    pub(super) fn evict_all(&self) {
        let mut marks = self.marks();
        self.evictions.fetch_add(1, Ordering::AcqRel);
        marks.drain().filter_map(|(_, mark)| mark.upgrade()).for_each(|mark| mark.make_stale());
    }

    fn marks(&self) -> MutexGuard<'_, HashMap<UserId, Weak<Mark>>> {
        // Nothing is left half-done under this lock, so a panic elsewhere does not spoil it.
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
