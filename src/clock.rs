//! The only room that asks what time it is. Everyone else is told.
//!
//! `now` never goes back: a clock that is set back must not give anybody their ended access again, so the
//! highest time seen is kept, here and (by the store, which outlives us) across restarts.

use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How long a sleep by the wall clock lasts at the most before it looks again: a machine that was suspended,
/// or whose clock was set, must not oversleep a deadline by more.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What time it is. Cheap to clone; clones show the same time.
#[derive(Clone)]
pub struct Clock {
    /// The highest time seen, in microseconds since 1970.
    high_water: Arc<AtomicI64>,
    source: Source,
}

#[derive(Clone)]
enum Source {
    System,
    Turned(watch::Sender<Timestamp>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { high_water: Arc::default(), source: Source::System }
    }

    /// A clock that stands at `start` until it is turned with [`Clock::advance`].
    pub fn turned(start: Timestamp) -> Self {
        Self { high_water: Arc::default(), source: Source::Turned(watch::Sender::new(start)) }
    }

    /// The time now, to the microsecond; never earlier than what was returned before.
    pub fn now(&self) -> Timestamp {
        let wall = self.wall().as_microsecond();
        // Most readings of a hot path share a microsecond or move on: a plain load avoids the write.
        if self.high_water.load(Ordering::Acquire) < wall {
            self.high_water.fetch_max(wall, Ordering::AcqRel);
        }
        from_micros(self.high_water.load(Ordering::Acquire))
    }

    /// What the machine's clock says, even where it went back.
    pub fn wall(&self) -> Timestamp {
        match &self.source {
            #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
            Source::System => from_micros(Timestamp::now().as_microsecond()),
            Source::Turned(time) => *time.borrow(),
        }
    }

    /// Raises the high-water mark to `seen`, a time that an earlier run has recorded.
    pub fn not_before(&self, seen: Timestamp) {
        self.high_water.fetch_max(seen.as_microsecond(), Ordering::AcqRel);
    }

    /// Turns a clock made by [`Clock::turned`]; sleepers whose moment has come wake. The machine's clock stays.
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Turned(time) = &self.source {
            time.send_modify(|now| *now += by);
        }
    }

    /// Sleeps until `deadline` has come by this clock.
    pub async fn sleep_until(&self, deadline: Timestamp) {
        match &self.source {
            Source::System => loop {
                let left = deadline.duration_since(self.now());
                if left <= SignedDuration::ZERO {
                    return;
                }
                tokio::time::sleep(Duration::try_from(left).unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN)).await;
            },
            Source::Turned(time) => {
                let mut turns = time.subscribe();
                // The sender lives in `self`, so the wait cannot fail.
                let _ = turns.wait_for(|now| *now >= deadline).await;
            }
        }
    }

    /// Sleeps for `span` by this clock.
    pub async fn sleep(&self, span: SignedDuration) {
        self.sleep_until(self.now() + span).await;
    }
}

/// A time from the microseconds that the store keeps; outside the calendar it is cut to its ends.
pub fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_turned_clock_wakes_its_sleepers_and_never_goes_back() {
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let clock = Clock::turned(start);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(start + SignedDuration::from_secs(60)).await }
        });
        clock.advance(SignedDuration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(SignedDuration::from_secs(1));
        sleeper.await.unwrap();
        let before = clock.now();
        clock.advance(SignedDuration::from_hours(-1));
        assert_eq!(clock.now(), before);
        assert!(clock.wall() < before);
    }
}
