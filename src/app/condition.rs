//! What the metrics say of targets and providers, read when somebody asks.

use super::plan::Issuers;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::provision::Targets;
use crate::provision::target::Condition;
use jiff::Timestamp;
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::watch;

/// Tells how targets are doing from now on.
pub(super) fn tell(metrics: &Metrics, targets: &watch::Receiver<Targets>, clock: &Clock) {
    let measure = |name, help, of: fn(Condition) -> i64| {
        let (targets, clock) = (targets.clone(), clock.clone());
        metrics.measure(name, help, ["target"], move || {
            let now = clock.now();
            let targets = targets.borrow();
            targets.iter().map(|(name, target)| ([name.to_string()], of(target.condition(now)))).collect()
        });
    };
    measure(
        "target_held",
        "Whether its guard keeps things from being taken until an operator confirms it",
        |it| i64::from(it.held),
    );
    measure("target_paused", "Whether it is left alone for a while", |it| {
        i64::from(it.paused_until.is_some())
    });
    measure("target_failures", "Failures in a row, over all accounts", |it| i64::from(it.failures));
    let targets = targets.clone();
    let help = "Work on accounts by how it went";
    metrics.measure("provisioning", help, ["target", "outcome"], move || {
        let targets = targets.borrow();
        let all = targets.iter().flat_map(|(name, target)| {
            target.outcomes().map(|(outcome, count)| ([name.to_string(), outcome.to_owned()], count))
        });
        all.collect()
    });
}

/// Notes, for whoever hears from another replica of a change that was decided at a moment, how long ago that was.
pub(super) fn delays(metrics: &Metrics, clock: Clock) -> impl Fn(Timestamp) + Send + Sync + use<> {
    let delays = Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0]);
    let help = "How long it took until what another replica changed, or took away, was known here";
    metrics.register("revocation_delay_seconds", help, delays.clone());
    // Where the clocks of the two differ, it may seem to be yet to come.
    move |decided| delays.observe(clock.now().duration_since(decided).as_secs_f64().max(0.0))
}

/// Tells how providers are doing from now on.
pub(super) fn tell_of_providers(metrics: &Metrics, issuers: watch::Receiver<Issuers>) {
    let help = "How often in a row it could not be reached by those who needed it";
    metrics.measure("provider_failures", help, ["provider"], move || {
        let issuers = issuers.borrow();
        issuers.iter().map(|(name, issuer)| ([name.to_string()], i64::from(issuer.failures()))).collect()
    });
}
