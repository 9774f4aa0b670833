//! The worker over a store of its own, against connectors that do as they are told.

mod lost;

use self::lost::Lost;
use super::super::connector::{Abilities, By, Call, Connector};
use super::super::link::Link;
use super::super::target::Treatment;
use super::*;
use crate::account::{Candidate, Desired, Profile, Step};
use crate::audit::Entry;
use crate::names::UserId;
use crate::provision::connector::{Key, RetryAfter};
use crate::seal::random_text;
use crate::store::{Counts, Rank};
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// A target in memory, as good as its mood.
#[derive(Default)]
struct Moody {
    accounts: Mutex<HashMap<String, Actual>>,
    looks: AtomicI64,
    /// Every call waits for this, if there is one.
    gate: Option<Notify>,
    throttles: Mutex<Option<RetryAfter>>,
    /// Whether it rejects our token.
    refuses: Mutex<bool>,
    /// What a search finds, whatever is searched for.
    before: Mutex<Vec<Candidate>>,
    /// Whether it fails, whoever asks.
    breaks: AtomicBool,
    /// Whether what speaks to it breaks over the next answer.
    panics: AtomicBool,
    /// Whether an account is found by the id alone that it was given, and what befalls the first that is made.
    only_by_id: Option<Lost>,
}

impl Connector for Moody {
    fn abilities(&self) -> Abilities {
        let only_by_id = self.only_by_id.is_some();
        Abilities { link: !only_by_id, unmarked: true, only_by_id, ..Abilities::default() }
    }

    fn matching<'a>(&'a self, _: &'a By) -> BoxFuture<'a, Result<Vec<Candidate>, Fault>> {
        Box::pin(async { Ok(self.before.lock().unwrap().clone()) })
    }

    fn calls(&self, _: &Step) -> Vec<Call> {
        Vec::new()
    }

    fn observe<'a>(&'a self, key: &'a Key, _: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>> {
        Box::pin(async {
            self.looks.fetch_add(1, Ordering::AcqRel);
            if let Some(gate) = &self.gate {
                gate.notified().await;
            }
            if let Some(after) = self.throttles.lock().unwrap().take() {
                return Err(Fault::Throttled(Some(after)));
            }
            assert!(!self.panics.swap(false, Ordering::AcqRel), "a library breaks");
            if self.breaks.load(Ordering::Acquire) {
                return Err(Fault::transient("503"));
            }
            if *self.refuses.lock().unwrap() {
                return Err(Fault::AuthFailed("401".into()));
            }
            let found = self.accounts.lock().unwrap().get(&key.external_id).cloned();
            let known =
                |found: &Actual| self.only_by_id.is_none() || found.native_id() == key.native_id.as_deref();
            Ok(found.filter(known).unwrap_or(Actual::Absent))
        })
    }

    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            let mut accounts = self.accounts.lock().unwrap();
            if let Step::Adopt { native_id } = step {
                if self.only_by_id.is_some() {
                    return Ok(Some(native_id.clone()));
                }
                let profile = Profile { user_name: native_id.clone(), ..Profile::default() };
                let mut adopted = Actual::Absent.after(&Step::Create(profile));
                if let Actual::Present(seen) = &mut adopted {
                    seen.native_id.clone_from(native_id);
                }
                accounts.insert(key.external_id.clone(), adopted);
                return Ok(None);
            }
            if let (Step::Create(profile), Some(lost)) = (step, &self.only_by_id) {
                return self.make(&mut accounts, key, profile, lost);
            }
            let before = accounts.remove(&key.external_id).unwrap_or(Actual::Absent);
            accounts.insert(key.external_id.clone(), before.after(step));
            Ok(None)
        })
    }
}

fn target(moody: &Arc<Moody>) -> Arc<Target> {
    let link = Link { email: vec!["example.com".into()], ..Link::default() };
    let treatment = Treatment { link, ..Treatment::default() };
    Arc::new(Target::new(Arc::clone(moody) as Arc<dyn Connector>, treatment))
}

