//! The files as they are now become what holds, without a connection or a session lost. What is wrong changes
//! nothing: the old state goes on, and log and metrics say so.
//!
//! A reload is loaded and checked whole, then built whole, and only then put in place: nothing after that can fail.

use super::fixed::Fixed;
use super::plan::{Issuers, Standing, targets};
use super::tell::Told;
use crate::admin::Reloaded;
use crate::config::{Config, Files, Loaded};
use crate::document::{Mistake, Mistakes};
use crate::gateway::Live;
use crate::gateway::listen::Tls;
use crate::gateway::upstream::Registry;
use crate::lifecycle::Rules;
use crate::names::TargetName;
use crate::provision::Targets;
use crate::provision::connectors::scim;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// How many looks in a row may differ before what is there is loaded all the same.
const UNSETTLED: u32 = 8;

/// What holds, and all that it takes to replace it.
pub(super) struct Reload {
    pub(super) standing: Standing,
    pub(super) live: Arc<Live>,
    pub(super) targets: watch::Sender<Targets>,
    pub(super) issuers: Issuers,
    pub(super) target_settings: BTreeMap<TargetName, scim::Settings>,
    pub(super) fixed: Fixed,
    pub(super) path: PathBuf,
    pub(super) files: Files,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) upstreams: Registry,
    pub(super) look_every: Duration,
    pub(super) told: Told,
}

impl Reload {
    /// Loads whenever a file changes or somebody wishes it, until `stop`.
    pub(super) async fn run(
        mut self,
        mut wishes: mpsc::Receiver<oneshot::Sender<Reloaded>>,
        stop: CancellationToken,
    ) {
        loop {
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                () = self.files_changed() => None,
                Some(answer) = wishes.recv() => Some(answer),
            };
            let reloaded = self.reload().await;
            // Whoever wished it may have gone.
            let _ = answer.map(|answer| answer.send(reloaded));
        }
    }

    /// Waits until the files are others than those that were loaded last, and whoever writes them has finished.
    async fn files_changed(&self) {
        loop {
            tokio::time::sleep(self.look_every).await;
            let mut seen = look_again(&self.files).await;
            if seen == self.files {
                continue;
            }
            for _ in 0..UNSETTLED {
                tokio::time::sleep(self.look_every / UNSETTLED).await;
                let again = look_again(&self.files).await;
                if again == seen {
                    break;
                }
                seen = again;
            }
            return;
        }
    }

    async fn reload(&mut self) -> Reloaded {
        let (path, now) = (self.path.clone(), self.standing.clock.now());
        let upstreams = self.upstreams.clone();
        let mut loaded = match spawn_blocking(move || Loaded::read(&path, &upstreams, now)).await {
            Ok(loaded) => loaded,
            Err(error) => self.broken(format!("reading it broke: {error}")),
        };
        self.files = loaded.files.clone();
        let holds = loaded.summary();
        let restart = match loaded.config.take().map(|config| self.apply(config)) {
            Some(Ok(restart)) => Some(restart),
            Some(Err(error)) => {
                loaded = self.broken(format!("cannot be put in place: {error:#}"));
                None
            }
            None => None,
        };
        match &restart {
            Some(restart) => self.told.applied(&holds, restart, now),
            None => self.told.refused(&loaded),
        }
        let (applied, report) = (restart.is_some(), loaded.report());
        if applied {
            self.told.left_alone(&self.standing.store, &self.target_settings).await;
        }
        Reloaded { applied, holds, restart: restart.unwrap_or_default(), mistakes: loaded.mistakes, report }
    }

    /// What is said where it is not the files that are wrong.
    fn broken(&self, message: String) -> Loaded {
        let mut mistakes = Mistakes::default();
        mistakes.push(Mistake::of_file(&self.path.display().to_string(), message));
        Loaded { files: self.files.clone(), mistakes, examples: Vec::new(), config: None }
    }

    /// Puts `config` in place, but for what takes a restart; returns the keys of that.
    ///
    /// # Errors
    /// Where something cannot be made; then nothing is changed.
    fn apply(&mut self, config: Config) -> anyhow::Result<Vec<&'static str>> {
        let restart = self.fixed.changed_in(&Fixed::of(&config));
        let issuers = self.standing.issuers(&config.providers, &self.issuers)?;
        let targets = targets(&config.targets, &self.target_settings, &self.targets.borrow())?;
        let plan = self.standing.plan(&config.apps, issuers.clone(), config.lifecycle.session)?;

        // Who is let in by the new plan finds the new rules, and their accounts find the new targets.
        self.targets.send_replace(targets);
        self.standing.lifecycle.replace(Rules {
            policy: config.policy,
            targets: config.app_targets,
            settings: config.lifecycle,
        });
        self.live.replace(plan);
        if let (Some(running), Some(newer)) = (&self.tls, &config.tls) {
            running.replace(newer);
        }
        (self.issuers, self.target_settings) = (issuers, config.targets);
        Ok(restart)
    }
}

/// What the files hold now. Somewhere else than on the runtime: a folder of another machine may hang.
async fn look_again(files: &Files) -> Files {
    let files = files.clone();
    spawn_blocking(move || files.look_again()).await.unwrap_or_default()
}
