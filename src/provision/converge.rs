//! One claimed account, brought as far as it goes: look, step, look again, until a look finds no step left.

use super::connector::{Abilities, Connector, Fault, Key, Refusal};
use super::link::{self, Link};
use super::retry;
use crate::account::{Actual, Desired, Step, changes, learn, next_step};
use crate::clock::Clock;
use crate::store::{self, Due, Failure, Look, Made, Origin, Verdict};
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

    /// The target is to be left alone until then, whoever's account it is.
    fn rests(&self, until: Timestamp);

    /// Notes, before it is done, that the account of this id in the target is adopted: nobody else adopts it from then on,
    /// and it is never deleted, whatever becomes of the call. `false` where it is another one of ours already.
    fn adopts(&self, native_id: &str) -> impl Future<Output = Result<bool, store::Error>> + Send;

    /// Whether this account of the target is one that was ever to be adopted: a call of a claim before this one may have
    /// arrived since.
    fn was_before(&self, native_id: &str) -> impl Future<Output = Result<bool, store::Error>> + Send;

    /// Notes that one is created in place of one that was to be adopted.
    fn creates(&self) -> impl Future<Output = Result<(), store::Error>> + Send;

    /// Notes what is known of an account that is being made, if the claim still stands, and says whether it did.
    fn makes(&self, made: &Made) -> impl Future<Output = Result<bool, store::Error>> + Send;

    /// Writes `record` down if the claim still stands, and says whether it did.
    fn record(&self, record: Record<'_>) -> impl Future<Output = Result<bool, store::Error>> + Send;
}

