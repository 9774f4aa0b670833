//! `guestpass check`

use super::At;
use crate::config::Config;
use crate::document::Mistakes;
use clap::Args;
use std::path::Path;
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
        let mut mistakes = Mistakes::default();
        let config = Config::load(&self.at.config, &mut mistakes);
        if self.json {
            for mistake in mistakes.sorted() {
                println!("{}", serde_json::to_string(mistake).unwrap_or_default());
            }
        } else {
            tell(&mistakes);
        }
        match config {
            None => ExitCode::FAILURE,
            Some(config) if self.json => {
                drop(config);
                ExitCode::SUCCESS
            }
            Some(config) => {
                println!(
                    "{} is right: {} providers, {} apps, policy {}.",
                    self.at.config.display(),
                    config.providers.len(),
                    config.apps.len(),
                    config.policy.version(),
                );
                ExitCode::SUCCESS
            }
        }
    }
}

/// Writes mistakes for a person, and how many there are.
pub(super) fn tell(mistakes: &Mistakes) {
    for mistake in mistakes.sorted() {
        eprintln!("{}", mistake.render());
    }
    if !mistakes.is_empty() {
        eprintln!("{} Nothing was changed.", mistakes.summary());
    }
}

/// The configuration at `path`; tells its mistakes and gives up where there are any.
pub(super) fn load(path: &Path) -> Option<Config> {
    let mut mistakes = Mistakes::default();
    let config = Config::load(path, &mut mistakes);
    tell(&mistakes);
    config
}
