//! The proof: the real steps, the real walk of one account and the real retries, against a target and a store that
//! do the worst. Workers are polled by hand, one `await` at a time and in any order; to crash one is to drop it.

mod guard;
mod memory;
mod target;
mod told;

use self::memory::Memory;
use self::target::{ABILITIES, Accounts, Mishap, STRANGER, Target};
use self::told::told;
use super::converge::{CALL, LEASE, converge, wanted};
use super::ledger::{Event, Ledger, Row};
use super::link::Link;
use super::target as whole;
use crate::account::{Actual, Candidate, Change, Desired, Entitlement, Profile, next_step};
use crate::clock::Clock;
use crate::names::TargetName;
use crate::store::Origin;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use tokio_util::sync::CancellationToken;

/// Accounts in play.
const ROWS: usize = 2;
/// Addresses that people may have: the same one for two of them, where it was given to somebody new.
const ADDRESSES: usize = 3;

#[derive(Debug, Clone)]
enum Action {
    Desire {
        row: usize,
        name: usize,
        address: usize,
        entitlements: BTreeSet<Entitlement>,
    },
    Expire {
        row: usize,
    },
    /// The time for which it is kept after the end is over.
    Delete {
        row: usize,
    },
    Claim,
    /// One worker goes on to its next `await`; a call that it makes meanwhile goes as the mishap says.
    Go {
        worker: usize,
        mishap: Mishap,
    },
    Crash {
        worker: usize,
    },
    /// Whoever is at work is told to stop.
    Stop,
    /// The machine's clock goes on, or is set back.
    Turn {
        secs: i64,
    },
    /// A write whose answer was lost takes effect after all.
    Land,
    /// Somebody at the target makes an account with this address.
    Before {
        address: usize,
    },
    /// Somebody at the target closes or opens the account by hand.
    Meddle {
        row: usize,
    },
    Sweep,
}

fn mishap() -> impl Strategy<Value = Mishap> {
    use Mishap::*;
    let bad = prop::sample::select(vec![LostAfter, LostBefore, Transient, Away, Throttled, AuthFailed, Lie]);
    prop_oneof![3 => Just(None), 1 => bad]
}

fn action() -> impl Strategy<Value = Action> {
    let row = 0..ROWS;
    let one = (any::<bool>(), "[gh]")
        .prop_map(|(role, name)| if role { Entitlement::Role(name) } else { Entitlement::Group(name) });
    let entitlements = prop::collection::btree_set(one, 0..3);
    prop_oneof![
        3 => (row.clone(), 0..7_usize, 0..ADDRESSES, entitlements).prop_map(|(row, name, address, entitlements)| {
            Action::Desire { row, name, address, entitlements }
        }),
        1 => row.clone().prop_map(|row| Action::Expire { row }),
        1 => row.clone().prop_map(|row| Action::Delete { row }),
        6 => Just(Action::Claim),
        30 => (0..4_usize, mishap()).prop_map(|(worker, mishap)| Action::Go { worker, mishap }),
        1 => (0..4_usize).prop_map(|worker| Action::Crash { worker }),
        1 => Just(Action::Stop),
        3 => prop::sample::select(vec![1, 3, 31, 400, -1, -31, -400]).prop_map(|secs| Action::Turn { secs }),
        1 => Just(Action::Land),
        1 => (0..ADDRESSES).prop_map(|address| Action::Before { address }),
        1 => row.prop_map(|row| Action::Meddle { row }),
        1 => Just(Action::Sweep),
    ]
}

/// Who works on one account.
struct Worker {
    work: Pin<Box<dyn Future<Output = ()>>>,
    stop: CancellationToken,
    /// When the lease ends.
    until: Timestamp,
}

struct World {
    clock: Clock,
    target: TargetName,
    whole: Arc<whole::Target>,
    ledger: Arc<Mutex<Ledger>>,
    accounts: Arc<Mutex<Accounts>>,
    workers: Vec<Worker>,
    /// Stops those who are at work.
    stop: CancellationToken,
    /// All that each account ever was to have: what `lifecycle` withdraws.
    given: [BTreeSet<Entitlement>; ROWS],
}

