//! What the metrics say of targets, read when somebody asks.

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::provision::Targets;
use crate::provision::target::Condition;
use tokio::sync::watch;

/// Tells how targets are doing from now on.
pub(super) fn tell(metrics: &Metrics, targets: &watch::Receiver<Targets>, clock: &Clock) {
    let measure = |name, help, of: fn(Condition) -> i64| {
        let (targets, clock) = (targets.clone(), clock.clone());
        metrics.measure(name, help, "target", move || {
            let now = clock.now();
            let targets = targets.borrow();
            targets.iter().map(|(name, target)| (name.to_string(), of(target.condition(now)))).collect()
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
}
