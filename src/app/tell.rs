//! What the log and the metrics say of the configuration.

use crate::config::{Loaded, count};
use crate::document::Severity;
use crate::gateway;
use crate::metrics::Metrics;
use crate::names::{AppName, TargetName};
use crate::policy::CaseOutcome;
use crate::provision::connectors;
use crate::store::Store;
use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Counts reloads, and tells of each.
pub(super) struct Told {
    valid: Gauge,
    last: Gauge,
    reloads: Family<[(&'static str, &'static str); 1], Counter>,
    enforced: Family<[(&'static str, String); 1], Gauge>,
    policy: Family<[(&'static str, String); 1], Gauge>,
}

impl Told {
    /// For a gateway that started at `now`: with a configuration that is right.
    pub(super) fn new(metrics: &Metrics, now: Timestamp) -> Self {
        let told = Self {
            valid: Gauge::default(),
            last: Gauge::default(),
            reloads: Family::default(),
            enforced: Family::default(),
            policy: Family::default(),
        };
        metrics.register(
            "config_valid",
            "Whether the files, as they are now, are what holds: 1, or 0 while they hold a mistake",
            told.valid.clone(),
        );
        metrics.register(
            "config_last_reload_timestamp_seconds",
            "When the configuration that holds was loaded",
            told.last.clone(),
        );
        metrics.register("config_reloads", "Reloads by what came of them", told.reloads.clone());
        metrics.register(
            "app_enforced",
            "Whether an app is guarded: 1, or 0 while it is observed and every request goes on",
            told.enforced.clone(),
        );
        metrics.register("policy_info", "Which version of the policy holds", told.policy.clone());
        // A series that begins with its first failure shows no increase.
        for outcome in ["applied", "refused"] {
            let _ = told.reloads.get_or_create(&[("outcome", outcome)]);
        }
        told.valid.set(1);
        told.last.set(now.as_second());
        told
    }

    /// What the files hold holds from `now` on, but for the settings that wait for a `restart`.
    pub(super) fn applied(&self, holds: &str, restart: &[&str], now: Timestamp) {
        self.valid.set(1);
        self.last.set(now.as_second());
        self.reloads.get_or_create(&[("outcome", "applied")]).inc();
        tracing::info!(holds, "configuration reloaded: {holds}");
        for setting in restart {
            tracing::warn!(setting, "`{setting}` was changed, too, and waits for a restart");
        }
    }

    /// This version of the policy holds from now on.
    pub(super) fn policy(&self, version: &str) {
        self.policy.clear();
        self.policy.get_or_create(&[("version", version.to_owned())]).set(1);
    }

    /// These are the apps from now on; warns of those that are not enforced.
    pub(super) fn enforced(&self, apps: &BTreeMap<AppName, Arc<gateway::App>>) {
        self.enforced.clear();
        for (name, app) in apps {
            self.enforced.get_or_create(&[("app", name.to_string())]).set(i64::from(app.enforce));
            if !app.enforce {
                tracing::warn!(app = %name, "{name} is observed, not enforced: whoever asks gets in, and no account is made");
            }
        }
    }

    /// Nothing was changed, for these reasons.
    pub(super) fn refused(&self, loaded: &Loaded) {
        self.valid.set(0);
        self.reloads.get_or_create(&[("outcome", "refused")]).inc();
        for mistake in loaded.mistakes.sorted().into_iter().filter(|one| one.severity == Severity::Error) {
            let hint = mistake.hint.as_deref();
            tracing::error!(hint, "{mistake}");
        }
        for failed in loaded.examples.iter().filter(|example| !example.passed()) {
            let CaseOutcome { file, line, differences, .. } = failed;
            tracing::error!("{file}:{line}: example does not hold: {}", differences.join("; "));
        }
        tracing::error!("configuration not reloaded: what held goes on");
    }

    /// Warns of accounts in targets that are not in the configuration: nobody closes them.
    pub(super) async fn left_alone(
        &self,
        store: &Store,
        targets: &BTreeMap<TargetName, connectors::Settings>,
    ) {
        let mut left: BTreeMap<TargetName, i64> = BTreeMap::new();
        match store.accounts_by_state().await {
            Ok(counted) => {
                let open = counted.into_iter().filter(|(_, state, _)| state != "disabled");
                for (target, _, accounts) in open.filter(|(target, ..)| !targets.contains_key(target)) {
                    *left.entry(target).or_default() += accounts;
                }
            }
            Err(error) => tracing::warn!(%error, "accounts of apps that are gone could not be counted"),
        }
        for (app, accounts) in left {
            let them = count(usize::try_from(accounts).unwrap_or_default(), "account");
            tracing::warn!(%app, accounts, "nobody looks after {them} in {app}, not disabled: it has no `accounts:` in the configuration any more");
        }
    }
}