impl World {
    fn new() -> Self {
        let clock = Clock::turned("2026-03-02T09:00:00Z".parse().unwrap());
        let target: TargetName = "wiki".parse().unwrap();
        let mut ledger = Ledger::default();
        for _ in 0..ROWS {
            ledger.add(&target, Desired::closed(), clock.now());
        }
        let accounts: Arc<Mutex<Accounts>> = Arc::default();
        let connector = Arc::new(Target(accounts.clone(), clock.clone()));
        Self {
            clock,
            target,
            whole: Arc::new(whole::Target::new(connector, whole::Treatment::default())),
            ledger: Arc::new(Mutex::new(ledger)),
            accounts,
            workers: Vec::new(),
            stop: CancellationToken::new(),
            given: Default::default(),
        }
    }

    fn take(&mut self, action: Action) {
        match action {
            Action::Desire { row, name, address, entitlements } => {
                let user_name = match name {
                    0 => STRANGER.into(),
                    1..4 => format!("b-{row}"),
                    _ => format!("a-{row}"),
                };
                self.given[row].extend(entitlements.iter().cloned());
                let withdrawn = &self.given[row] - &entitlements;
                let email = Some(addressed(address));
                let profile = Profile { user_name, email, entitlements, withdrawn, ..Profile::default() };
                self.desire(row, Desired::Active(profile));
            }
            Action::Expire { row } => self.desire(row, Desired::closed()),
            Action::Delete { row } => self.desire(row, Desired::Absent),
            Action::Claim => self.claim(),
            Action::Go { worker, mishap } => self.go(worker, mishap),
            Action::Crash { worker } => {
                if worker < self.workers.len() {
                    drop(self.workers.swap_remove(worker));
                }
            }
            Action::Stop => std::mem::take(&mut self.stop).cancel(),
            Action::Turn { secs } => self.clock.advance(SignedDuration::from_secs(secs)),
            Action::Land => self.land(),
            Action::Before { address } => {
                let mut accounts = self.accounts.lock().unwrap();
                let native_id = format!("before-{}", accounts.before.len() + accounts.adopted.len());
                accounts.before.insert(native_id, addressed(address));
            }
            Action::Meddle { row } => {
                let key = self.ledger.lock().unwrap().rows[row].due.external_id.clone();
                if let Some(Actual::Present(seen)) = self.accounts.lock().unwrap().ours.get_mut(&key) {
                    seen.active = !seen.active;
                }
            }
            Action::Sweep => self.ledger.lock().unwrap().look_again(),
        }
    }

    fn desire(&self, row: usize, desired: Desired) {
        self.ledger.lock().unwrap().desire(row, desired, self.clock.now());
    }

    fn claim(&mut self) {
        let now = self.clock.now();
        if !self.whole.may_be_asked(now) {
            return;
        }
        for due in self.ledger.lock().unwrap().claim_due(&self.target, now, LEASE, ROWS) {
            let (whole, clock, until) = (self.whole.clone(), self.clock.clone(), due.lease_until);
            let (ledger, stop) = (self.ledger.clone(), self.stop.clone());
            let claim =
                Memory { ledger, due, clock: clock.clone(), target: whole.clone(), stop: stop.clone() };
            let work = Box::pin(async move {
                let link = Link { id: None, email: vec!["x.example".to_owned()] };
                converge(&*whole.connector, &link, &claim.due, &claim, &clock, 0.5).await.unwrap();
            });
            self.workers.push(Worker { work, stop, until });
        }
    }

    fn go(&mut self, worker: usize, mishap: Mishap) {
        let Some(Worker { work, stop, until }) = self.workers.get_mut(worker) else { return };
        let begun = {
            let mut accounts = self.accounts.lock().unwrap();
            accounts.mishap = Some(mishap);
            accounts.begun
        };
        let is_done = work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let mut accounts = self.accounts.lock().unwrap();
        accounts.mishap = None;
        if accounts.begun > begun {
            assert!(!stop.is_cancelled(), "a call begins after the word to stop");
            assert!(self.clock.now() + CALL <= *until, "a call begins that may outlast the lease");
        }
        if is_done {
            drop(self.workers.swap_remove(worker));
        }
    }

