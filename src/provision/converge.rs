//! One claimed account, brought as far as it goes: look, step, look again, until a look finds no step left.

use super::connector::{Connector, Fault, Key};
use super::retry;
use crate::account::{Actual, Step, changes, learn, next_step};
use crate::clock::Clock;
use crate::store::{self, Due, Failure, Look};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long a call may take. Two of them and a record fit into [`LEASE`], so that every claim makes progress.
pub(super) const CALL: Duration = Duration::from_secs(10);
/// How long a claimed account is ours. No call begins that could outlast it: when the lease ends, another worker
/// may take over, and a target cannot tell us apart.
pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// More steps than any honest account needs: one for each group and a few.
const STEPS: usize = 50;

/// What is to be written down.
pub(super) enum Record<'a> {
    /// A look found changes, or no step left.
    Looked(&'a Look),
    /// The attempt failed.
    Failed(&'a Failure),
    /// The lease is given back, with work left to do.
    Released,
}

/// The claim on one account, as its holder keeps it: the store behind it is real, or one that crashes in tests.
pub(super) trait Claim: Sync {
    /// Whether another call may begin.
    fn may_go_on(&self) -> bool;

    /// Writes `record` down if the claim still stands, and says whether it did.
    fn record(&self, record: Record<'_>) -> impl Future<Output = Result<bool, store::Error>> + Send;
}

/// Brings the account of `due` to what is desired, or as far as it goes. At any `await` it can be dropped: the next
/// claim goes on from what it finds. `chance` in 0..1 spreads the retries.
///
/// Returns until when the whole target should be left alone, if it asked for that.
///
/// # Errors
/// What the claim's `record` returns. The lease then ends by itself.
pub(super) async fn converge(
    connector: &dyn Connector,
    due: &Due,
    claim: &impl Claim,
    clock: &Clock,
    chance: f64,
) -> Result<Option<Timestamp>, store::Error> {
    match walk(connector, due, claim, clock).await {
        Ok(()) | Err(Halt::TakenOver) => Ok(None),
        Err(Halt::Release) => claim.record(Record::Released).await.map(|_| None),
        Err(Halt::Store(error)) => Err(error),
        Err(Halt::Fault(fault)) => {
            let failure = retry::after(&fault, due.attempts, due.stuck, chance, clock.now());
            claim.record(Record::Failed(&failure)).await?;
            Ok(retry::pause(&fault, &failure))
        }
    }
}

/// Why a walk ended before its goal.
enum Halt {
    Fault(Fault),
    Store(store::Error),
    /// Another worker has the account.
    TakenOver,
    /// No other call may begin.
    Release,
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

async fn walk(connector: &dyn Connector, due: &Due, claim: &impl Claim, clock: &Clock) -> Result<(), Halt> {
    let mut key = Key { external_id: due.external_id.clone(), native_id: due.native_id().map(str::to_owned) };
    let mut known = due.seen.clone();
    let mut taken: Option<Step> = None;
    for _ in 0..STEPS {
        may_call(due, claim, clock)?;
        let late = || Fault::transient("no answer within 10 s");
        let seen = within(connector.observe(&key, &due.desired), late).await?;
        let seen = learn(&known, seen, &due.desired);
        let step = next_step(&due.desired, &seen);
        let look = Look {
            changes: changes(&known, &seen, &due.desired),
            seen,
            after: taken,
            settled: step.is_none(),
        };
        if (look.settled || !look.changes.is_empty())
            && !claim.record(Record::Looked(&look)).await.map_err(Halt::Store)?
        {
            return Err(Halt::TakenOver);
        }
        let Some(step) = step else { return Ok(()) };
        if look.after.as_ref() == Some(&step) {
            return Err(Fault::transient("said it was done, but a fresh look shows no change").into());
        }
        known = look.seen;
        key.native_id = native_id(&known);
        may_call(due, claim, clock)?;
        let late = || Fault::Unknown("no answer within 10 s".into());
        if let Some(id) = within(connector.apply(&key, &step), late).await? {
            key.native_id = Some(id);
        }
        taken = Some(step);
    }
    Err(Fault::transient("no end of steps: something else changes the account as well").into())
}

fn native_id(actual: &Actual) -> Option<String> {
    match actual {
        Actual::Absent => None,
        Actual::Present(seen) => Some(seen.native_id.clone()),
    }
}

/// Lets a call begin only where its end lies within the lease.
fn may_call(due: &Due, claim: &impl Claim, clock: &Clock) -> Result<(), Halt> {
    let fits = clock.now() + CALL <= due.lease_until;
    if fits && claim.may_go_on() { Ok(()) } else { Err(Halt::Release) }
}

async fn within<T>(
    call: impl Future<Output = Result<T, Fault>>,
    late: impl FnOnce() -> Fault,
) -> Result<T, Fault> {
    tokio::time::timeout(CALL, call).await.unwrap_or_else(|_| Err(late()))
}
