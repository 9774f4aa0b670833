//! The guard against taking too much at once, by the real store: whatever is asked in whatever order, no more is taken
//! unasked than may be, an end that was written down waits for nobody, and an operator's word lets all of it pass.

use crate::account::{Desired, Profile, all_steps, changes};
use crate::audit::Entry;
use crate::clock::Clock;
use crate::names::{TargetName, UserId};
use crate::provision::converge::LEASE;
use crate::provision::target::Guard;
use crate::store::{Claimed, Counted, Counts, Due, Look, Rank, Store};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// Whose accounts there are.
const PEOPLE: usize = 16;

#[derive(Debug, Clone)]
enum Action {
    Give(usize),
    /// No date had announced it.
    Take(usize),
    /// Another policy takes it, which has a guard of its own.
    Revise(usize),
    /// A written end has come.
    End(usize),
    /// So many accounts are claimed, and brought to what they should be.
    Work(usize),
    Confirm,
    Turn(i64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => (0..PEOPLE).prop_map(Action::Give),
        6 => (0..PEOPLE).prop_map(Action::Take),
        2 => (0..PEOPLE).prop_map(Action::Revise),
        2 => (0..PEOPLE).prop_map(Action::End),
        4 => prop::sample::select(vec![1, 3, PEOPLE]).prop_map(Action::Work),
        1 => Just(Action::Confirm),
        2 => prop::sample::select(vec![1, 40, 90]).prop_map(Action::Turn),
    ]
}

/// What a person should have, as the guard is to see it.
struct Person {
    user: UserId,
    /// When something was taken that no date had announced, if that was the last word, or what was said since does
    /// not settle it.
    taken: Option<Timestamp>,
    waits: bool,
    /// Whether it is to be open, and whether it was when last seen.
    wanted: bool,
    open: bool,
}

struct World {
    store: Store,
    clock: Clock,
    target: TargetName,
    guard: Guard,
    people: Vec<Person>,
    confirmed: Timestamp,
    held: bool,
}

impl World {
    async fn new() -> Self {
        let clock = Clock::turned("2026-03-02T09:00:00Z".parse().unwrap());
        let store = Store::for_tests(clock.now()).await;
        let target: TargetName = "wiki".parse().unwrap();
        let mut tx = store.begin(clock.now()).await.unwrap();
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            let name = format!("p-{number}");
            let vault = tx.vault("https://login.example.com", &name).await.unwrap();
            let user = tx.add_user(vault).await.unwrap();
            tx.add_account(user, &target, &name, &open()).await.unwrap();
            people.push(Person { user, taken: None, waits: true, wanted: true, open: false });
        }
        tx.commit(&Entry::for_tests()).await.unwrap();
        let guard = json!({ "share": "20%", "at-least": 3, "within": "1h" });
        let guard = serde_json::from_value(guard).unwrap();
        Self { store, clock, target, guard, people, confirmed: Timestamp::MIN, held: false }
    }

    async fn take(&mut self, action: Action) {
        // No two things are done in one moment.
        self.clock.advance(SignedDuration::from_secs(1));
        let now = self.clock.now();
        match action {
            Action::Give(person) => self.desire(person, &open(), Counts::Yes).await,
            Action::Take(person) => self.desire(person, &Desired::closed(), Counts::Yes).await,
            Action::Revise(person) => self.desire(person, &Desired::closed(), Counts::AsBefore).await,
            Action::End(person) => self.desire(person, &Desired::closed(), Counts::No).await,
            Action::Work(room) => self.work(room).await,
            Action::Confirm => {
                let mut tx = self.store.begin(now).await.unwrap();
                tx.confirm_target(&self.target).await.unwrap();
                tx.commit(&Entry::for_tests()).await.unwrap();
                self.confirmed = now;
                self.work(PEOPLE).await;
                assert!(self.people.iter().all(|person| !person.waits), "confirmed, and still waits");
            }
            Action::Turn(minutes) => self.clock.advance(SignedDuration::from_mins(minutes)),
        }
    }

    async fn desire(&mut self, person: usize, desired: &Desired, counts: Counts) {
        let person = &mut self.people[person];
        let opens = matches!(desired, Desired::Active(_));
        let rank = if opens { Rank::Give } else { Rank::Take };
        let taken = match counts {
            Counts::Yes if !opens => Some(self.clock.now()),
            Counts::AsBefore if person.waits => person.taken,
            _ => None,
        };
        let mut tx = self.store.begin(self.clock.now()).await.unwrap();
        let standing = tx.standing_accounts(person.user).await.unwrap();
        tx.desire(person.user, &standing[0], desired, rank, counts).await.unwrap();
        tx.commit(&Entry::for_tests()).await.unwrap();
        (person.taken, person.waits, person.wanted) = (taken, true, opens);
    }

    async fn work(&mut self, room: usize) {
        let now = self.clock.now();
        let since = self.guard.since(now);
        let unasked = |person: &Person| person.taken.filter(|at| *at > self.confirmed);
        let counts = |person: &&Person| unasked(person).is_some_and(|at| person.waits || at > since);
        let number = self.people.iter().filter(counts).count() as u64;
        // What was closed before is no part of what there is to lose.
        let there = |person: &&Person| person.open || person.wanted || counts(person);
        let of = self.people.iter().filter(there).count() as u64;
        let may_pass = self.guard.is_few(number) || self.guard.lets_pass(number, of);
        let counted = Counted {
            since,
            is_few: &|taken| self.guard.is_few(taken),
            lets_pass: &|taken, of| self.guard.lets_pass(taken, of),
        };
        let claimed =
            self.store.bookkeep().claim_due(&self.target, now, LEASE, room, &counted).await.unwrap();
        let Claimed { due, taken, held } = claimed;
        assert_eq!(taken, number);
        assert!(may_pass || held, "{number} would be taken at once");
        let waits = self.people.iter().any(|person| person.waits && unasked(person).is_some());
        assert!(held || !(self.held && waits), "time lets it through");
        for due in &due {
            let person = self.people.iter().find(|person| person.user == due.user).unwrap();
            assert!(!held || unasked(person).is_none(), "taken while the guard holds it");
        }
        if due.len() < room {
            let left = |person: &&Person| person.waits && !due.iter().any(|due| due.user == person.user);
            let mut left = self.people.iter().filter(left);
            assert!(
                left.all(|person| held && unasked(person).is_some()),
                "held up what nobody has to confirm"
            );
        }
        self.held = held;
        for due in due {
            self.done(&due).await;
            let person = self.people.iter_mut().find(|person| person.user == due.user).unwrap();
            (person.waits, person.open) = (false, matches!(due.desired, Desired::Active(_)));
        }
    }

    /// Records that an account was brought to what it should have been when it was claimed.
    async fn done(&self, due: &Due) {
        let steps = all_steps(&due.desired, &due.seen);
        let seen = steps.iter().fold(due.seen.clone(), |seen, step| seen.after(step));
        let changes = changes(&due.seen, &seen, &due.desired);
        let look = Look { seen, changes, after: steps.last().cloned(), was_before: false, settled: true };
        assert!(self.store.looked(due, &look, self.clock.now()).await.unwrap());
    }

    async fn claim(&self) -> Vec<Due> {
        let counted = Counted { since: Timestamp::MIN, is_few: &|_| true, lets_pass: &|_, _| true };
        let (books, now) = (self.store.bookkeep(), self.clock.now());
        books.claim_due(&self.target, now, LEASE, PEOPLE, &counted).await.unwrap().due
    }
}

