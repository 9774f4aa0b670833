//! `guestpass policy`

use super::At;
use crate::clock::Clock;
use crate::config::{Policies, count, failures, report};
use crate::document::Mistakes;
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Works on policies; needs no secret and changes nothing.
#[derive(Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the examples that the policy files carry
    Test {
        #[command(flatten)]
        at: At,
    },
}

impl Policy {
    pub(super) fn run(self) -> ExitCode {
        let Verb::Test { at } = self.verb;
        let mut mistakes = Mistakes::default();
        let policies = Policies::load(&at.config, &mut mistakes);
        eprint!("{}", report(&mistakes));
        let Some(Policies { policy, groups }) = policies else { return ExitCode::FAILURE };
        let examples = policy.run_cases(Clock::system().now(), &groups);
        let failures = failures(&examples);
        eprint!("{failures}");
        if !failures.is_empty() {
            return ExitCode::FAILURE;
        }
        println!("{} passed (policy {}).", count(examples.len(), "example"), policy.version());
        ExitCode::SUCCESS
    }
}
