//! The files as they are now become what holds, without a connection or a session lost. What is wrong changes
//! nothing: the old state goes on, and log and metrics say so.
//!
//! A reload is loaded and checked whole, then built whole, and only then put in place: nothing after that can fail.

use super::fixed::Fixed;
use super::plan::{Issuers, Standing, rules, targets};
use super::tell::Told;
use crate::admin::{Reloaded, Wish};
use crate::config::{Config, Files, Loaded};
use crate::document::{Mistake, Mistakes};
use crate::gateway::Live;
use crate::gateway::listen::Tls;
use crate::gateway::upstream::Registry;
use crate::lifecycle::Rules;
use crate::names::{AppName, TargetName};
use crate::provision::Targets;
use crate::provision::connectors;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

/// How many looks in a row may differ before what is there is loaded all the same.
const UNSETTLED: u32 = 8;

/// What holds, and all that it takes to replace it.
pub(super) struct Reload {
    pub(super) standing: Standing,
    pub(super) live: Arc<Live>,
    pub(super) targets: watch::Sender<Targets>,
    pub(super) apps: watch::Sender<BTreeMap<AppName, TargetName>>,
    /// The providers as those see them who ask them again about people.
    pub(super) asked: watch::Sender<Issuers>,
    pub(super) issuers: Issuers,
    pub(super) target_settings: BTreeMap<TargetName, connectors::Settings>,
    pub(super) fixed: Fixed,
    pub(super) path: PathBuf,
    pub(super) files: Files,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) admin_tls: Option<Arc<Tls>>,
    pub(super) upstreams: Registry,
    pub(super) look_every: Duration,
    pub(super) told: Told,
}

impl Reload {
    /// Loads whenever a file changes or somebody wishes it, until `stop`.
    pub(super) async fn run(mut self, mut wishes: mpsc::Receiver<Wish>, stop: CancellationToken) {
        loop {
            let wish = tokio::select! {
                () = stop.cancelled() => return,
                () = self.files_changed() => None,
                Some(wish) = wishes.recv() => Some(wish),
            };
            // Whoever wished something may have gone.
            match wish {
                None => drop(self.reload(None).await),
                Some(Wish::Reload { confirm, answer }) => {
                    drop(answer.send(self.reload(confirm.as_deref()).await))
                }
                Some(Wish::Plan { answer }) => drop(answer.send(self.preview().await)),
            }
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

    /// Loads the files; `confirm` is the version of a policy that may take access from many.
    async fn reload(&mut self, confirm: Option<&str>) -> Reloaded {
        let (path, now) = (self.path.clone(), self.standing.clock.now());
        let upstreams = self.upstreams.clone();
        let mut loaded = match spawn_blocking(move || Loaded::read(&path, &upstreams, now)).await {
            Ok(loaded) => loaded,
            Err(error) => self.broken(format!("reading it broke: {error}")),
        };
        self.files = loaded.files.clone();
        let holds = loaded.summary();
        let restart = match loaded.config.take() {
            Some(config) => match self.apply(config, confirm).await {
                Ok(restart) => Some(restart),
                Err(NotApplied::TooMany(mistake)) => {
                    loaded = self.wrong(*mistake);
                    None
                }
                Err(NotApplied::Broken(error)) => {
                    loaded = self.broken(format!("cannot be put in place: {error:#}"));
                    None
                }
            },
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
        self.wrong(Mistake::of_file(&self.path.display().to_string(), message))
    }

    fn wrong(&self, mistake: Mistake) -> Loaded {
        let mut mistakes = Mistakes::default();
        mistakes.push(mistake);
        Loaded { files: self.files.clone(), mistakes, examples: Vec::new(), config: None }
    }

    /// Lets the policy of `rules` reach everybody, unless it takes access from too many and nobody confirms it.
    async fn let_pass(&self, rules: &Rules, confirm: Option<&str>) -> Result<(), NotApplied> {
        let lifecycle = &self.standing.lifecycle;
        let version = rules.policy.version().to_string();
        match lifecycle.effect_of(rules).await? {
            Some(effect) if confirm != Some(&version) && !rules.settings.guard.lets_pass(&effect) => {
                let file = self.path.display().to_string();
                let mistake = Mistake::of_file(&file, format!("policy {version} {effect}"));
                let hint = format!("if that is meant: guestpass reload --confirm {version}");
                Err(NotApplied::TooMany(Box::new(mistake.hint(hint))))
            }
            _ => Ok(lifecycle.allow(rules).await?),
        }
    }

    /// Puts `config` in place, but for what takes a restart; returns the keys of that.
    ///
    /// # Errors
    /// Where something cannot be made, or its policy takes access from too many; then nothing is changed.
    async fn apply(
        &mut self,
        config: Config,
        confirm: Option<&str>,
    ) -> Result<Vec<&'static str>, NotApplied> {
        let restart = self.fixed.changed_in(&Fixed::of(&config));
        let issuers = self.standing.issuers(&config.providers, &self.issuers)?;
        let Standing { store, clock, .. } = &self.standing;
        let running = self.targets.borrow().clone();
        let targets = targets(store, clock, &config.targets, &self.target_settings, &running)?;
        let plan = self.standing.plan(&config.apps, issuers.clone(), config.lifecycle.session)?;
        let rules = rules(&config);
        self.let_pass(&rules, confirm).await?;

        if !self.standing.store.seal_by(config.sealer) {
            return Err(anyhow::anyhow!(
                "`key` is another one, and the one before is not among `earlier-keys`"
            )
            .into());
        }
        if !restart.contains(&"store") {
            self.standing.store.connect_by(config.store)?;
        }
        // Who is let in by the new plan finds the new rules, and their accounts find the new targets.
        self.targets.send_replace(targets);
        self.apps.send_replace(config.app_targets);
        self.asked.send_replace(issuers.clone());
        self.standing.lifecycle.replace(rules);
        self.live.replace(plan);
        let admin_tls = config.admin_api.and_then(|api| api.tls);
        for (running, newer) in [(&self.tls, &config.tls), (&self.admin_tls, &admin_tls)] {
            if let (Some(running), Some(newer)) = (running, newer) {
                running.replace(newer);
            }
        }
        self.told.policy(&config.policy.version().to_string());
        self.told.enforced(&config.apps);
        (self.issuers, self.target_settings) = (issuers, config.targets);
        Ok(restart)
    }
}

/// Why files that are right were not put in place.
enum NotApplied {
    /// Their policy takes access from more people than it may unasked.
    TooMany(Box<Mistake>),
    /// Something cannot be made.
    Broken(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for NotApplied {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

/// What the files hold now. Somewhere else than on the runtime: a folder of another machine may hang.
async fn look_again(files: &Files) -> Files {
    let files = files.clone();
    spawn_blocking(move || files.look_again()).await.unwrap_or_default()
}
