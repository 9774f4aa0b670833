//! `guestpass connector`

use super::{At, Done, wait_for};
use crate::account::Entitlement;
use crate::clock::Clock;
use crate::config::Config;
use crate::document::Mistakes;
use crate::names::TargetName;
use crate::provision::connectors::rest::scaffold;
use crate::provision::probe::{Finding, Outcome, Wishes, probe};
use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use std::collections::BTreeMap;
use std::fs::{File, create_dir_all};
use std::io::Write;
use std::path::PathBuf;
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
    /// Write a description of an application's API to begin with, commented
    New(New),
}

/// Writes a description of an application's API: every part of it, with what it is for.
#[derive(Args)]
struct New {
    /// What the application is called
    title: String,
    /// Where to write it; connectors/TITLE.yaml unless said
    file: Option<PathBuf>,
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
            Verb::New(new) => new.run(),
        }
    }
}

impl New {
    fn run(self) -> Done {
        let plain =
            |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
        let name: String = self.title.chars().map(plain).collect();
        let file = self.file.unwrap_or_else(|| PathBuf::from(format!("connectors/{name}.yaml")));
        let cannot = || format!("cannot write {}", file.display());
        if let Some(folder) = file.parent() {
            create_dir_all(folder).with_context(cannot)?;
        }
        // What somebody has written is not written over.
        let mut written = File::create_new(&file).with_context(cannot)?;
        written.write_all(scaffold(&self.title).as_bytes()).with_context(cannot)?;
        let file = file.display();
        println!(
            "Wrote {file}. Name it in `accounts: {{ rest: {file}, url: .. }}`; `guestpass check` reads it."
        );
        Ok(ExitCode::SUCCESS)
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
        let target = settings.build(None)?;
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
