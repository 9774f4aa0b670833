//! What the files as they are now would do, asked before they hold. Nothing is put in place.

use super::inquire::planned;
use super::plan::{rules, targets};
use super::reload::Reload;
use crate::admin::{Planned, PlannedAccount};
use crate::config::Loaded;
use crate::gateway::upstream::Registry;
use crate::lifecycle::Plan;
use crate::provision::Targets;
use std::collections::BTreeMap;
use tokio::task::spawn_blocking;

impl Reload {
    /// What a reload would do now.
    ///
    /// # Errors
    /// Where the store cannot be read, in words. What is wrong with the files is part of the answer.
    pub(super) async fn preview(&self) -> Result<Planned, String> {
        let (path, now) = (self.path.clone(), self.standing.clock.now());
        // A registry of its own, so that no endpoint is watched for what does not hold.
        let read = spawn_blocking(move || Loaded::read(&path, &Registry::default(), now)).await;
        let mut loaded = read.map_err(|error| format!("reading the files broke: {error}"))?;
        let mut preview = Planned { report: loaded.report(), ..Planned::default() };
        if let Some(config) = loaded.config.take() {
            preview.policy = config.policy.version().to_string();
            let rules = rules(&config);
            let plan = self.standing.lifecycle.plan(&rules).await.map_err(|error| error.to_string())?;
            let Plan { comparison, accounts } = plan;
            let (store, clock) = (&self.standing.store, &self.standing.clock);
            let speaks = targets(store, clock, &config.targets, &BTreeMap::new(), &Targets::new());
            let speaks = speaks.map_err(|error| error.to_string())?;
            let account = |account: crate::lifecycle::Planned| {
                let calls = |step| {
                    let target = speaks.get(&account.target)?;
                    Some(target.connector.calls(step).into_iter().map(planned))
                };
                let calls = account.steps.iter().filter_map(calls).flatten().collect();
                PlannedAccount { person: account.person, target: account.target, calls }
            };
            preview.comparison = comparison;
            preview.accounts = accounts.into_iter().map(account).collect();
        }
        preview.mistakes = loaded.mistakes;
        Ok(preview)
    }
}
