//! Where cached sessions lie: a hash map in parts, each swept when it has doubled.
//!
//! A general cache keeps lists and counters that cost as much as a third of a session. What has to be known here is
//! less: whether a session was used within the last hour or two. It refuses to be a record of anything: what is
//! swept away is read from the store when it is needed again.

use super::session::Session;
use super::sessions::TokenHash;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::time::Instant;

/// Each shelf has its own lock, so that a sweep keeps few readers waiting, for a millisecond or two.
const SHELVES: usize = 64;
/// How many sessions a shelf holds at the most: 1.28 million in all.
const MOST: usize = 20_000;
/// Below this many a shelf is not worth sweeping.
const FEW: usize = 64;
/// A session that nobody used for so long may be swept away.
const IDLE: Duration = Duration::from_secs(3600);

/// All shelves.
pub(super) struct Shelves(Box<[RwLock<Shelf>]>);

struct Shelf {
    sessions: HashMap<TokenHash, Kept>,
    /// How many sessions there may be before it is swept.
    sweep_at: usize,
    /// Since when it is noted which sessions are used.
    noted_since: Instant,
}

struct Kept {
    session: Arc<Session>,
    /// Whether somebody asked for it since `noted_since`.
    used: AtomicBool,
}

impl Shelves {
    pub(super) fn new() -> Self {
        Self((0..SHELVES).map(|_| RwLock::new(Shelf::default())).collect())
    }

    pub(super) fn get(&self, token: &TokenHash) -> Option<Arc<Session>> {
        let shelf = self.of(token).read().unwrap_or_else(PoisonError::into_inner);
        let kept = shelf.sessions.get(token)?;
        // Most readings find it set: a plain load leaves the line shared between cores.
        if !kept.used.load(Ordering::Relaxed) {
            kept.used.store(true, Ordering::Relaxed);
        }
        Some(kept.session.clone())
    }

    pub(super) fn insert(&self, token: TokenHash, session: Arc<Session>) {
        let mut shelf = self.of(&token).write().unwrap_or_else(PoisonError::into_inner);
        if shelf.sessions.len() >= shelf.sweep_at {
            shelf.sweep(Instant::now());
        }
        shelf.sessions.insert(token, Kept { session, used: AtomicBool::new(true) });
    }

    /// The shelf of a hash, which is spread evenly since it is one.
    fn of(&self, token: &TokenHash) -> &RwLock<Shelf> {
        &self.0[usize::from(token[0]) % SHELVES]
    }
}

impl Default for Shelf {
    fn default() -> Self {
        Self { sessions: HashMap::new(), sweep_at: FEW, noted_since: Instant::now() }
    }
}

impl Shelf {
    /// Takes away what no longer holds and, once an hour, what nobody used meanwhile; where that is not enough,
    /// every fourth. As it runs when the shelf has doubled, its cost for each session that is put there is constant.
    fn sweep(&mut self, now: Instant) {
        let idle = now.duration_since(self.noted_since) >= IDLE;
        if idle {
            self.noted_since = now;
        }
        self.sessions
            .retain(|_, kept| kept.session.is_current() && (!idle || std::mem::take(kept.used.get_mut())));
        if self.sessions.len() > MOST / 4 * 3 {
            let mut number = 0;
            self.sessions.retain(|_, _| {
                number += 1;
                number % 4 != 0
            });
        }
        self.sweep_at = (self.sessions.len() * 2).clamp(FEW, MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Because, Opening, Terms};
    use crate::store::{Access, Account, Held, Person, token_hash};
    use jiff::Timestamp;

    fn session() -> Arc<Session> {
        let [id, sign_in, user, identity] = std::array::from_fn(|_| uuid::Uuid::now_v7());
        let terms = Terms::plain("reader".parse().unwrap(), "wiki".parse().unwrap());
        let held = Held {
            opening: Arc::new(Opening::new(&terms, "5f0c1b2a9e47")),
            until: Timestamp::UNIX_EPOCH,
            because: Because::Policy,
            ended: false,
        };
        Arc::new(Session {
            id: id.into(),
            sign_in: sign_in.into(),
            user: user.into(),
            identity: identity.into(),
            host: "wiki.example.com".into(),
            person: Person {
                provider: "staff".parse().unwrap(),
                issuer: "https://login.example.com".into(),
                sub: "c-17".into(),
                display_name: None,
                email: None,
            },
            until: Timestamp::UNIX_EPOCH,
            access: Box::new([Access {
                app: "wiki".parse().unwrap(),
                held: Box::new([held]),
                account: Account::NotNeeded,
            }]),
            strength: None,
            noted: Default::default(),
            mark: Arc::default(),
        })
    }

    fn numbered(number: usize) -> TokenHash {
        token_hash(&number.to_string())
    }

    fn put(shelf: &mut Shelf, number: usize, session: Arc<Session>) {
        shelf.sessions.insert(numbered(number), Kept { session, used: AtomicBool::new(true) });
    }

    #[test]
    fn what_is_stale_goes_at_once_and_what_is_idle_within_two_hours() {
        let (mut shelf, stale) = (Shelf::default(), session());
        let start = Instant::now();
        put(&mut shelf, 0, session());
        put(&mut shelf, 1, session());
        put(&mut shelf, 2, stale.clone());
        stale.mark.make_stale();
        shelf.sweep(start);
        assert!(!shelf.sessions.contains_key(&numbered(2)), "a stale session stayed");
        shelf.sweep(start + IDLE);
        assert_eq!(shelf.sessions.len(), 2, "a session that was used within the hour was swept away");
        shelf.sessions[&numbered(0)].used.store(true, Ordering::Relaxed);
        shelf.sweep(start + IDLE * 2);
        assert!(shelf.sessions.contains_key(&numbered(0)), "a session in use was swept away");
        assert!(!shelf.sessions.contains_key(&numbered(1)), "an idle session stayed");
    }

    #[test]
    fn a_shelf_never_holds_more_than_its_share() {
        let (mut shelf, session) = (Shelf::default(), session());
        for number in 0..MOST * 2 {
            if shelf.sessions.len() >= shelf.sweep_at {
                shelf.sweep(Instant::now());
            }
            put(&mut shelf, number, session.clone());
            assert!(shelf.sessions.len() <= MOST);
        }
        assert!(shelf.sessions.len() > MOST / 2);
    }

    #[test]
    fn what_was_put_there_is_found_until_it_is_swept_away() {
        let shelves = Shelves::new();
        let sessions: Vec<_> = (0..SHELVES * FEW * 2).map(|_| session()).collect();
        for (number, session) in sessions.iter().enumerate() {
            shelves.insert(numbered(number), session.clone());
        }
        for (number, session) in sessions.iter().enumerate() {
            assert!(shelves.get(&numbered(number)).is_some_and(|found| Arc::ptr_eq(&found, session)));
        }
    }
}
