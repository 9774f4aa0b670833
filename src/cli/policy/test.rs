//! `guestpass policy test`

use crate::cli::At;
use crate::clock::Clock;
use crate::config::{Policies, count, failures, report};
use crate::document::Mistakes;
use crate::policy::{CaseOutcome, Untouched};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// Runs the examples that the policy files carry, and names the rules that none of them touches. Exit code 1 where one
/// does not hold.
#[derive(Args)]
pub(super) struct Test {
    #[command(flatten)]
    at: At,
    /// Let a rule that no example touches be a failure, too
    #[arg(long)]
    coverage: bool,
    /// Write the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Test {
    pub(super) fn run(self) -> ExitCode {
        let mut mistakes = Mistakes::default();
        let policies = Policies::load(&self.at.config, &mut mistakes);
        eprint!("{}", report(&mistakes));
        let Some(Policies { policy, groups, .. }) = policies else { return ExitCode::FAILURE };
        let examples = policy.run_cases(Clock::system().now(), &groups);
        let (untouched, rules) = policy.untouched(&examples);
        let failures = failures(&examples);
        if self.json {
            let failed = examples.iter().filter(|example| !example.passed()).count();
            println!(
                "{}",
                json!({
                    "policy": policy.version().to_string(),
                    "passed": examples.len() - failed,
                    "failed": failed,
                    "examples": examples,
                    "rules": rules,
                    "untouched": untouched,
                })
            );
        } else {
            eprint!("{failures}");
            if failures.is_empty() {
                println!("{} passed (policy {}).", count(examples.len(), "example"), policy.version());
            }
            print!("{}", coverage(&untouched, rules));
        }
        let holds = examples.iter().all(CaseOutcome::passed) && (untouched.is_empty() || !self.coverage);
        if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The rules that no example touches, a line each; empty where there are none.
fn coverage(untouched: &[Untouched], rules: usize) -> String {
    if untouched.is_empty() {
        return String::new();
    }
    let verb = if untouched.len() == 1 { "is" } else { "are" };
    let head = format!("{} of {} {verb} touched by no example:\n", untouched.len(), count(rules, "rule"));
    let line = |Untouched { file, line, rule }: &Untouched| format!("  {file}:{line}: {rule}\n");
    head + &untouched.iter().map(line).collect::<String>()
}
