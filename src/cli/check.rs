//! `guestpass check`

use super::At;
use crate::clock::Clock;
use crate::config::Config;
use crate::document::Mistakes;
use crate::identity::GroupsSettings;
use crate::names::ProviderName;
use crate::policy::Policy;
use clap::Args;
use std::collections::BTreeMap;
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
        let Some(config) = config else { return ExitCode::FAILURE };
        let groups =
            config.providers.iter().map(|(name, provider)| (name.clone(), provider.groups.clone())).collect();
        let Some(examples) = run_examples(&config.policy, &groups) else { return ExitCode::FAILURE };
        if !self.json {
            println!(
                "{} is right: {}, {}, policy {} with {examples}.",
                self.at.config.display(),
                count(config.providers.len(), "provider"),
                count(config.apps.len(), "app"),
                config.policy.version(),
            );
        }
        ExitCode::SUCCESS
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Runs the examples that a policy carries and tells those that fail; how many there were, if all passed.
pub(super) fn run_examples(
    policy: &Policy,
    groups: &BTreeMap<ProviderName, GroupsSettings>,
) -> Option<String> {
    let outcomes = policy.run_cases(Clock::system().now(), groups);
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.passed()).collect();
    for outcome in &failed {
        eprintln!("FAIL {}:{}", outcome.file, outcome.line);
        outcome.differences.iter().for_each(|line| eprintln!("    {line}"));
    }
    if !failed.is_empty() {
        eprintln!("{} passed, {} failed.", outcomes.len() - failed.len(), failed.len());
    }
    failed.is_empty().then(|| count(outcomes.len(), "example"))
}

/// Writes mistakes for a person, and how many there are.
pub(super) fn tell(mistakes: &Mistakes) {
    for mistake in mistakes.sorted() {
        eprintln!("{}", mistake.render());
    }
    if mistakes.errors() > 0 {
        eprintln!("{} Nothing was changed.", mistakes.summary());
    } else if !mistakes.is_empty() {
        eprintln!("{}", mistakes.summary());
    }
}

/// The configuration at `path`; tells its mistakes and gives up where there are any.
pub(super) fn load(path: &Path) -> Option<Config> {
    let mut mistakes = Mistakes::default();
    let config = Config::load(path, &mut mistakes);
    tell(&mistakes);
    config
}
