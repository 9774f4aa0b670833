//! Whether an endpoint is well, as all workers know it: by what became of requests, and by checks.
//!
//! What fails is set aside for a time that doubles, and then tried by one request. An answer is an answer: its
//! status is the app's business, and only a check may hold one against it.

use super::failure::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// So many failures in a row set an endpoint aside. One that nobody can connect to is set aside at once.
const IN_A_ROW: u32 = 3;
/// For how long, the first time; doubled each time after.
const ASIDE: Duration = Duration::from_secs(1);
/// And at the most.
const AT_MOST: Duration = Duration::from_secs(60);
/// How long the one request that tries it anew keeps others away.
const TRIAL: Duration = Duration::from_secs(5);

/// What is known of one endpoint.
#[derive(Debug)]
pub(super) struct Health {
    since: Instant,
    outstanding: AtomicUsize,
    failures: AtomicU32,
    /// Milliseconds from `since` until which it is set aside; 0 while it is not.
    aside: AtomicU64,
    checked: AtomicBool,
}

/// How much an endpoint is to be preferred; the smaller, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Nothing is wrong, or it is time to try whether anything still is.
    Well,
    /// Set aside for now.
    Aside,
    /// Its checks fail.
    Ill,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            outstanding: AtomicUsize::new(0),
            failures: AtomicU32::new(0),
            aside: AtomicU64::new(0),
            checked: AtomicBool::new(true),
        }
    }
}

impl Health {
    /// How much it is to be preferred.
    pub(super) fn rank(&self, now: Instant) -> Rank {
        match self.aside.load(Relaxed) {
            _ if !self.checked.load(Relaxed) => Rank::Ill,
            0 => Rank::Well,
            until if until > self.at(now) => Rank::Aside,
            _ => Rank::Well,
        }
    }

    /// How many requests it has not finished. Counted only where there is a choice.
    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.load(Relaxed)
    }

    /// For how much longer it is set aside.
    pub(super) fn aside(&self, now: Instant) -> Option<Duration> {
        let left = self.aside.load(Relaxed).saturating_sub(self.at(now));
        (left > 0).then(|| Duration::from_millis(left))
    }

    /// Takes it for one request; `None` if it was set aside and another request is trying it already.
    pub(super) fn take(self: &Arc<Self>, now: Instant) -> Option<Taken> {
        let until = self.aside.load(Relaxed);
        if until != 0 && until <= self.at(now) {
            let trial = self.at(now + TRIAL);
            self.aside.compare_exchange(until, trial, Relaxed, Relaxed).ok()?;
        }
        self.outstanding.fetch_add(1, Relaxed);
        Some(Taken { failures: self.failures.load(Relaxed), health: self.clone() })
    }

    /// Notes what a check found; whether that is new.
    pub(super) fn check(&self, well: bool) -> bool {
        self.checked.swap(well, Relaxed) != well
    }

    /// A moment as `aside` has it.
    fn at(&self, moment: Instant) -> u64 {
        u64::try_from((moment - self.since).as_millis()).unwrap_or(u64::MAX)
    }
}

/// An endpoint that has a request to answer, until this is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    health: Arc<Health>,
    /// How many had failed in a row when it was taken. What breaks together is one failure.
    failures: u32,
}

impl Taken {
    /// It answered.
    pub(super) fn answered(&self) {
        if self.health.failures.load(Relaxed) != 0 {
            self.health.failures.store(0, Relaxed);
            self.health.aside.store(0, Relaxed);
        }
    }

    /// It gave no answer, or broke off; for how long it is set aside, if it is.
    pub(super) fn failed(&self, now: Instant, failure: Option<&Failure>) -> Option<Duration> {
        let health = &self.health;
        let mut failures = self.failures.saturating_add(1);
        if failure.is_some_and(Failure::is_unconnected) {
            failures = failures.max(IN_A_ROW);
        }
        health.failures.compare_exchange(self.failures, failures, Relaxed, Relaxed).ok()?;
        let times = failures.checked_sub(IN_A_ROW)?;
        let aside = ASIDE.saturating_mul(1 << times.min(6)).min(AT_MOST);
        health.aside.store(health.at(now + aside), Relaxed);
        Some(aside)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.health.outstanding.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(aside: Option<Duration>) -> u64 {
        aside.map_or(0, |aside| aside.as_secs())
    }

    #[test]
    fn what_fails_is_set_aside_longer_each_time_and_tried_by_one() {
        let health = Arc::new(Health::default());
        let mut now = health.since;
        let fail = |now| seconds(health.take(now).unwrap().failed(now, None));
        assert_eq!((fail(now), fail(now), fail(now)), (0, 0, 1));
        assert_eq!(health.rank(now), Rank::Aside);
        for expected in [2, 4, 8, 16, 32, 60, 60] {
            now += health.aside(now).unwrap();
            assert_eq!(health.rank(now), Rank::Well);
            let trial = health.take(now).unwrap();
            assert_eq!(health.rank(now), Rank::Aside, "a second request would try it, too");
            assert_eq!(seconds(trial.failed(now, None)), expected);
        }
        now += AT_MOST;
        health.take(now).unwrap().answered();
        assert_eq!((health.rank(now), health.aside(now)), (Rank::Well, None));
        assert_eq!(fail(now), 0, "an answer ends the row");
    }

    #[test]
    fn a_trial_that_was_given_up_lets_another_try() {
        let health = Arc::new(Health::default());
        let mut now = health.since;
        let nobody = Failure::NoConnection(TRIAL);
        assert_eq!(seconds(health.take(now).unwrap().failed(now, Some(&nobody))), 1);
        now += ASIDE;
        drop(health.take(now).unwrap());
        assert_eq!(health.rank(now), Rank::Aside);
        now += TRIAL;
        assert_eq!((health.rank(now), health.outstanding()), (Rank::Well, 0));
    }

    #[test]
    fn what_breaks_together_is_one_failure() {
        let health = Arc::new(Health::default());
        let now = health.since;
        let burst: Vec<_> = (0..50).map(|_| health.take(now).unwrap()).collect();
        assert_eq!(health.outstanding(), 50);
        burst.iter().for_each(|taken| assert_eq!(taken.failed(now, None), None));
        drop(burst);
        assert_eq!((health.rank(now), health.outstanding()), (Rank::Well, 0));
        assert!(health.check(false) && !health.check(false));
        assert_eq!(health.rank(now), Rank::Ill);
    }
}
