//! What came of sign-ins, counted.

use crate::metrics::Metrics;
use crate::names::ProviderName;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The counts. A clone counts for the same.
#[derive(Clone)]
pub struct Outcomes(Family<[(&'static str, String); 2], Counter>);

impl Outcomes {
    /// None yet.
    pub fn new(metrics: &Metrics) -> Self {
        let outcomes = Self(Family::default());
        let help = "Sign-ins that came back from a provider, by what came of them";
        metrics.register("sign_ins", help, outcomes.0.clone());
        outcomes
    }

    /// This came of one: `signed_in`, or the reason on the page.
    pub(super) fn count(&self, provider: &ProviderName, outcome: &str) {
        let labels = [("provider", provider.to_string()), ("outcome", outcome.to_owned())];
        self.0.get_or_create(&labels).inc();
    }
}
