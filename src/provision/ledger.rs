//! A store in memory for the tests of this room: the account rows and their events, and nothing else of it.

use crate::account::{Actual, Change, Desired};
use crate::names::{AccountId, TargetName, UserId};
use crate::store::{Due, Failure, Look, Made, Origin};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// What the audit log would hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    Changed(Change),
    Stuck,
    Unstuck,
}

/// One account row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) due: Due,
    pub(crate) settled_version: i64,
    pub(crate) next_due: Timestamp,
    pub(crate) unsure: bool,
    /// The accounts that it adopted, or was ever about to.
    pub(crate) adopting: BTreeSet<String>,
    /// Whether the sweep wants another look at it although it is settled.
    pub(crate) look_again: bool,
    pub(crate) events: Vec<Event>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) rows: Vec<Row>,
}

impl Ledger {
    /// A new account, due at once.
    pub(crate) fn add(&mut self, target: &TargetName, desired: Desired, now: Timestamp) -> usize {
        let due = Due {
            id: AccountId::random(),
            user: UserId::random(),
            target: target.clone(),
            external_id: format!("gp-{}", self.rows.len()),
            seen: Actual::Absent,
            desired,
            version: 1,
            settled: false,
            epoch: 0,
            lease_until: Timestamp::MIN,
            attempts: 0,
            stuck: false,
            origin: Origin::Created,
            verdict: None,
            made: Made::Nothing,
        };
        let row = Row {
            due,
            settled_version: 0,
            next_due: now,
            unsure: false,
            adopting: BTreeSet::new(),
            look_again: false,
            events: Vec::new(),
        };
        self.rows.push(row);
        self.rows.len() - 1
    }

    /// Overwrites what is desired.
    pub(crate) fn desire(&mut self, row: usize, desired: Desired, now: Timestamp) {
        let row = &mut self.rows[row];
        row.due.desired = desired;
        row.due.version += 1;
        row.due.settled = false;
        if !row.unsure {
            row.next_due = now;
        }
    }

    pub(crate) fn claim_due(
        &mut self,
        target: &TargetName,
        now: Timestamp,
        lease: SignedDuration,
        limit: usize,
    ) -> Vec<Due> {
        let due =
            |row: &&mut Row| row.due.target == *target && row.claimable_at().is_some_and(|at| at <= now);
        self.rows
            .iter_mut()
            .filter(due)
            .take(limit)
            .map(|row| {
                row.due.epoch += 1;
                row.due.lease_until = now + lease;
                row.due.clone()
            })
            .collect()
    }

    /// When the next account of this target can be claimed.
    pub(crate) fn next_due(&self, target: &TargetName) -> Option<Timestamp> {
        self.rows.iter().filter(|row| row.due.target == *target).filter_map(Row::claimable_at).min()
    }

    pub(crate) fn looked(&mut self, claim: &Due, look: &Look, now: Timestamp) -> bool {
        let Some(row) = self.held(claim) else { return false };
        row.due.seen = look.seen.clone();
        row.due.made = Made::Nothing;
        row.due.origin = look.origin(claim).unwrap_or(row.due.origin);
        row.events.extend(look.changes.iter().cloned().map(Event::Changed));
        row.unsure = false;
        if look.settled {
            row.settled_version = claim.version;
            row.due.settled = row.settled_version == row.due.version;
            row.look_again = false;
            row.due.attempts = 0;
            if std::mem::take(&mut row.due.stuck) {
                row.events.push(Event::Unstuck);
            }
            row.release(now);
        }
        true
    }

    pub(crate) fn failed(&mut self, claim: &Due, failure: &Failure) -> bool {
        let Some(row) = self.held(claim) else { return false };
        if failure.stuck && !row.due.stuck {
            row.events.push(Event::Stuck);
        }
        row.due.attempts = failure.attempts;
        row.due.stuck = failure.stuck;
        row.unsure = failure.unsure;
        row.release(failure.next_due);
        true
    }

    pub(crate) fn released(&mut self, claim: &Due, now: Timestamp) -> bool {
        self.held(claim).map(|row| row.release(now)).is_some()
    }

    pub(crate) fn adopts(&mut self, claim: &Due, native_id: &str) -> bool {
        let has = |row: &Row| row.due.native_id() == Some(native_id) || row.adopting.contains(native_id);
        if self.rows.iter().any(|row| row.due.id != claim.id && has(row)) {
            return false;
        }
        let Some(row) = self.held(claim) else { return false };
        row.adopting.insert(native_id.to_owned());
        row.due.origin = Origin::Adopted;
        true
    }

    pub(crate) fn was_before(&self, claim: &Due, native_id: &str) -> bool {
        self.rows.iter().any(|row| row.due.id == claim.id && row.adopting.contains(native_id))
    }

    pub(crate) fn creates(&mut self, claim: &Due) {
        if let Some(row) = self.held(claim) {
            row.due.origin = Origin::Created;
        }
    }

    pub(crate) fn makes(&mut self, claim: &Due, made: &Made) -> bool {
        self.held(claim).map(|row| row.due.made = made.clone()).is_some()
    }

    /// What the sweep does to every settled account.
    pub(crate) fn look_again(&mut self) {
        for row in &mut self.rows {
            row.look_again = true;
        }
    }

    fn held(&mut self, claim: &Due) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.due.id == claim.id && row.due.epoch == claim.epoch)
    }
}

impl Row {
    pub(crate) fn is_due(&self) -> bool {
        self.look_again || self.settled_version < self.due.version
    }

    fn claimable_at(&self) -> Option<Timestamp> {
        self.is_due().then(|| self.next_due.max(self.due.lease_until))
    }

    fn release(&mut self, next_due: Timestamp) {
        self.due.lease_until = Timestamp::MIN;
        self.next_due = next_due;
    }
}
