//! What the metrics say of certificates that are shown to clients.

use crate::gateway::listen::Tls;
use crate::metrics::Metrics;
use std::sync::Arc;

/// Tells from now on when the certificates end that are shown by `shown`.
pub(super) fn tell(metrics: &Metrics, shown: Vec<Arc<Tls>>) {
    let help = "When a certificate ends that is shown to clients";
    metrics.measure("certificate_expires_timestamp_seconds", help, ["certificate"], move || {
        let shown = shown.iter().flat_map(|tls| tls.shown());
        shown.filter_map(|shown| Some(([shown.file], shown.ends?.as_second()))).collect()
    });
}