fn open() -> Desired {
    Desired::Active(Profile { user_name: "ada".to_owned(), ..Profile::default() })
}

/// How many stories are played: more in a long run.
fn cases() -> u32 {
    if std::env::var_os("GUESTPASS_LONG").is_some() { 1_000 } else { 48 }
}

// By a runner of its own, which plays as many as we say: each has a store.
#[test]
fn no_more_is_taken_unasked_than_may_be() {
    let plays = |actions: Vec<Action>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new().await;
            world.work(PEOPLE).await;
            for action in actions {
                world.take(action).await;
            }
            world.take(Action::Confirm).await;
        });
        Ok(())
    };
    let stories = prop::collection::vec(action(), 0..60);
    TestRunner::new(ProptestConfig::with_cases(cases())).run(&stories, plays).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_between_the_count_and_the_claim_was_counted_all_the_same() {
    let mut world = World::new().await;
    world.work(PEOPLE).await;
    for person in 0..4 {
        world.take(Action::Take(person)).await;
    }
    let (store, clock, target) = (world.store.clone(), world.clock.clone(), world.target.clone());
    let later = Arc::new(tokio::sync::Mutex::new(world));
    let counts = AtomicUsize::new(0);
    let lets_pass = |taken, _| {
        if counts.fetch_add(1, Ordering::AcqRel) == 0 {
            let world = later.clone();
            let mut takes = tokio::spawn(async move { world.lock().await.take(Action::Take(4)).await });
            // With SQLite it has to wait until the claim is made.
            let waits = tokio::time::timeout(Duration::from_millis(200), &mut takes);
            let _ = tokio::task::block_in_place(|| Handle::current().block_on(waits));
        }
        taken <= 4
    };
    let now = clock.now() + SignedDuration::from_mins(1);
    let counted = Counted { since: Timestamp::MIN, is_few: &|_| true, lets_pass: &lets_pass };
    let claimed = store.bookkeep().claim_due(&target, now, LEASE, PEOPLE, &counted).await.unwrap();
    assert_eq!((claimed.held, claimed.due.len()), if claimed.taken > 4 { (true, 0) } else { (false, 4) });
    assert!(counts.load(Ordering::Acquire) > 0);
}

#[tokio::test]
async fn what_is_desired_while_a_worker_is_at_it_is_yet_to_be_done() {
    let mut world = World::new().await;
    let claimed = world.claim().await;
    assert_eq!(claimed.len(), PEOPLE);
    world.take(Action::Take(3)).await;
    for due in &claimed {
        world.done(due).await;
    }
    // Whatever the window: it is counted for as long as it is not done.
    assert_eq!(world.store.narrowed(&world.target, Timestamp::MAX).await.unwrap(), 1);
    let left = world.claim().await;
    assert_eq!(left.iter().map(|due| due.user).collect::<Vec<_>>(), [world.people[3].user]);
    assert_eq!(left[0].desired, Desired::closed());
    world.done(&left[0]).await;
    assert_eq!(world.store.narrowed(&world.target, Timestamp::MAX).await.unwrap(), 0);
    assert!(world.claim().await.is_empty());
}
