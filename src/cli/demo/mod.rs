//! `guestpass demo`

mod house;
mod listen;
mod walk;

use super::Done;
use super::serve::told_to_stop;
use crate::span::Span;
use crate::telemetry;
use anyhow::bail;
use clap::Args;
use house::House;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Starts an identity provider, an app called Notes, and guestpass in front of it, all on loopback, and says where to
/// click. Nothing else is needed and nothing leaves the machine.
#[derive(Args)]
pub(super) struct Demo {
    /// Play the story by itself, step by step; exit 0 only if every step held
    #[arg(long)]
    walk: bool,
    /// Write the steps of the walk as JSON, one object a line
    #[arg(long, requires = "walk")]
    json: bool,
    /// How long the contractor's access lasts [default: 2m, in a walk 5s]
    #[arg(long, value_name = "SPAN")]
    ttl: Option<Span>,
    /// Where to keep the files; unless given, a temporary folder that goes when the demo ends
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The loopback address to listen on [default: both, 127.0.0.1 and ::1]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<IpAddr>,
}

impl Demo {
    pub(super) fn run(self) -> Done {
        telemetry::start(false, "warn");
        if let Some(address) = self.listen.filter(|address| !address.is_loopback()) {
            bail!(
                "the demo listens on loopback alone, and {address} is not: whoever reaches it may sign in as anybody"
            );
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.play())
    }

    async fn play(self) -> Done {
        let ttl = match self.ttl {
            Some(ttl) => ttl,
            None if self.walk => "5s".parse()?,
            None => "2m".parse()?,
        };
        let told_to_stop = told_to_stop()?;
        let house = House::open(self.folder, self.listen, ttl).await?;
        let held = if self.walk {
            tokio::select! {
                held = walk::walk(&house, self.json) => held?,
                _ = told_to_stop => false,
            }
        } else {
            print!("{}", house.welcome());
            told_to_stop.await;
            println!("\nStopping.");
            true
        };
        house.close().await;
        Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
