//! `guestpass serve`

use super::At;
use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::gateway::listen::Listener;
use crate::gateway::listen::settings::Entry;
use crate::telemetry;
use anyhow::Context;
use clap::Args;
use std::pin::pin;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the gateway until it is told to stop (SIGTERM or Ctrl-C): first it finishes what is under way. When its
/// files change, or on SIGHUP, it goes by them as they are then.
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    at: At,
    /// Write logs as JSON
    #[arg(long)]
    json_logs: bool,
}

impl Serve {
    pub(super) fn run(self) -> ExitCode {
        telemetry::start(self.json_logs, "info");
        let Some(config) = self.at.load() else { return ExitCode::FAILURE };
        match serve(config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

fn serve(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let bind = |entry: &Entry| {
            Listener::bind(entry, config.tls.as_ref())
                .with_context(|| format!("cannot listen on {}", entry.at))
        };
        let listeners = config.listen.iter().map(bind).collect::<anyhow::Result<_>>()?;
        let listen: Vec<String> = config.listen.iter().map(|entry| entry.at.to_string()).collect();
        let (listen, url) = (listen.join(" "), config.url.clone());
        let (told_to_stop, mut hangups) = (told_to_stop()?, signal(SignalKind::hangup())?);
        let app = App::start(config, listeners, Clock::system()).await?;
        tracing::info!(%listen, %url, "guestpass is up");
        let mut told_to_stop = pin!(told_to_stop);
        let told = loop {
            tokio::select! {
                told = told_to_stop.as_mut() => break told,
                _ = hangups.recv() => app.reload(),
            }
        };
        // Whoever presses Ctrl-C waits; whatever sends SIGTERM has to be heard of by those who send us requests.
        if told == Told::Terminate {
            tracing::info!("about to stop: no longer ready, and still accepting");
            app.announce().await;
        }
        tracing::info!("stopping: finishing what is under way");
        app.stop().await;
        Ok(())
    })
}

/// How we were told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// SIGTERM.
    Terminate,
    /// Ctrl-C.
    Interrupt,
}

/// Listens from now on for SIGTERM and Ctrl-C; the future waits for one. Another ends the process at once.
pub(super) fn told_to_stop() -> anyhow::Result<impl Future<Output = Told>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let told = tokio::select! { _ = term.recv() => Told::Terminate, _ = int.recv() => Told::Interrupt };
        tokio::spawn(async move {
            tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
            std::process::exit(130);
        });
        told
    })
}
