//! What a decision costs: `cargo bench --bench policy`. The same policy is asked in three formulations, ours, Cedar's and
//! one CEL expression a rule, in turns, so that whatever else the machine does meets all of them alike.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

mod cedar;
mod cel_only;
mod measure;
mod workload;

use guestpass::identity::ClaimSet;
use guestpass::policy::Policy;
use jiff::Timestamp;
use measure::{Subject, medians};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;
use workload::Workload;

/// That of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What must not cost more, in nanoseconds.
const BARS: [(&str, f64); 3] = [("usual", 5e3), ("large", 50e3), ("load-large", 1e9)];

fn main() -> ExitCode {
    let now: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
    let (usual, large, costly) = (Workload::usual(), Workload::large(), Workload::costly());
    let people = [usual.person(), large.person(), costly.person()];
    let policies = [usual.policy(), large.policy(), costly.policy()];
    let mut cedar = cedar::Peer::start(&usual);
    let cel = cel_only::Rules::of(&usual);
    let roles = granted(&policies[0], &people[0], now);
    assert_eq!((&cedar.roles, &cel.roles(&people[0])), (&roles, &roles), "not the same policy");

    let ask = |number: usize| {
        let (policy, person) = (&policies[number], &people[number]);
        move |times: u32| {
            let start = Instant::now();
            (0..times).for_each(|_| drop(black_box(policy.evaluate(black_box(person), now))));
            start.elapsed()
        }
    };
    let mut ns: BTreeMap<String, f64> = medians(vec![
        Subject::new("usual", ask(0)),
        Subject::new("usual-cedar", |times| cedar.ask(times)),
        Subject::new("usual-cel", |times| cel.ask(&people[0], times)),
        Subject::new("large", ask(1)),
        Subject::new("costly", ask(2)),
    ]);
    ns.extend(medians(vec![Subject::once("load-large", || drop(black_box(large.policy())))]));

    println!("{:<14}{:>14}", "", "median");
    for (name, median) in &ns {
        println!(
            "{name:<14}{:>14}  {}",
            in_words(*median),
            workload::ABOUT.iter().find(|(known, _)| known == name).map_or("", |(_, about)| about)
        );
    }
    let ratio = |peer: &str| ns[peer] / ns["usual"];
    let (cedar, cel) = (ratio("usual-cedar"), ratio("usual-cel"));
    println!(
        "The same policy takes Cedar {cedar:.1} times as long, and one CEL expression a rule {cel:.1} times."
    );
    measure::write(&ns, cedar, cel);

    let missed: Vec<_> = BARS.iter().filter(|(name, bar)| ns[*name] > *bar).collect();
    for (name, bar) in &missed {
        println!("MISSED {name}: {} is more than {}", in_words(ns[*name]), in_words(*bar));
    }
    if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn granted(policy: &Policy, person: &ClaimSet, now: Timestamp) -> Vec<String> {
    let mut roles: Vec<_> =
        policy.evaluate(person, now).granted().map(|terms| terms.role.to_string()).collect();
    roles.sort();
    roles
}

fn in_words(ns: f64) -> String {
    match ns {
        ..1e3 => format!("{ns:.0} ns"),
        ..1e6 => format!("{:.2} µs", ns / 1e3),
        _ => format!("{:.1} ms", ns / 1e6),
    }
}
