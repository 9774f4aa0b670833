//! What the metrics say of the gateway's traffic. It is read when somebody asks, so that no request pays for it.

use crate::gateway::tally::{Count, Decision};
use crate::gateway::upstream::Registry;
use crate::gateway::{Running, Tallies};
use crate::metrics::Metrics;
use std::sync::Arc;

/// Tells of requests, connections and endpoints from now on.
pub(super) fn tell(metrics: &Metrics, gateway: &Running, upstreams: &Registry, tallies: &Tallies) {
    requests(metrics, tallies);
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let counts = Arc::new(gateway.counts());
    let read = counts.clone();
    metrics.measure(
        "connections",
        "Connections of clients by worker, tunnels among them",
        ["worker"],
        move || {
            let (open, _) = read();
            open.into_iter()
                .enumerate()
                .map(|(worker, count)| ([worker.to_string()], number(count)))
                .collect()
        },
    );
    metrics.measure("connections_closed", "Connections that were closed at once", ["reason"], move || {
        let (_, surplus) = counts();
        vec![(["too_many".to_owned()], surplus)]
    });
    // Not `endpoint`: that is what the Prometheus operator calls the port that it reads from.
    let endpoints = upstreams.clone();
    metrics.measure("endpoint_healthy", "Whether requests are sent there first", ["address"], move || {
        endpoints.states().into_iter().map(|state| ([state.endpoint], i64::from(state.healthy))).collect()
    });
    let endpoints = upstreams.clone();
    metrics.measure("endpoint_outstanding", "Requests that it has not finished", ["address"], move || {
        endpoints.states().into_iter().map(|state| ([state.endpoint], number(state.outstanding))).collect()
    });
}

fn requests(metrics: &Metrics, tallies: &Tallies) {
    let app = |count: &Count| count.app.as_ref().map(ToString::to_string).unwrap_or_default();
    let read = tallies.clone();
    metrics.measure(
        "requests",
        "Requests by what became of them",
        ["app", "decision", "reason"],
        move || {
            let of_app = |count: Count| {
                let app = app(&count);
                let told = move |(decision, reason, number): (Decision, &str, u64)| {
                    ([app.clone(), decision.word().to_owned(), reason.to_owned()], number)
                };
                count.requests.into_iter().map(told)
            };
            read.counts().into_iter().flat_map(of_app).collect()
        },
    );
    let read = tallies.clone();
    let help = "How long permitted requests took until their answer began";
    metrics.measure("request_duration_seconds", help, ["app"], move || {
        let to_apps = read.counts().into_iter().filter(|count| count.app.is_some());
        to_apps.map(|count| ([app(&count)], count.took)).collect()
    });
}