    fn land(&self) {
        let mut accounts = self.accounts.lock().unwrap();
        if let Some((key, step)) = accounts.late.pop() {
            // Its answer was lost long ago.
            let _ = accounts.apply(&key, &step);
        }
    }

    /// The target answers, nobody wants anything new, and every straggler has come in: then a bounded number of
    /// claims settles all that can be settled.
    fn quiesce(&mut self, sweep: bool) {
        while !self.workers.is_empty() {
            self.go(0, Mishap::None);
        }
        while !self.accounts.lock().unwrap().late.is_empty() {
            self.land();
        }
        if sweep {
            self.take(Action::Sweep);
        }
        for _ in 0..6 {
            let next = self.ledger.lock().unwrap().next_due(&self.target);
            let Some(next) = next.map(|next| next.max(self.whole.paused_until())) else { return };
            // From where it was set back to, if it was.
            self.clock.advance(next.duration_since(self.clock.wall()).max(SignedDuration::ZERO));
            self.claim();
            while !self.workers.is_empty() {
                self.go(0, Mishap::None);
            }
        }
    }

    fn check(&self) {
        let (ledger, accounts) = (self.ledger.lock().unwrap(), self.accounts.lock().unwrap());
        for row in &ledger.rows {
            let actual = accounts.actual(&row.due.external_id);
            let origin = row.due.origin;
            let is_of_before = actual.native_id().is_some_and(|id| id.starts_with("before"));
            assert!(!is_of_before || origin == Origin::Adopted, "forgets that it was there before: {row:?}");
            match &wanted(&row.due.desired, &actual, origin, ABILITIES) {
                Desired::Active(profile) if profile.user_name == STRANGER => {
                    assert!(row.is_due() && row.due.stuck, "took over a stranger's name");
                }
                Desired::Active(profile) if actual == Actual::Absent => {
                    let found = accounts.with(profile.email.as_deref().unwrap_or_default());
                    let promised = |one: &Candidate| {
                        let promises = |other: &Row| other.adopting.contains(&one.native_id);
                        ledger.rows.iter().any(|other| other.due.id != row.due.id && promises(other))
                    };
                    let is_clear = matches!(&found[..], [one] if one.external_id.is_none() && !promised(one));
                    assert!(!found.is_empty() && !is_clear, "could have had an account: {row:?}");
                    assert!(row.is_due() && row.due.stuck, "nobody is asked whose account it is");
                }
                desired => {
                    assert!(!row.is_due() && !row.due.stuck, "does not settle: {row:?}");
                    assert_eq!(next_step(desired, &actual), None, "settled, but is not so");
                    let signed_in = accounts.sessions.contains(&row.due.external_id);
                    assert!(
                        matches!(desired, Desired::Active(_)) || !signed_in,
                        "closed, but still signed in"
                    );
                }
            }
            told(&row.events, &row.due.desired, &actual);
        }
        for (native_id, marks) in &accounts.adopted {
            assert_eq!(marks.len(), 1, "{native_id} was adopted by several");
            assert!(!accounts.deleted.contains(native_id), "{native_id} was there before us, and is deleted");
        }
    }
}

fn addressed(address: usize) -> String {
    format!("p{address}@x.example")
}

