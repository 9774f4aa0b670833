//! Rounds in which everybody has a turn, and the median of them.

use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many turns everybody has.
const ROUNDS: usize = 31;

/// How long a turn takes, about.
const TURN: Duration = Duration::from_millis(20);

/// Something that is measured.
pub(crate) struct Subject<'a> {
    name: &'static str,
    /// Does it so often, and says how long that took.
    run: Box<dyn FnMut(u32) -> Duration + 'a>,
    times: u32,
}

impl<'a> Subject<'a> {
    /// Something small, done as often as fits into a turn.
    pub(crate) fn new(name: &'static str, mut run: impl FnMut(u32) -> Duration + 'a) -> Self {
        let mut times = 1;
        while run(times) < TURN / 2 {
            times *= 2;
        }
        Self { name, run: Box::new(run), times }
    }

    /// Something large, done once a turn.
    pub(crate) fn once(name: &'static str, mut run: impl FnMut() + 'a) -> Self {
        let run = move |_| {
            let start = Instant::now();
            run();
            start.elapsed()
        };
        Self { name, run: Box::new(run), times: 1 }
    }
}

/// What each takes once, in nanoseconds: the median of all rounds.
pub(crate) fn medians(mut subjects: Vec<Subject<'_>>) -> BTreeMap<String, f64> {
    let mut taken: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for Subject { name, run, times } in &mut subjects {
            let once = run(*times).as_secs_f64() * 1e9 / f64::from(*times);
            taken.entry(name).or_default().push(once);
        }
    }
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    taken.into_iter().map(|(name, all)| (name.to_owned(), median(all))).collect()
}

/// Leaves the figures in `target/bench/policy.json`.
pub(crate) fn write(ns: &BTreeMap<String, f64>, cedar: f64, cel: f64) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&folder).unwrap();
    let figures = json!({ "ns": ns, "ratio": { "cedar": cedar, "cel": cel } });
    std::fs::write(folder.join("policy.json"), format!("{figures:#}\n")).unwrap();
}
