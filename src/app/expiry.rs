//! What the metrics say of the ends of what we show: certificates to clients, providers and apps, secrets to providers.

use super::plan::Issuers;
use crate::gateway::listen::Tls;
use crate::gateway::upstream::Registry;
use crate::metrics::Metrics;
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::watch;

/// Tells from now on when ends what is shown by `shown` to clients, to `issuers`, and to `upstreams`.
pub(super) fn tell(
    metrics: &Metrics,
    shown: Vec<Arc<Tls>>,
    issuers: watch::Receiver<Issuers>,
    upstreams: Registry,
) {
    let providers = issuers.clone();
    let certificates = move || {
        let of_ours = shown.iter().flat_map(|tls| tls.shown()).map(|shown| (shown.file, shown.ends));
        let providers = providers.borrow();
        let of_providers =
            providers.iter().map(|(name, issuer)| (format!("provider {name}"), issuer.certificate_ends()));
        let of_apps = upstreams.states().into_iter().map(|state| (state.endpoint, state.certificate_ends));
        of_ours.chain(of_providers).chain(of_apps).filter_map(named).collect()
    };
    let help = "When a certificate ends that we show";
    metrics.measure("certificate_expires_timestamp_seconds", help, ["certificate"], certificates);
    let help = "When the secret or the key ends by which a provider knows us";
    metrics.measure("client_secret_expires_timestamp_seconds", help, ["provider"], move || {
        let issuers = issuers.borrow();
        let ends = issuers.iter().map(|(name, issuer)| (name.to_string(), issuer.secret_ends()));
        ends.filter_map(named).collect()
    });
}

fn named((name, ends): (String, Option<Timestamp>)) -> Option<([String; 1], i64)> {
    Some(([name], ends?.as_second()))
}
