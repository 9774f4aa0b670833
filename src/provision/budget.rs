//! How many requests a target may still get today. The store counts them, so that neither a restart nor another
//! configuration begins the day anew.

use super::connector::{Fault, RetryAfter};
use crate::clock::Clock;
use crate::names::TargetName;
use crate::store::{Drawn, Store};
use jiff::Timestamp;
use std::num::NonZeroU32;
use tokio::sync::Mutex;

/// Into how many parts a day's requests are cut. The store is asked for one part at a time, so what a crash loses of them
/// is less than that; none is counted twice or not at all.
const PARTS: u32 = 100;

/// The requests that a target may get in a day.
pub struct Budget {
    store: Store,
    clock: Clock,
    target: TargetName,
    per_day: NonZeroU32,
    hand: Mutex<Hand>,
}

/// Requests that were drawn from the store and not made yet.
#[derive(Default)]
struct Hand {
    left: u32,
    /// When the day ends that they were counted in.
    until: Timestamp,
}

impl Budget {
    /// `per_day` requests for `target`, counted by `store`.
    pub fn new(store: Store, clock: Clock, target: TargetName, per_day: NonZeroU32) -> Self {
        Self { store, clock, target, per_day, hand: Mutex::default() }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// [`Fault::Throttled`] where none is left, until the day ends; [`Fault::Transient`] where the store cannot say.
    pub(super) async fn take(&self) -> Result<(), Fault> {
        let mut hand = self.hand.lock().await;
        let now = self.clock.now();
        if hand.left == 0 || hand.until <= now {
            *hand = self.draw(now).await?;
        }
        hand.left -= 1;
        Ok(())
    }

    async fn draw(&self, now: Timestamp) -> Result<Hand, Fault> {
        let per_day = self.per_day.get();
        let unsure =
            |error| Fault::transient(format!("what is left of the day's requests cannot be told: {error}"));
        let mut day_ends = Timestamp::MAX;
        // Where a part is no longer there, single ones may be.
        for left in [per_day.div_ceil(PARTS), 1] {
            let drawn = self.store.bookkeep().draw(&self.target, left, per_day, now).await;
            match drawn.map_err(unsure)? {
                Drawn::Until(until) => return Ok(Hand { left, until }),
                Drawn::NotBefore(at) => day_ends = at,
            }
        }
        Err(Fault::Throttled(Some(RetryAfter::At(day_ends))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Sealer, random_text};
    use crate::store::Place;
    use jiff::SignedDuration;
    use std::path::Path;

    async fn open(path: &Path, key: &str, clock: &Clock) -> Store {
        Store::open(Place::Sqlite(path.to_owned()), Sealer::from_master(key).unwrap(), clock.now())
            .await
            .unwrap()
    }

    async fn taken(budget: &Budget, tries: u32) -> u32 {
        let mut taken = 0;
        for _ in 0..tries {
            taken += u32::from(budget.take().await.is_ok());
        }
        taken
    }

    #[tokio::test]
    async fn neither_a_restart_nor_another_connector_begins_the_day_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, key) = (folder.path().join("guestpass.db"), random_text());
        let clock = Clock::turned("2026-03-02T09:00:00Z".parse().unwrap());
        let budget = |store: &Store, per_day| {
            let (target, per_day) = ("wiki".parse().unwrap(), NonZeroU32::new(per_day).unwrap());
            Budget::new(store.clone(), clock.clone(), target, per_day)
        };
        let store = open(&path, &key, &clock).await;
        assert_eq!(taken(&budget(&store, 250), 100).await, 100);
        drop(store);

        clock.advance(SignedDuration::from_hours(23));
        let store = open(&path, &key, &clock).await;
        // Parts are of three: what was drawn and not made before the restart is lost, and no more.
        assert_eq!(taken(&budget(&store, 250), 200).await, 148);
        let refused = budget(&store, 250).take().await.unwrap_err();
        let at = "2026-03-03T09:00:00Z".parse().unwrap();
        assert_eq!(refused, Fault::Throttled(Some(RetryAfter::At(at))));
        // Of more in a day the rest is there at once, of fewer nothing.
        assert_eq!(taken(&budget(&store, 260), 20).await, 10);
        assert_eq!(taken(&budget(&store, 10), 20).await, 0);

        clock.advance(SignedDuration::from_hours(1));
        assert_eq!(taken(&budget(&store, 10), 20).await, 10);
    }

    #[tokio::test]
    async fn what_was_drawn_yesterday_is_worth_nothing_today() {
        let clock = Clock::turned("2026-03-02T09:00:00Z".parse().unwrap());
        let store = Store::for_tests(clock.now()).await;
        let per_day = NonZeroU32::new(200).unwrap();
        let budget = Budget::new(store, clock.clone(), "wiki".parse().unwrap(), per_day);
        assert_eq!(taken(&budget, 1).await, 1);
        clock.advance(SignedDuration::from_hours(24));
        assert_eq!(taken(&budget, 300).await, 200);
    }
}
