//! Who converges when: one loop per target, so that a target that hangs holds up nobody but its own.

use super::connector::Fault;
use super::converge::{Claim, LEASE, Record, converge};
use super::retry;
use super::target::{Target, Targets, is_broken};
use crate::account::Actual;
use crate::clock::Clock;
use crate::names::TargetName;
use crate::store::{self, Claimed, Counted, Due, Look, Made, Store};
use crate::trace::Traces;
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long to leave a store alone that failed.
const STORE_REST: SignedDuration = SignedDuration::from_secs(1);
/// How old a look at a settled account may become; how often, and how many at a time, the older ones are renewed.
const LOOK_AGE: SignedDuration = SignedDuration::from_hours(1);
const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(1);
const SWEEP_BATCH: usize = 200;

/// Converges the accounts of all `targets`, whenever one is due or the store's bell rings, until `stop`; then
/// finishes the calls under way and gives back what is left. Dropping it instead loses nothing but time.
///
/// While another connector takes the place of one of the `targets`, or one is taken out, the others go on undisturbed.
pub async fn run(
    store: Store,
    clock: Clock,
    mut targets: watch::Receiver<Targets>,
    traces: Option<Traces>,
    stop: CancellationToken,
) {
    // A worker that was killed holds leases. Its last write is given the time to take effect, and no more.
    if let Err(error) = store.bookkeep().inherit(clock.now() + retry::SETTLE).await {
        tracing::warn!(%error, "leases of an earlier run are left to end by themselves");
    }
    let mut loops = JoinSet::new();
    let mut runs: BTreeMap<TargetName, Run> = BTreeMap::new();
    let mut first = true;
    loop {
        let wanted = targets.borrow_and_update().clone();
        for (_, run) in runs.iter().filter(|(name, run)| !run.serves(wanted.get(*name))) {
            run.stop.cancel();
        }
        for (name, target) in wanted {
            if runs.get(&name).is_some_and(|run| run.serves(Some(&target))) {
                continue;
            }
            let run = Run { target, stop: stop.child_token(), ended: CancellationToken::new() };
            let (store, clock, target) = (store.clone(), clock.clone(), run.target.clone());
            let (stop, ended) = (run.stop.clone(), run.ended.clone().drop_guard());
            let before = runs.insert(name.clone(), run).map(|run| run.ended);
            let lane = Lane { name, target, store, clock, traces: traces.clone() };
            loops.spawn(async move {
                // One at a time: what is under way with the old settings is finished first.
                if let Some(before) = before {
                    before.cancelled().await;
                }
                if !first {
                    lane.retry_failing().await;
                }
                Arc::new(lane).serve(stop).await;
                drop(ended);
            });
        }
        first = false;
        tokio::select! {
            () = stop.cancelled() => break,
            changed = targets.changed() => if changed.is_err() { break },
        }
    }
    while loops.join_next().await.is_some() {}
}

/// The work for one target with one connector.
struct Run {
    target: Arc<Target>,
    stop: CancellationToken,
    /// Cancelled when its last call has ended.
    ended: CancellationToken,
}

impl Run {
    fn serves(&self, wanted: Option<&Arc<Target>>) -> bool {
        !self.stop.is_cancelled() && wanted.is_some_and(|wanted| Arc::ptr_eq(wanted, &self.target))
    }
}

/// Makes settled accounts due for another look from time to time, until `stop`: a worker may have died between
/// acting and recording, a call may have taken effect after it was given up, and people change things by hand.
pub async fn sweep(store: Store, clock: Clock, stop: CancellationToken) {
    while stop.run_until_cancelled(clock.sleep(SWEEP_EVERY)).await.is_some() {
        if let Err(error) =
            store.bookkeep().look_again(clock.now() - LOOK_AGE, clock.now(), SWEEP_BATCH).await
        {
            tracing::warn!(%error, "sweep skipped");
        }
    }
}

/// The work for one target.
struct Lane {
    name: TargetName,
    target: Arc<Target>,
    store: Store,
    clock: Clock,
    traces: Option<Traces>,
}

impl Lane {
    /// What failed with other settings is worth a try with these.
    async fn retry_failing(&self) {
        match self.store.bookkeep().retry_failing(&self.name, self.clock.now()).await {
            Ok(0) => {}
            Ok(accounts) => tracing::info!(app = %self.name, accounts, "tried again with other settings"),
            Err(error) => tracing::warn!(app = %self.name, %error, "what has failed waits for its next try"),
        }
    }

