//! What is counted, for whoever watches from afar: OpenMetrics text. Who counts something registers it here once and
//! keeps the handle; nothing is looked up while counting.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
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

    /// Tells what `read` finds whenever somebody asks, a number for each of several values of `labels`; `name` and `help`
    /// as for [`Metrics::register`]. For what is known anyway, and is not worth counting twice.
    pub fn measure<F, const N: usize>(
        &self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        read: F,
    ) where
        F: Fn() -> Vec<([String; N], i64)> + Send + Sync + 'static,
    {
        let found =
            move || read().into_iter().map(|(values, number)| (values, ConstGauge::new(number))).collect();
        self.collect(name, help, MetricType::Gauge, labels, found);
    }

    /// The same for what only grows.
    pub fn count<F, const N: usize>(
        &self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        read: F,
    ) where
        F: Fn() -> Vec<([String; N], u64)> + Send + Sync + 'static,
    {
        let found =
            move || read().into_iter().map(|(values, number)| (values, ConstCounter::new(number))).collect();
        self.collect(name, help, MetricType::Counter, labels, found);
    }

    /// The same for how long things took.
    pub fn spread<F>(&self, name: &'static str, help: &'static str, label: &'static str, read: F)
    where
        F: Fn() -> Vec<(String, Spread)> + Send + Sync + 'static,
    {
        let found = move || read().into_iter().map(|(value, spread)| ([value], spread)).collect();
        self.collect(name, help, MetricType::Histogram, [label], found);
    }

    fn collect<F, T, const N: usize>(
        &self,
        name: &'static str,
        help: &'static str,
        kind: MetricType,
        labels: [&'static str; N],
        read: F,
    ) where
        F: Fn() -> Vec<([String; N], T)> + Send + Sync + 'static,
        T: EncodeMetric + 'static,
    {
        self.registry().register_collector(Box::new(Found { name, help, kind, labels, read }));
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

/// How long many things took, or how large they were.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spread {
    /// All of them together.
    pub sum: f64,
    /// The upper bound of each heap, the last one infinite, with how many are in it.
    pub heaps: Vec<(f64, u64)>,
}

impl Spread {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.heaps.iter().map(|(_, count)| count).sum()
    }
}

impl EncodeMetric for Spread {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_histogram::<NoLabelSet>(self.sum, self.count(), &self.heaps, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// What is found when it is asked for.
struct Found<F, const N: usize> {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    labels: [&'static str; N],
    read: F,
}

impl<F, const N: usize> fmt::Debug for Found<F, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found({})", self.name)
    }
}

impl<F, T, const N: usize> Collector for Found<F, N>
where
    F: Fn() -> Vec<([String; N], T)> + Send + Sync + 'static,
    T: EncodeMetric,
{
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut told = encoder.encode_descriptor(self.name, self.help, None, self.kind)?;
        let mut found = (self.read)().into_iter();
        if N == 0 {
            return found.next().map_or(Ok(()), |(_, metric)| metric.encode(told));
        }
        for (values, metric) in found {
            let labels: Vec<_> = self.labels.into_iter().zip(values).collect();
            metric.encode(told.encode_family(&labels.as_slice())?)?;
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
        metrics.count("keys", "Keys by kind and fate", ["kind", "fate"], || {
            vec![(["iron".into(), "lost".into()], 2)]
        });
        let waits = Spread { sum: 7.5, heaps: vec![(1.0, 2), (f64::INFINITY, 1)] };
        metrics.spread("waits_seconds", "How long guests waited", "floor", move || {
            vec![("first".to_owned(), waits.clone())]
        });
        metrics.measure("rooms", "Rooms by floor", ["floor"], || vec![(["first".to_owned()], 3)]);
        metrics.measure("guests", "Guests", [], || vec![([], 5)]);
        let text = metrics.text();
        for line in [
            "# HELP guestpass_doors Doors that were opened.",
            "guestpass_doors_total 1",
            "guestpass_rooms{floor=\"first\"} 3",
            "guestpass_guests 5",
            "# TYPE guestpass_keys counter",
            "guestpass_keys_total{kind=\"iron\",fate=\"lost\"} 2",
            "guestpass_waits_seconds_sum{floor=\"first\"} 7.5",
            "guestpass_waits_seconds_count{floor=\"first\"} 3",
            "guestpass_waits_seconds_bucket{le=\"1.0\",floor=\"first\"} 2",
            "guestpass_waits_seconds_bucket{le=\"+Inf\",floor=\"first\"} 3",
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
