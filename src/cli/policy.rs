//! `guestpass policy`

use super::{At, check};
use crate::config::Policies;
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
        check::tell(&mistakes);
        let Some(Policies { policy, groups }) = policies else { return ExitCode::FAILURE };
        let Some(examples) = check::run_examples(&policy, &groups) else { return ExitCode::FAILURE };
        println!("{examples} passed (policy {}).", policy.version());
        ExitCode::SUCCESS
    }
}
