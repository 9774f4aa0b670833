//! The claim on an account as the model keeps it: others may go before and after everything that it writes.

use super::target::pause;
use crate::clock::Clock;
use crate::provision::converge::{Claim, Record};
use crate::provision::ledger::Ledger;
use crate::provision::target::Target;
use crate::store::{self, Due, Made};
use jiff::Timestamp;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// A claim that is held in memory.
pub(super) struct Memory {
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) due: Due,
    pub(super) clock: Clock,
    pub(super) target: Arc<Target>,
    pub(super) stop: CancellationToken,
}

impl Claim for Memory {
    fn may_go_on(&self) -> bool {
        !self.stop.is_cancelled() && self.target.may_be_asked(self.clock.now())
    }

    fn rests(&self, until: Timestamp) {
        self.target.pause(until);
    }

    async fn adopts(&self, native_id: &str) -> Result<bool, store::Error> {
        pause().await;
        let adopts = self.ledger.lock().unwrap().adopts(&self.due, native_id);
        pause().await;
        Ok(adopts)
    }

    async fn was_before(&self, native_id: &str) -> Result<bool, store::Error> {
        pause().await;
        let was_before = self.ledger.lock().unwrap().was_before(&self.due, native_id);
        pause().await;
        Ok(was_before)
    }

    async fn creates(&self) -> Result<(), store::Error> {
        pause().await;
        self.ledger.lock().unwrap().creates(&self.due);
        pause().await;
        Ok(())
    }

    async fn makes(&self, made: &Made) -> Result<bool, store::Error> {
        pause().await;
        let held = self.ledger.lock().unwrap().makes(&self.due, made);
        pause().await;
        Ok(held)
    }

    async fn record(&self, record: Record<'_>) -> Result<bool, store::Error> {
        pause().await;
        let now = self.clock.now();
        let held = {
            let mut ledger = self.ledger.lock().unwrap();
            match record {
                Record::Looked(look) => ledger.looked(&self.due, look, now),
                Record::Failed(failure) => ledger.failed(&self.due, failure),
                Record::Released => ledger.released(&self.due, now),
            }
        };
        pause().await;
        Ok(held)
    }
}
