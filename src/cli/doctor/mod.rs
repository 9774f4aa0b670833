//! `guestpass doctor`

mod addresses;
mod certificates;
mod cookies;
mod findings;
mod providers;
mod secrets;
mod store;
mod targets;

use super::{At, wait_for};
use crate::clock::Clock;
use crate::config::{Config, Loaded};
use crate::gateway::upstream::Registry;
use clap::Args;
use findings::Findings;
use std::process::ExitCode;

/// Looks at everything that the configuration names: each provider, its clock, our addresses, cookies, the store, each target,
/// certificates and secrets. Says what is not as it should be, what that means and what to do. Changes nothing, and needs no
/// gateway that runs. Exit code 0 where nothing is wrong, 1 where something is.
#[derive(Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    at: At,
    /// Write JSON, one finding a line
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self) -> ExitCode {
        let clock = Clock::system();
        let loaded = Loaded::read(&self.at.config, &Registry::default(), clock.now());
        eprint!("{}", loaded.report());
        let Some(config) = loaded.config else { return ExitCode::FAILURE };
        let mut findings = Findings::new(self.json);
        if let Err(error) = wait_for(async { examine(&config, &clock, &mut findings).await }) {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
        findings.end()
    }
}

async fn examine(config: &Config, clock: &Clock, findings: &mut Findings) -> anyhow::Result<()> {
    store::examine(config, findings).await;
    secrets::examine(config, findings);
    certificates::examine(config, clock.now(), findings);
    cookies::examine(config, findings);
    addresses::examine(config, findings).await?;
    providers::examine(config, clock, findings).await?;
    targets::examine(config, findings).await
}
