//! `guestpass connector`

use super::{At, Done, wait_for};
use crate::account::Entitlement;
use crate::clock::Clock;
use crate::config::Config;
use crate::document::Mistakes;
use crate::names::TargetName;
use crate::provision::probe::{Finding, Outcome, Wishes, probe};
use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Work on what guestpass speaks to targets with.
#[derive(Args)]
pub(super) struct Connector {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Prove a target with an account of its own: made, changed, disabled, enabled, deleted
    Test(Test),
}

/// Tries what a target can do: address, credentials, rights, and the life of an account named guestpass-probe-..., which is
/// deleted at the end. Exit code 0 where everything works that the target can, 1 where something does not.
#[derive(Args)]
struct Test {
    /// The target, or the app with accounts of its own
    target: TargetName,
    #[command(flatten)]
    at: At,
    /// A group that the account may be put into for a moment; may be given several times
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// A role of the target that the account may have for a moment; may be given several times
    #[arg(long, value_name = "NAME")]
    role: Vec<String>,
    /// An attribute of the account, as NAME=VALUE; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    attribute: Vec<(String, String)>,
    /// Write JSON, one finding a line
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "write it as NAME=VALUE".to_owned())
}

impl Connector {
    pub(super) fn run(self) -> Done {
        match self.verb {
            Verb::Test(test) => test.run(),
        }
    }
}

impl Test {
    fn run(self) -> Done {
        let mut mistakes = Mistakes::default();
        let config = Config::load(&self.at.config, &mut mistakes);
        let config = config.ok_or_else(|| anyhow!("{}", mistakes.to_string().trim_end()))?;
        let Some(settings) = config.targets.get(&self.target) else {
            let known: Vec<&str> = config.targets.keys().map(TargetName::as_str).collect();
            bail!("there is no target {}; there are: {}", self.target, known.join(", "));
        };
        let target = settings.build()?;
        let groups = self.group.into_iter().map(Entitlement::Group);
        let wishes = Wishes {
            entitlements: groups.chain(self.role.into_iter().map(Entitlement::Role)).collect(),
            attributes: BTreeMap::from_iter(self.attribute),
        };
        let json = self.json;
        let mut tell = |finding: Finding| {
            if json {
                println!("{}", serde_json::to_value(&finding).unwrap_or_default());
            } else {
                println!("{}", line(&finding));
            }
        };
        let good = wait_for(async {
            Ok(probe(&*target.connector, &wishes, Clock::system().now(), &mut tell).await)
        })?;
        if !json {
            let target = &self.target;
            let said = if good { "does all that it can" } else { "cannot be relied on yet" };
            println!("\n{target} {said}.");
        }
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn line(Finding { what, outcome }: &Finding) -> String {
    match outcome {
        Outcome::Works => format!("✓ {what}"),
        Outcome::Cannot => format!("- {what}: not with this target"),
        Outcome::Fails(why) => format!("✗ {what}: {why}"),
    }
}