/// Brings the account of `due` to what is desired, or as far as it goes. At any `await` it can be dropped: the next
/// claim goes on from what it finds. `chance` in 0..1 spreads the retries. Says whether the target answered as one does that
/// is well; `None` where that cannot be told.
///
/// # Errors
/// What the claim's `record` returns. The lease then ends by itself.
pub(super) async fn converge(
    connector: &dyn Connector,
    link: &Link,
    due: &Due,
    claim: &impl Claim,
    clock: &Clock,
    chance: f64,
) -> Result<Option<bool>, store::Error> {
    let walk = Walk { connector, link, due, claim, clock, chance };
    match walk.to_the_end().await {
        Ok(()) => Ok(Some(true)),
        Err(Halt::TakenOver) => Ok(None),
        Err(Halt::Release) => claim.record(Record::Released).await.map(|_| None),
        Err(Halt::Store(error)) => Err(error),
        Err(Halt::Fault(fault)) => {
            let failure = walk.rests(&fault);
            claim.record(Record::Failed(&failure)).await?;
            // What is refused was answered, and so was what is too fast: the target is there.
            Ok(match fault {
                Fault::Transient { .. } | Fault::Unknown(_) => Some(false),
                Fault::Refused { .. } | Fault::Undecided(_) => Some(true),
                Fault::Throttled(_) | Fault::AuthFailed(_) => None,
            })
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

struct Walk<'a, C> {
    connector: &'a dyn Connector,
    link: &'a Link,
    due: &'a Due,
    claim: &'a C,
    clock: &'a Clock,
    chance: f64,
}

impl<C: Claim> Walk<'_, C> {
    async fn to_the_end(&self) -> Result<(), Halt> {
        let due = self.due;
        let mut key =
            Key { external_id: due.external_id.clone(), native_id: due.native_id().map(str::to_owned) };
        let (mut known, mut origin) = (due.seen.clone(), due.origin);
        let mut taken: Option<Step> = None;
        for _ in 0..STEPS {
            let wanted = self.wanted(&due.desired, &known, origin);
            let seen = self.call(self.connector.observe(&key, &wanted)).await?;
            let seen = learn(&known, seen, &wanted);
            let was_before = self.was_before(&known, &seen).await?;
            if was_before {
                origin = Origin::Adopted;
            }
            // Once more, now that it is known whose it is.
            let wanted = self.wanted(&due.desired, &seen, origin);
            let step = match next_step(&wanted, &seen) {
                None => self.lost(&seen)?,
                step => step,
            };
            // Also where somebody else closed it: what they left open is not theirs to know.
            let closes = step.as_ref().is_none_or(|step| matches!(step, Step::Delete { .. }));
            if closes && (!due.settled || was_closed(&known, &seen)) {
                self.close(&key, &seen, &wanted).await?;
            }
            let look = Look {
                changes: changes(&known, &seen, &wanted),
                seen,
                after: taken,
                was_before,
                settled: step.is_none(),
            };
            if (look.settled || !look.changes.is_empty())
                && !self.claim.record(Record::Looked(&look)).await.map_err(Halt::Store)?
            {
                return Err(Halt::TakenOver);
            }
            let step = match step {
                None => return Ok(()),
                // Asked once the look is written down: whose it is may be an operator's question for days.
                Some(Step::Create(profile)) => {
                    let may = || self.may_call().is_ok();
                    let chosen = link::choose(self.connector, self.link, due, &profile, &may);
                    self.call(chosen).await?.ok_or(Halt::Release)?
                }
                Some(step) => step,
            };
            if look.after.as_ref() == Some(&step) {
                return Err(Fault::transient("said it was done, but a fresh look shows no change").into());
            }
            known = look.seen;
            key.native_id = known.native_id().map(str::to_owned);
            origin = self.comes(&step, origin).await?;
            if let Some(id) = self.take(&key, &step, origin).await? {
                key.native_id = Some(id);
            }
            taken = Some(step);
        }
        Err(Fault::transient("no end of steps: something else changes the account as well").into())
    }

    /// How the account comes to be ours by `step`, if it does. What is another person's is not adopted: an address may be
    /// given to somebody new, and not every target shows whose an account is.
    async fn comes(&self, step: &Step, origin: Origin) -> Result<Origin, Halt> {
        match step {
            Step::Adopt { native_id } => {
                if self.claim.adopts(native_id).await.map_err(Halt::Store)? {
                    // No mark will show it, should nobody get to look at it again before it is to be closed. What was asked
                    // for before stays in mind until then.
                    if self.connector.abilities().unmarked && self.due.made != Made::Asked {
                        self.makes(&Made::As(native_id.clone())).await?;
                    }
                    return Ok(Origin::Adopted);
                }
                let said = format!("account {native_id} is somebody else's already, so it is not adopted");
                Err(Fault::refused(Refusal::Conflict, said).into())
            }
            Step::Create(_) if origin == Origin::Adopted => {
                self.claim.creates().await.map_err(Halt::Store)?;
                Ok(Origin::Created)
            }
            _ => Ok(origin),
        }
    }

    /// Whether what is `seen`, and was not `known`, is an account that somebody made before us.
    async fn was_before(&self, known: &Actual, seen: &Actual) -> Result<bool, Halt> {
        match seen.native_id() {
            Some(native_id) if known.native_id() != Some(native_id) => {
                self.claim.was_before(native_id).await.map_err(Halt::Store)
            }
            _ => Ok(false),
        }
    }

    /// What is to be done where nothing was `seen` that could be closed. It may be there all the same: it was asked for, and
    /// of what came of it nobody knows the id, without which no look finds it.
    fn lost(&self, seen: &Actual) -> Result<Option<Step>, Fault> {
        if *seen != Actual::Absent || self.due.made != Made::Asked || !self.connector.abilities().only_by_id {
            return Ok(None);
        }
        match &self.due.verdict {
            None => Err(Fault::Undecided(Vec::new())),
            Some(Verdict::Adopt(native_id)) => Ok(Some(Step::Adopt { native_id: native_id.clone() })),
            // None of those that are there.
            Some(Verdict::Create) => Ok(None),
        }
    }

    /// Makes an account. Where no look would find it by something of ours, its id is written down at once: until a look
    /// was recorded nobody else knows it.
    async fn create(&self, key: &Key, step: &Step) -> Result<Option<String>, Halt> {
        self.may_call()?;
        // What was asked for before us stays so, whatever becomes of this one.
        let abilities = self.connector.abilities();
        let notes = abilities.only_by_id && self.due.made != Made::Asked;
        if notes {
            self.makes(&Made::Asked).await?;
        }
        let outcome = self.act(self.connector.apply(key, step)).await;
        match &outcome {
            Ok(Some(native_id)) if abilities.only_by_id || abilities.unmarked => {
                self.makes(&Made::As(native_id.clone())).await?;
            }
            Err(halt) if notes && !matches!(halt, Halt::Fault(Fault::Unknown(_))) => {
                if let Halt::Fault(fault) = halt {
                    self.rests(fault);
                }
                self.makes(&Made::Nothing).await?;
            }
            Ok(_) | Err(_) => {}
        }
        outcome
    }

    /// What follows from `fault`, and leaves the target alone for as long as it asks to be. That is done before anything is
    /// written: others would call meanwhile, and a store that fails must not make us forget it.
    fn rests(&self, fault: &Fault) -> Failure {
        let now = self.clock.now();
        let failure = retry::after(fault, self.due.attempts, self.due.stuck, self.chance, now);
        if let Some(until) = retry::pause(fault, &failure, now) {
            self.claim.rests(until);
        }
        failure
    }

    async fn makes(&self, made: &Made) -> Result<(), Halt> {
        if self.claim.makes(made).await.map_err(Halt::Store)? { Ok(()) } else { Err(Halt::TakenOver) }
    }

    /// What can be had of `desired`, of an account that is as it was `seen`.
    fn wanted(&self, desired: &Desired, seen: &Actual, origin: Origin) -> Desired {
        wanted(desired, seen, origin, self.connector.abilities())
    }

    /// What belongs to the closing of an account beside the closing itself. It is done before the account is recorded as
    /// closed, so that a crash in between repeats it rather than leaves it out.
    async fn close(&self, key: &Key, seen: &Actual, wanted: &Desired) -> Result<(), Halt> {
        let native_id = seen.native_id().map(str::to_owned);
        let (Some(native_id), abilities) = (native_id, self.connector.abilities()) else {
            return Ok(());
        };
        let heir = match wanted {
            Desired::Active(_) => return Ok(()),
            Desired::Disabled(closing) => closing.heir.clone(),
            Desired::Absent => None,
        };
        if abilities.sessions {
            let step = Step::EndSessions { native_id: native_id.clone() };
            self.act(self.connector.apply(key, &step)).await?;
        }
        if let Some(heir) = heir.filter(|_| abilities.hand_over) {
            self.act(self.connector.apply(key, &Step::HandOver { native_id, heir })).await?;
        }
        Ok(())
    }

    async fn take(&self, key: &Key, step: &Step, origin: Origin) -> Result<Option<String>, Halt> {
        match step {
            Step::Delete { .. } if origin != Origin::Created => {
                Err(Fault::refused(Refusal::Conflict, "we did not create it, so we do not delete it").into())
            }
            Step::Create(profile) => match self.create(key, step).await {
                Err(Halt::Fault(conflict @ Fault::Refused { why: Refusal::Conflict, .. })) => {
                    let may = || self.may_call().is_ok();
                    let found = async { Ok(link::in_the_way(self.connector, profile, conflict, &may).await) };
                    Err(self.call(found).await?.map_or(Halt::Release, Halt::Fault))
                }
                outcome => outcome,
            },
            step => self.act(self.connector.apply(key, step)).await,
        }
    }

    /// A call that changes nothing.
    async fn call<T>(&self, call: impl Future<Output = Result<T, Fault>>) -> Result<T, Halt> {
        self.may_call()?;
        let late = || Fault::transient("no answer within 10 s");
        Ok(within(call, late).await?)
    }

    /// A call that changes something.
    async fn act<T>(&self, call: impl Future<Output = Result<T, Fault>>) -> Result<T, Halt> {
        self.may_call()?;
        let late = || Fault::Unknown("no answer within 10 s".into());
        Ok(within(call, late).await?)
    }

    /// Lets a call begin only where its end lies within the lease.
    fn may_call(&self) -> Result<(), Halt> {
        let fits = self.clock.now() + CALL <= self.due.lease_until;
        if fits && self.claim.may_go_on() { Ok(()) } else { Err(Halt::Release) }
    }
}

/// What can be had of `desired`, of an account that is as it was `seen` and came to be ours in this way: where a target
/// cannot delete it, it stays closed.
pub fn wanted(desired: &Desired, seen: &Actual, origin: Origin, abilities: Abilities) -> Desired {
    match (desired, origin) {
        (_, Origin::Adopted) => desired.of_adopted(seen),
        (Desired::Absent, Origin::Created) if !abilities.delete => Desired::closed(),
        _ => desired.clone(),
    }
}

/// Whether an account that cannot be used is not known to be so yet.
fn was_closed(known: &Actual, seen: &Actual) -> bool {
    let closed = |actual: &Actual| match actual {
        Actual::Present(seen) if !seen.active => Some(seen.native_id.clone()),
        _ => None,
    };
    closed(seen).is_some_and(|seen| closed(known) != Some(seen))
}

async fn within<T>(
    call: impl Future<Output = Result<T, Fault>>,
    late: impl FnOnce() -> Fault,
) -> Result<T, Fault> {
    tokio::time::timeout(CALL, call).await.unwrap_or_else(|_| Err(late()))
}
