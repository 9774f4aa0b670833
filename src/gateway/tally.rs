//! How many requests for each app went how, and how long the answers took to begin. What is counted for each request
//! every worker counts for itself, so that none waits for another, and nothing is looked up; it is added up when somebody
//! asks. What was counted stays when the configuration changes.

use super::app::Rule;
use crate::metrics::Spread;
use crate::names::AppName;
use arc_swap::ArcSwap;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Until how many microseconds an answer belongs into which heap; one more is for what takes longer.
const HEAPS: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// It went on to the app, and got an answer.
    Permitted,
    /// It was kept out, or the app gave no answer.
    Refused,
    /// It was sent to sign in.
    SentToSignIn,
    /// It would have been kept out, and went on: the app is observed.
    Observed,
}

/// The counts of all apps, and of requests for none. Cheap to clone.
#[derive(Clone)]
pub struct Tallies(Arc<Shared>);

struct Shared {
    lanes: usize,
    apps: ArcSwap<BTreeMap<AppName, Arc<Tally>>>,
    nowhere: Arc<Tally>,
}

/// The counts of one app.
pub(super) struct Tally {
    lanes: Box<[Lane]>,
    /// What is not the rule, by its reason.
    others: Mutex<BTreeMap<(Decision, &'static str), u64>>,
}

/// The counts of one worker, which nobody else writes: aligned so that no two share a line of a cache.
#[repr(align(128))]
#[derive(Default)]
struct Lane {
    /// By rule, in the order of [`Rule::WORDS`].
    permitted: [AtomicU64; Rule::WORDS.len()],
    heaps: [AtomicU64; HEAPS.len() + 1],
    /// All that they took, in microseconds.
    took: AtomicU64,
}

/// The counts of one app, added up.
pub struct Count {
    /// Which; none for requests that are for no app.
    pub app: Option<AppName>,
    /// How many requests, by what became of them and why.
    pub requests: Vec<(Decision, &'static str, u64)>,
    /// How long permitted requests took until their answer began.
    pub took: Spread,
}

impl Decision {
    /// The word that logs and metrics have for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::Refused => "refused",
            Self::SentToSignIn => "sent_to_sign_in",
            Self::Observed => "observed",
        }
    }
}

impl Tallies {
    /// For so many workers.
    pub fn new(lanes: usize) -> Self {
        let lanes = lanes.max(1);
        Self(Arc::new(Shared { lanes, apps: ArcSwap::default(), nowhere: Tally::new(lanes) }))
    }

    /// The counts of `app`.
    pub(super) fn of(&self, app: &AppName) -> Arc<Tally> {
        if let Some(tally) = self.0.apps.load().get(app) {
            return tally.clone();
        }
        let fresh = Tally::new(self.0.lanes);
        let add = |apps: &Arc<BTreeMap<AppName, Arc<Tally>>>| {
            let mut apps = BTreeMap::clone(apps);
            apps.entry(app.clone()).or_insert_with(|| fresh.clone());
            apps
        };
        self.0.apps.rcu(add);
        self.0.apps.load().get(app).cloned().unwrap_or(fresh)
    }

    /// The counts of requests that are for no app.
    pub(super) fn nowhere(&self) -> &Tally {
        &self.0.nowhere
    }

    /// All that was counted.
    pub fn counts(&self) -> Vec<Count> {
        let apps = self.0.apps.load();
        let apps = apps.iter().map(|(app, tally)| tally.count(Some(app.clone())));
        apps.chain([self.0.nowhere.count(None)]).collect()
    }
}

impl Tally {
    fn new(lanes: usize) -> Arc<Self> {
        let lanes = (0..lanes).map(|_| Lane::default()).collect();
        Arc::new(Self { lanes, others: Mutex::default() })
    }

    /// A request of the worker `lane` was permitted by this rule, and has its answer after so long.
    pub(super) fn permitted(&self, lane: usize, rule: &Rule, took: SignedDuration) {
        let Some(lane) = self.lanes.get(lane) else { return };
        let micros = u64::try_from(took.as_micros()).unwrap_or(0);
        let heap = HEAPS.iter().position(|most| micros <= *most).unwrap_or(HEAPS.len());
        add(&lane.permitted[rule.place()], 1);
        add(&lane.heaps[heap], 1);
        add(&lane.took, micros);
    }

    /// Something else became of a request, for this reason.
    pub(super) fn other(&self, decision: Decision, reason: &'static str) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        *others.entry((decision, reason)).or_default() += 1;
    }

    fn count(&self, app: Option<AppName>) -> Count {
        let sum = |of: &dyn Fn(&Lane) -> &AtomicU64| -> u64 {
            self.lanes.iter().map(|lane| of(lane).load(Ordering::Relaxed)).sum()
        };
        let permitted = Rule::WORDS.iter().enumerate();
        let permitted =
            permitted.map(|(at, rule)| (Decision::Permitted, *rule, sum(&|lane| &lane.permitted[at])));
        let mut requests: Vec<_> = permitted.filter(|(.., count)| *count > 0).collect();
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        requests.extend(others.iter().map(|((decision, reason), count)| (*decision, *reason, *count)));
        let bounds = HEAPS.iter().map(|most| seconds(*most)).chain([f64::INFINITY]);
        let heaps: Vec<_> =
            bounds.enumerate().map(|(at, most)| (most, sum(&|lane| &lane.heaps[at]))).collect();
        Count { app, requests, took: Spread { sum: seconds(sum(&|lane| &lane.took)), heaps } }
    }
}

/// Adds to what no other thread writes: a load and a store, which cost less than an atomic addition.
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_count_for_themselves_and_it_is_added_up() {
        let tallies = Tallies::new(2);
        let wiki: AppName = "wiki".parse().unwrap();
        let tally = tallies.of(&wiki);
        assert!(Arc::ptr_eq(&tally, &tallies.of(&wiki)));
        for (lane, micros) in [(0, 0), (1, 1_000), (1, 1_001), (0, 60_000_000), (7, 5)] {
            tally.permitted(lane, &Rule::AnyRole, SignedDuration::from_micros(micros));
        }
        tally.permitted(0, &Rule::Public, SignedDuration::from_micros(-3));
        tally.other(Decision::Refused, "no_role");
        tallies.nowhere().other(Decision::Refused, "unknown_host");

        let counts = tallies.counts();
        let [Count { app: Some(app), requests, took }, Count { app: None, requests: nowhere, .. }] =
            &counts[..]
        else {
            panic!("{}", counts.len())
        };
        assert_eq!(*app, wiki);
        let permitted = Decision::Permitted;
        assert_eq!(
            requests,
            &[(permitted, "public", 1), (permitted, "role", 4), (Decision::Refused, "no_role", 1)]
        );
        assert_eq!(nowhere, &[(Decision::Refused, "unknown_host", 1)]);
        assert_eq!((took.count(), took.sum), (5, 60.002_001));
        assert_eq!((took.heaps[0], took.heaps[1], took.heaps[13].1), ((0.001, 3), (0.0025, 1), 1));
    }
}
