//! What is counted, for whoever watches from afar: OpenMetrics text. Who counts something registers it here once and
//! keeps the handle; nothing is looked up while counting.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The media type of [`Metrics::text`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that is counted. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Mutex<Registry>>);

impl Metrics {
    /// Nothing yet but which build this is.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("guestpass");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which build runs", build);
        Self(Arc::new(Mutex::new(registry)))
    }

    /// Tells `metric` from now on, as `guestpass_` and `name`; `help` says what it is, without a full stop. A clone
    /// of what is registered counts for the same.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry().register(name, help, metric);
    }

    /// Tells what `read` finds whenever somebody asks, one number for each value of `label`; `name` and `help` as for
    /// [`Metrics::register`]. For what is known anyway, and is not worth counting twice.
    pub fn measure<F>(&self, name: &'static str, help: &'static str, label: &'static str, read: F)
    where
        F: Fn() -> Vec<(String, i64)> + Send + Sync + 'static,
    {
        self.registry().register_collector(Box::new(Measured { name, help, label, read }));
    }

    /// Everything as it is now.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry());
        text
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Registering leaves nothing half-done, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Numbers that are found when they are asked for.
struct Measured<F> {
    name: &'static str,
    help: &'static str,
    label: &'static str,
    read: F,
}

impl<F> fmt::Debug for Measured<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Measured({})", self.name)
    }
}

impl<F: Fn() -> Vec<(String, i64)> + Send + Sync + 'static> Collector for Measured<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut told = encoder.encode_descriptor(self.name, self.help, None, MetricType::Gauge)?;
        for (value, number) in (self.read)() {
            ConstGauge::new(number).encode(told.encode_family(&[(self.label, value)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;

    #[test]
    fn what_is_registered_is_told_as_it_is() {
        let (metrics, doors) = (Metrics::new(), Counter::<u64>::default());
        metrics.register("doors", "Doors that were opened", doors.clone());
        doors.inc();
        metrics.measure("rooms", "Rooms by floor", "floor", || vec![("first".to_owned(), 3)]);
        let text = metrics.text();
        for line in [
            "# HELP guestpass_doors Doors that were opened.",
            "guestpass_doors_total 1",
            "guestpass_rooms{floor=\"first\"} 3",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
        assert!(text.contains(concat!(
            "guestpass_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        )));
    }
}
