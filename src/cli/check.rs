//! `guestpass check`

use super::At;
use crate::clock::Clock;
use crate::config::{Loaded, failures};
use crate::gateway::upstream::Registry;
use clap::Args;
use std::process::ExitCode;

/// Reads the configuration and the policies, runs their examples, and tells every mistake at once.
#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    at: At,
    /// Write mistakes as JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(self) -> ExitCode {
        let loaded = Loaded::read(&self.at.config, &Registry::default(), Clock::system().now());
        if self.json {
            for mistake in loaded.mistakes.sorted() {
                println!("{}", serde_json::to_string(mistake).unwrap_or_default());
            }
            eprint!("{}", failures(&loaded.examples));
        } else {
            eprint!("{}", loaded.report());
        }
        if loaded.config.is_none() {
            return ExitCode::FAILURE;
        }
        if !self.json {
            println!("{} is right: {}.", self.at.config.display(), loaded.summary());
        }
        ExitCode::SUCCESS
    }
}
