//! What the metrics say of the gateway's traffic. It is read when somebody asks, so that no request pays for it.

use crate::gateway::Running;
use crate::gateway::upstream::Registry;
use crate::metrics::Metrics;
use std::sync::Arc;

/// Tells of connections and endpoints from now on.
pub(super) fn tell(metrics: &Metrics, gateway: &Running, upstreams: &Registry) {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let counts = Arc::new(gateway.counts());
    let read = counts.clone();
    metrics.measure(
        "connections",
        "Connections of clients by worker, tunnels among them",
        "worker",
        move || {
            let (open, _) = read();
            open.into_iter().enumerate().map(|(worker, count)| (worker.to_string(), number(count))).collect()
        },
    );
    metrics.measure("connections_closed", "Connections that were closed at once", "reason", move || {
        let (_, surplus) = counts();
        vec![("too_many".to_owned(), i64::try_from(surplus).unwrap_or(i64::MAX))]
    });
    let endpoints = upstreams.clone();
    metrics.measure("endpoint_healthy", "Whether requests are sent there first", "endpoint", move || {
        endpoints.states().into_iter().map(|state| (state.endpoint, i64::from(state.healthy))).collect()
    });
    let endpoints = upstreams.clone();
    metrics.measure("endpoint_outstanding", "Requests that it has not finished", "endpoint", move || {
        endpoints.states().into_iter().map(|state| (state.endpoint, number(state.outstanding))).collect()
    });
}