    async fn serve(self: Arc<Self>, stop: CancellationToken) {
        let mut bell = self.store.bell();
        let mut running = JoinSet::new();
        while !stop.is_cancelled() {
            // What rings from here on is not missed, even where the claim does not see it yet.
            bell.mark_unchanged();
            while running.try_join_next().is_some() {}
            let wake = self.claim(&mut running, &stop).await.unwrap_or_else(|error| {
                tracing::warn!(app = %self.name, %error, "nothing claimed");
                Some(self.clock.now() + STORE_REST)
            });
            let alarm = async {
                match wake {
                    Some(at) => self.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                Some(_) = running.join_next() => {}
                _ = bell.changed() => {}
                () = alarm => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Starts work on as many due accounts as there is room for. Returns when to come again; `None` when only the
    /// bell or the end of a task can change anything.
    async fn claim(
        self: &Arc<Self>,
        running: &mut JoinSet<()>,
        stop: &CancellationToken,
    ) -> Result<Option<Timestamp>, store::Error> {
        let now = self.clock.now();
        let room = self.target.room().saturating_sub(running.len());
        if !self.target.may_be_asked(now) {
            return Ok(Some(self.target.paused_until()));
        }
        if room == 0 {
            return Ok(None);
        }
        // Most of what rings the bell is others' affair, and reading costs less than being the one who writes.
        if !self.store.has_due(&self.name, now).await? {
            return self.store.next_due(&self.name, now).await;
        }
        let guard = &self.target.treatment.guard;
        let counted = Counted {
            since: guard.since(now),
            is_few: &|taken| guard.is_few(taken),
            lets_pass: &|taken, of| guard.lets_pass(taken, of),
        };
        let claimed = self.store.bookkeep().claim_due(&self.name, now, LEASE, room, &counted).await?;
        self.tell_held(&claimed);
        for due in claimed.due {
            running.spawn(self.clone().work(due, stop.clone()));
        }
        if running.len() >= self.target.room() {
            return Ok(None);
        }
        self.store.next_due(&self.name, now).await
    }

    /// Tells once that the guard holds the target, and once that it does no more.
    fn tell_held(&self, claimed: &Claimed) {
        let (app, accounts) = (&self.name, claimed.taken);
        match (self.target.hold(claimed.held), claimed.held) {
            (true, true) => tracing::warn!(
                %app, accounts,
                "too much would be taken at once: nothing is, until somebody says `guestpass targets confirm {app}`; \
                 `guestpass accounts --held` shows from whom"
            ),
            (true, false) => tracing::info!(%app, "what was to be taken is taken now"),
            (false, _) => {}
        }
    }

    async fn work(self: Arc<Self>, due: Due, stop: CancellationToken) {
        let Some(mut span) = self.traces.as_ref().and_then(|traces| traces.work("provision")) else {
            self.work_on(due, stop).await;
            return;
        };
        span.text("guestpass.target", self.name.as_str());
        if span.holds(self.work_on(due, stop)).await == Some(false) {
            span.failed("target");
        }
    }

    /// Says whether the target was well, if that showed.
    async fn work_on(self: &Arc<Self>, due: Due, stop: CancellationToken) -> Option<bool> {
        let claim = Held { lane: self, due: &due, stop: &stop };
        let Target { connector, treatment, .. } = &*self.target;
        let work = converge(&**connector, &treatment.link, &due, &claim, &self.clock, chance());
        // Whatever a target answers, libraries read it, and one of them may break over it. A write may have been sent.
        let done = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(done) => done,
            Err(_) => {
                let fault =
                    Fault::Unknown("what speaks to it broke over an answer; the log says more".to_owned());
                let failure = retry::after(&fault, due.attempts, due.stuck, chance(), self.clock.now());
                let recorded = claim.record(Record::Failed(&failure)).await;
                recorded.map(|_| Some(false))
            }
        };
        match done {
            Ok(well) => {
                if let Some(well) = well {
                    self.went(well);
                }
                well
            }
            Err(error) => {
                tracing::warn!(app = %due.target, user = %due.user, %error, "account not recorded");
                None
            }
        }
    }

    /// A target that fails for everybody is left alone, for longer each time, and then asked by one account.
    fn went(&self, well: bool) {
        let failures = self.target.went(well);
        if is_broken(failures) {
            let until = self.clock.now() + retry::rest(failures);
            tracing::warn!(app = %self.name, failures, %until, "fails for everybody, so it is left alone");
            self.target.pause(until);
        }
    }
}

/// A claim held by this worker.
struct Held<'a> {
    lane: &'a Lane,
    due: &'a Due,
    stop: &'a CancellationToken,
}

impl Claim for Held<'_> {
    fn may_go_on(&self) -> bool {
        !self.stop.is_cancelled() && self.lane.target.may_be_asked(self.lane.clock.now())
    }

    fn rests(&self, until: Timestamp) {
        self.lane.target.pause(until);
    }

    async fn adopts(&self, native_id: &str) -> Result<bool, store::Error> {
        self.lane.store.bookkeep().adopts(self.due, native_id).await
    }

    async fn was_before(&self, native_id: &str) -> Result<bool, store::Error> {
        self.lane.store.bookkeep().was_before(self.due, native_id).await
    }

    async fn creates(&self) -> Result<(), store::Error> {
        self.lane.store.bookkeep().creates(self.due).await
    }

    async fn makes(&self, made: &Made) -> Result<bool, store::Error> {
        self.lane.store.bookkeep().makes(self.due, made).await
    }

    async fn record(&self, record: Record<'_>) -> Result<bool, store::Error> {
        let (store, now) = (&self.lane.store, self.lane.clock.now());
        let held = match record {
            Record::Looked(look) => store.looked(self.due, look, now).await?,
            Record::Failed(failure) => store.failed(self.due, failure, now).await?,
            Record::Released => store.bookkeep().released(self.due).await?,
        };
        if held {
            self.lane.target.note(&record);
            tell(self.due, &record);
        }
        Ok(held)
    }
}

/// Tells the log what was recorded.
fn tell(due: &Due, record: &Record<'_>) {
    let (app, user) = (&due.target, &due.user);
    match record {
        Record::Looked(Look { changes, seen, .. }) => {
            let account = match seen {
                Actual::Present(seen) => Some(seen.native_id.as_str()),
                Actual::Absent => due.native_id(),
            };
            for change in changes {
                tracing::info!(%app, %user, account, "account {change}");
            }
        }
        Record::Failed(failure) => {
            let (stuck, tries, next) = (failure.stuck, failure.attempts, &failure.next_due);
            tracing::warn!(%app, %user, account = due.native_id(), stuck, tries, %next, "account not settled: {}", failure.words);
        }
        Record::Released => {}
    }
}

/// A number in 0..1 drawn at random; the middle, should the machine have no randomness to give.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_or(0.5, |()| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests;