struct Bench {
    store: Store,
    clock: Clock,
    targets: watch::Sender<Targets>,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Bench {
    async fn new(targets: &[(&str, &Arc<Moody>)]) -> Self {
        let clock = Clock::turned("2026-03-02T09:00:00Z".parse().unwrap());
        let (store, stop) = (Store::for_tests(clock.now()).await, CancellationToken::new());
        let named = |(name, moody): &(&str, &Arc<Moody>)| (name.parse().unwrap(), target(moody));
        let targets = watch::Sender::new(targets.iter().map(named).collect());
        let mut running = JoinSet::new();
        running.spawn(run(store.clone(), clock.clone(), targets.subscribe(), None, stop.clone()));
        Self { store, clock, targets, stop, running }
    }

    /// Wants an account of somebody new.
    async fn want(&self, target: &str) -> UserId {
        self.want_of(target, Profile::default()).await
    }

    /// Wants an account of somebody new that looks like this.
    async fn want_of(&self, target: &str, profile: Profile) -> UserId {
        let user_name = random_text();
        let mut tx = self.store.begin(self.clock.now()).await.unwrap();
        let vault = tx.vault("https://login.example.com", &user_name).await.unwrap();
        let user = tx.add_user(vault).await.unwrap();
        let desired = Desired::Active(Profile { user_name: user_name.clone(), ..profile });
        tx.add_account(user, &target.parse().unwrap(), &user_name, &desired).await.unwrap();
        tx.commit(&Entry::for_tests()).await.unwrap();
        user
    }

    /// Wants it disabled.
    async fn disable(&self, user: UserId) {
        let mut tx = self.store.begin(self.clock.now()).await.unwrap();
        let standing = tx.standing_accounts(user).await.unwrap();
        let disabled = Desired::closed();
        tx.desire(user, &standing[0], &disabled, Rank::Take, Counts::Yes).await.unwrap();
        tx.commit(&Entry::for_tests()).await.unwrap();
    }

    /// Waits until `target` has nothing due.
    async fn quiet(&self, target: &str) {
        let target = target.parse().unwrap();
        for _ in 0..10_000 {
            if !self.store.has_due(&target, Timestamp::MAX).await.unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("not quiet within twenty seconds");
    }
}

async fn soon(mut so: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("not within twenty seconds");
}

fn has(moody: &Moody, accounts: usize) -> bool {
    moody.accounts.lock().unwrap().len() == accounts
}

#[tokio::test]
async fn a_target_that_hangs_holds_up_nobody_else() {
    let (hangs, wiki) = (Arc::new(Moody { gate: Some(Notify::new()), ..Moody::default() }), Arc::default());
    let bench = Bench::new(&[("hangs", &hangs), ("wiki", &wiki)]).await;
    for _ in 0..20 {
        bench.want("hangs").await;
    }
    bench.want("wiki").await;
    soon(|| has(&wiki, 1)).await;
    soon(|| hangs.looks.load(Ordering::Acquire) == 8).await;
}

#[tokio::test]
async fn what_is_wanted_later_wakes_it_and_time_does_too() {
    let wiki: Arc<Moody> = Arc::default();
    let bench = Bench::new(&[("wiki", &wiki)]).await;
    let user = bench.want("wiki").await;
    bench.quiet("wiki").await;
    *wiki.throttles.lock().unwrap() = Some(RetryAfter::In(SignedDuration::from_secs(60)));
    bench.disable(user).await;
    soon(|| wiki.throttles.lock().unwrap().is_none()).await;

    // The whole target rests now, whatever else is wanted of it.
    let looks = wiki.looks.load(Ordering::Acquire);
    bench.want("wiki").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(wiki.looks.load(Ordering::Acquire), looks);
    bench.clock.advance(SignedDuration::from_secs(62));
    bench.quiet("wiki").await;
    assert!(has(&wiki, 2));
}

#[tokio::test]
async fn it_stops_after_the_call_under_way_and_gives_the_rest_back() {
    let wiki = Arc::new(Moody { gate: Some(Notify::new()), ..Moody::default() });
    let mut bench = Bench::new(&[("wiki", &wiki)]).await;
    bench.want("wiki").await;
    soon(|| wiki.looks.load(Ordering::Acquire) == 1).await;
    bench.stop.cancel();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(bench.running.try_join_next().is_none());
    wiki.gate.as_ref().unwrap().notify_one();
    bench.running.join_next().await.unwrap().unwrap();
    assert!(has(&wiki, 0));
    let counted = Counted { since: bench.clock.now(), is_few: &|_| true, lets_pass: &|_, _| true };
    let again = bench
        .store
        .bookkeep()
        .claim_due(&"wiki".parse().unwrap(), bench.clock.now(), LEASE, 1, &counted)
        .await
        .unwrap();
    assert_eq!(again.due.len(), 1);
}

#[tokio::test]
async fn another_connector_begins_when_the_call_of_the_old_one_has_ended() {
    let (old, new) = (Arc::new(Moody { gate: Some(Notify::new()), ..Moody::default() }), Arc::default());
    let other: Arc<Moody> = Arc::default();
    let bench = Bench::new(&[("wiki", &old), ("other", &other)]).await;
    bench.want("wiki").await;
    soon(|| old.looks.load(Ordering::Acquire) == 1).await;
    let replacing = target(&new);
    bench.targets.send_modify(|targets| {
        targets.insert("wiki".parse().unwrap(), replacing);
    });
    bench.want("other").await;
    bench.quiet("other").await;
    assert_eq!((has(&other, 1), new.looks.load(Ordering::Acquire)), (true, 0));
    old.gate.as_ref().unwrap().notify_one();
    bench.quiet("wiki").await;
    assert!(has(&new, 1) && has(&old, 0));

    // Taken out, and put back: what came up meanwhile is done then.
    bench.targets.send_modify(|targets| drop(targets.remove("wiki")));
    bench.want("wiki").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(has(&new, 1));
    let again = target(&new);
    bench.targets.send_modify(|targets| {
        targets.insert("wiki".parse().unwrap(), again);
    });
    bench.quiet("wiki").await;
    assert!(has(&new, 2));
}

#[tokio::test]
async fn what_was_refused_is_tried_again_when_the_target_is_changed() {
    let (old, new): (Arc<Moody>, Arc<Moody>) = (Arc::default(), Arc::default());
    let bench = Bench::new(&[("wiki", &old)]).await;
    *old.refuses.lock().unwrap() = true;
    bench.want("wiki").await;
    let stuck = async || {
        bench.store.account_rows(None, None, 100).await.unwrap().iter().any(|row| row.failing.is_some())
    };
    for _ in 0..1000 {
        if stuck().await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let replacing = target(&new);
    bench.targets.send_modify(|targets| {
        targets.insert("wiki".parse().unwrap(), replacing);
    });
    bench.quiet("wiki").await;
    assert!(has(&new, 1), "it waited for its next try");
}

#[tokio::test]
async fn what_is_taken_goes_first_and_from_those_who_may_do_much_before_others() {
    let wiki: Arc<Moody> = Arc::default();
    let bench = Bench::new(&[]).await;
    let mut users = Vec::new();
    for _ in 0..4 {
        users.push(bench.want("wiki").await);
    }
    for (user, rank) in [(users[1], Rank::Take), (users[3], Rank::TakePrivileged)] {
        let mut tx = bench.store.begin(bench.clock.now()).await.unwrap();
        let standing = tx.standing_accounts(user).await.unwrap();
        let disabled = Desired::closed();
        tx.desire(user, &standing[0], &disabled, rank, Counts::No).await.unwrap();
        tx.commit(&Entry::for_tests()).await.unwrap();
    }
    let counted = Counted { since: bench.clock.now(), is_few: &|_| true, lets_pass: &|_, _| true };
    let mut order = Vec::new();
    for _ in 0..4 {
        let target = "wiki".parse().unwrap();
        let now = bench.clock.now();
        let claimed = bench.store.bookkeep().claim_due(&target, now, LEASE, 1, &counted).await.unwrap();
        order.push(claimed.due[0].user);
    }
    assert_eq!(order[..2], [users[3], users[1]]);
    assert!(has(&wiki, 0));
}

#[tokio::test]
async fn a_target_that_fails_for_everybody_is_left_alone_and_then_asked_by_one() {
    let wiki: Arc<Moody> = Arc::default();
    let bench = Bench::new(&[("wiki", &wiki)]).await;
    wiki.breaks.store(true, Ordering::Release);
    for _ in 0..20 {
        bench.want("wiki").await;
    }
    let target = bench.targets.borrow()[&"wiki".parse::<TargetName>().unwrap()].clone();
    soon(|| target.condition(bench.clock.now()).paused_until.is_some()).await;
    let looks = wiki.looks.load(Ordering::Acquire);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(wiki.looks.load(Ordering::Acquire), looks, "nobody asks");
    assert_eq!(target.room(), 1);
    wiki.breaks.store(false, Ordering::Release);
    soon(|| {
        bench.clock.advance(SignedDuration::from_secs(10));
        has(&wiki, 20)
    })
    .await;
    bench.quiet("wiki").await;
    assert!(has(&wiki, 20) && target.room() == 8);
}

#[tokio::test]
async fn what_breaks_over_an_answer_is_told_and_tried_again() {
    let wiki: Arc<Moody> = Arc::default();
    wiki.panics.store(true, Ordering::Release);
    let bench = Bench::new(&[("wiki", &wiki)]).await;
    bench.want("wiki").await;
    let mut told = None;
    for _ in 0..1000 {
        told = bench.store.account_rows(None, None, 100).await.unwrap().remove(0).failure;
        if told.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(told.is_some_and(|words| words.contains("broke over an answer")));
    bench.clock.advance(SignedDuration::from_secs(5));
    bench.quiet("wiki").await;
    assert!(has(&wiki, 1));
}

#[tokio::test]
async fn an_account_that_is_somebodys_is_not_given_to_who_has_their_address_now() {
    let wiki: Arc<Moody> = Arc::default();
    // As of a target that has no room for our mark: nothing shows whose it is.
    wiki.before.lock().unwrap().push(Candidate {
        native_id: "u-1".into(),
        user_name: "ada".into(),
        email: Some("ada@example.com".into()),
        active: true,
        external_id: None,
    });
    let bench = Bench::new(&[("wiki", &wiki)]).await;
    let profile = || Profile { email: Some("ada@example.com".into()), ..Profile::default() };
    bench.want_of("wiki", profile()).await;
    bench.quiet("wiki").await;
    assert!(has(&wiki, 1));
    bench.want_of("wiki", profile()).await;
    let mut told = None;
    for _ in 0..1000 {
        told =
            bench.store.account_rows(None, None, 100).await.unwrap().into_iter().find_map(|row| row.failure);
        if told.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(told.is_some_and(|words| words.contains("somebody else's already")));
    assert!(has(&wiki, 1));
}