/// How many stories are played: more in a long run.
fn cases() -> u32 {
    if std::env::var_os("GUESTPASS_LONG").is_some() { 20_000 } else { 1_000 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn whatever_happens_in_the_end_it_is_as_desired_and_told_once(
        actions in prop::collection::vec(action(), 0..150),
    ) {
        let runtime = runtime();
        let _context = runtime.enter();
        let mut world = World::new();
        for action in actions {
            world.take(action);
        }
        world.quiesce(true);
        world.check();
    }

    #[test]
    fn where_nothing_is_late_and_nobody_meddles_no_sweep_is_needed_and_nothing_is_asked_for_twice(
        actions in prop::collection::vec(action(), 0..150),
    ) {
        let runtime = runtime();
        let _context = runtime.enter();
        let mut world = World::new();
        for action in actions {
            match action {
                Action::Meddle { .. } | Action::Sweep => {}
                Action::Turn { .. } if !world.workers.is_empty() => {}
                Action::Go { worker, mishap: Mishap::LostBefore } => world.go(worker, Mishap::LostAfter),
                action => world.take(action),
            }
        }
        world.quiesce(false);
        world.check();
        let again = &world.accounts.lock().unwrap().again;
        prop_assert!(again.is_empty(), "made again: {again:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn where_nothing_shows_our_mark_nothing_is_called_closed_that_is_open(
        actions in prop::collection::vec(action(), 0..150),
    ) {
        let runtime = runtime();
        let _context = runtime.enter();
        let mut world = World::new();
        world.accounts.lock().unwrap().only_by_id = true;
        for action in actions {
            match action {
                // What is made after it was given up is beyond all knowing.
                Action::Turn { .. } if !world.workers.is_empty() => {}
                Action::Go { worker, mishap: Mishap::LostBefore } => world.go(worker, Mishap::LostAfter),
                action => world.take(action),
            }
        }
        world.quiesce(true);
        let (ledger, accounts) = (world.ledger.lock().unwrap(), world.accounts.lock().unwrap());
        for row in &ledger.rows {
            let actual = accounts.actual(&row.due.external_id);
            let desired = wanted(&row.due.desired, &actual, row.due.origin, ABILITIES);
            prop_assert!(row.is_due() || next_step(&desired, &actual).is_none(), "settled, but is not so: {row:?}");
            prop_assert!(!row.is_due() || row.due.stuck, "neither settles nor asks: {row:?}");
        }
    }
}

/// Calls have deadlines, and deadlines want a runtime; it never gets to turn, so none comes.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// Found by chance in the stories above: what a look had seen was kept for later while it was asked whose account it
/// is to be, and nobody had an answer.
#[test]
fn what_is_gone_is_told_also_while_nobody_knows_what_comes_in_its_place() {
    let runtime = runtime();
    let _context = runtime.enter();
    let mut world = World::new();
    let wish = |address| Action::Desire { row: 0, name: 1, address, entitlements: BTreeSet::new() };
    world.take(wish(0));
    world.quiesce(false);
    world.accounts.lock().unwrap().ours.clear();
    for action in [wish(1), Action::Before { address: 1 }, Action::Before { address: 1 }] {
        world.take(action);
    }
    world.quiesce(true);
    world.check();
    assert!(world.ledger.lock().unwrap().rows[0].events.contains(&Event::Changed(Change::Gone)));
}

/// Found by chance as well: a worker that was held up adopts, while another one already asked for an account of our own.
#[test]
fn what_was_there_before_is_known_also_where_the_call_that_adopts_it_comes_late() {
    let runtime = runtime();
    let _context = runtime.enter();
    let mut world = World::new();
    let wish = |name, address| Action::Desire { row: 0, name, address, entitlements: BTreeSet::new() };
    world.take(Action::Before { address: 0 });
    world.take(wish(1, 0));
    world.claim();
    // The other account is settled; this one is about to be adopted.
    world.workers.truncate(1);
    while world.ledger.lock().unwrap().rows[0].adopting.is_empty() {
        world.go(0, Mishap::None);
    }
    world.go(0, Mishap::None);
    let late = world.workers.remove(0);
    world.take(Action::Turn { secs: 31 });
    // The name is taken, so nothing stands in the way of the call that comes late.
    world.take(wish(0, 1));
    world.quiesce(false);
    assert_eq!(world.ledger.lock().unwrap().rows[0].due.origin, Origin::Created);
    world.workers.push(late);
    world.quiesce(true);
    assert!(world.accounts.lock().unwrap().adopted.contains_key("before-0"), "the call came");
    world.take(Action::Delete { row: 0 });
    world.quiesce(true);
    world.check();
}
