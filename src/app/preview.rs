//! What the files as they are now would do, asked before they hold. Nothing is put in place.

use super::plan::rules;
use super::reload::Reload;
use crate::admin::{Planned, PlannedAccount, PlannedCall};
use crate::config::Loaded;
use crate::gateway::upstream::Registry;
use crate::lifecycle::Plan;
use crate::provision::connectors::scim::Call;
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
        let mut planned = Planned { report: loaded.report(), ..Planned::default() };
        if let Some(config) = loaded.config.take() {
            planned.policy = config.policy.version().to_string();
            let rules = rules(config.policy, &config.providers, config.app_targets, config.lifecycle);
            let plan = self.standing.lifecycle.plan(&rules).await.map_err(|error| error.to_string())?;
            let Plan { comparison, accounts } = plan;
            let account = |account: crate::lifecycle::Planned| PlannedAccount {
                person: account.person,
                target: account.target,
                calls: account.steps.iter().map(|step| call(Call::of(step))).collect(),
            };
            planned.comparison = comparison;
            planned.accounts = accounts.into_iter().map(account).collect();
        }
        planned.mistakes = loaded.mistakes;
        Ok(planned)
    }
}

fn call(call: Call) -> PlannedCall {
    PlannedCall { method: call.method.to_owned(), path: call.path, what: call.what }
}
