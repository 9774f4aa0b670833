//! Who used which app, until it is written down. A request costs a look at its session; once in a while, at most once
//! an hour and more often only where use moves an end, it leaves a line here.

use super::session::{Access, Session};
use crate::names::{AppName, IdentityId, UserId};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// How often a use is noted where no end hangs on it.
const USUALLY: SignedDuration = SignedDuration::from_hours(1);

/// That an identity used an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Whose identity it is.
    pub user: UserId,
    /// The identity.
    pub identity: IdentityId,
    /// The app.
    pub app: AppName,
    /// When, for the last time.
    pub at: Timestamp,
    /// Whether an end hangs on it.
    pub moves_an_end: bool,
}

/// When a session's use was noted. Both in seconds, the second since 1970.
#[derive(Debug)]
pub(crate) struct Noted {
    every: u32,
    again_at: AtomicU32,
}

impl Noted {
    /// For somebody who has this; not noted yet.
    pub(crate) fn never(access: &[Access]) -> Self {
        let held = access.iter().flat_map(|access| &access.held).filter(|held| !held.ended);
        let every = held.filter_map(|held| held.opening.use_counts_every).min().unwrap_or(USUALLY);
        Self { every: seconds(every.as_secs()), again_at: AtomicU32::new(0) }
    }

    /// Whether a use at `now` is to be noted. Says so once for each span.
    fn is_due(&self, now: Timestamp) -> bool {
        let now = seconds(now.as_second());
        let due = self.again_at.load(Ordering::Relaxed) <= now;
        if due {
            self.again_at.store(now.saturating_add(self.every), Ordering::Relaxed);
        }
        due
    }
}

#[cfg(test)]
impl Default for Noted {
    fn default() -> Self {
        Self::never(&[])
    }
}

fn seconds(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}

/// The uses that are not written down yet, the last of each identity in each app.
#[derive(Default)]
pub(super) struct Uses(Mutex<HashMap<(IdentityId, AppName), Use>>);

impl Uses {
    /// Notes that the person of `session` used `app`, if that is due.
    pub(super) fn note(&self, session: &Session, app: &AppName, at: Timestamp) {
        if !session.noted.is_due(at) {
            return;
        }
        let access = session.access.iter().filter(|access| access.app == *app);
        let mut held = access.flat_map(|access| &access.held).filter(|held| held.is_live(at)).peekable();
        // Nothing is kept of who holds nothing.
        if held.peek().is_some() {
            let moves_an_end = held.any(|held| held.opening.use_counts_every.is_some());
            let (user, identity, app) = (session.user, session.identity, app.clone());
            self.put(Use { user, identity, app, at, moves_an_end });
        }
    }

    /// Puts one there, unless a later one is.
    pub(super) fn put(&self, used: Use) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = uses.entry((used.identity, used.app.clone())).or_insert_with(|| used.clone());
        if known.at < used.at {
            *known = used;
        }
    }

    /// All of them; none are left.
    pub(super) fn take(&self) -> Vec<Use> {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *uses).into_values().collect()
    }
}
