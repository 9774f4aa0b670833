//! Stands in for the store until it is there: the same types and names, all in memory.

use crate::account::{Actual, Change, Desired, Step};
use crate::names::{AccountId, TargetName, UserId};
use crate::provision::ledger::Ledger;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there.
    #[error("the store is unavailable")]
    Unavailable,
}

/// An account whose settled version lags behind, claimed by one worker for the length of a lease.
#[derive(Debug, Clone)]
pub struct Due {
    /// Which account.
    pub id: AccountId,
    /// Whose.
    pub user: UserId,
    /// Where.
    pub target: TargetName,
    /// Our mark in the target.
    pub external_id: String,
    /// How it was when last recorded; `Absent` before it ever was.
    pub seen: Actual,
    /// How it should be.
    pub desired: Desired,
    /// The version of `desired`.
    pub version: i64,
    /// Which claim this is: records of an older one are discarded.
    pub epoch: i64,
    /// When the claim ends.
    pub lease_until: Timestamp,
    /// Failures in a row so far.
    pub attempts: u32,
    /// Whether it is called stuck.
    pub stuck: bool,
}

impl Due {
    /// The target's own id, if an account of ours was seen there.
    pub fn native_id(&self) -> Option<&str> {
        match &self.seen {
            Actual::Absent => None,
            Actual::Present(seen) => Some(&seen.native_id),
        }
    }
}

/// What a look found.
#[derive(Debug, Clone)]
pub struct Look {
    /// The account as it is.
    pub seen: Actual,
    /// What is not as it was last recorded: one event each, in the same transaction.
    pub changes: Vec<Change>,
    /// The step that this worker had just taken; without one, the changes were found, not made (or made before a
    /// crash).
    pub after: Option<Step>,
    /// Whether no step is left: the version of the claim is settled.
    pub settled: bool,
}

/// A failed attempt and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong, for an operator.
    pub words: String,
    /// Failures in a row, this one included if it counts.
    pub attempts: u32,
    /// When to try again.
    pub next_due: Timestamp,
    /// Whether to call it stuck.
    pub stuck: bool,
    /// Whether the last write may yet take effect: then nothing, not even a new desire, may bring `next_due` forward.
    pub unsure: bool,
}

/// The store, in memory.
#[derive(Clone, Debug, Default)]
pub struct Store {
    ledger: Arc<Mutex<Ledger>>,
    bell: watch::Sender<u64>,
}

impl Store {
    /// Claims up to `limit` accounts of `target` that are due, for the length of `lease`.
    pub async fn claim_due(
        &self,
        target: &TargetName,
        now: Timestamp,
        lease: SignedDuration,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        self.with(|ledger| ledger.claim_due(target, now, lease, limit))
    }

    /// When the next account of `target` can be claimed: due, and not under somebody's lease.
    pub async fn next_due(&self, target: &TargetName) -> Result<Option<Timestamp>, Error> {
        self.with(|ledger| ledger.next_due(target))
    }

    /// Records a look and its events. `false` if the claim no longer stands; then nothing is written.
    pub async fn looked(&self, due: &Due, look: &Look, now: Timestamp) -> Result<bool, Error> {
        self.with(|ledger| ledger.looked(due, look, now))
    }

    /// Records a failed attempt; an event only if it becomes stuck. `false` as with [`Store::looked`].
    pub async fn failed(&self, due: &Due, failure: &Failure, _now: Timestamp) -> Result<bool, Error> {
        self.with(|ledger| ledger.failed(due, failure))
    }

    /// Gives a claim back. `false` as with [`Store::looked`].
    pub async fn released(&self, due: &Due, now: Timestamp) -> Result<bool, Error> {
        self.with(|ledger| ledger.released(due, now))
    }

    /// Makes settled accounts due for a look that nobody has looked at since `before`, `limit` at the most.
    pub async fn look_again(&self, _before: Timestamp, _limit: usize) -> Result<usize, Error> {
        self.with(|ledger| {
            ledger.look_again();
            ledger.rows.len()
        })
    }

    /// Rings whenever something may have become due.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// Wants an account.
    pub fn want(&self, target: &TargetName, desired: Desired, now: Timestamp) -> Result<usize, Error> {
        let row = self.with(|ledger| ledger.add(target, desired, now));
        self.bell.send_modify(|rings| *rings += 1);
        row
    }

    /// Wants something else.
    pub fn rewant(&self, row: usize, desired: Desired, now: Timestamp) -> Result<(), Error> {
        let done = self.with(|ledger| ledger.desire(row, desired, now));
        self.bell.send_modify(|rings| *rings += 1);
        done
    }

    /// Whether everything is settled.
    pub fn quiet(&self) -> bool {
        self.with(|ledger| ledger.rows.iter().all(|row| !row.is_due())).unwrap_or_default()
    }

    fn with<T>(&self, f: impl FnOnce(&mut Ledger) -> T) -> Result<T, Error> {
        self.ledger.lock().map(|mut ledger| f(&mut ledger)).map_err(|_| Error::Unavailable)
    }
}
