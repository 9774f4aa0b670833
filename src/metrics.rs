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
    pub fn measure<F, T, const N: usize>(
        &self,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        read: F,
    ) where
        F: Fn() -> Vec<([String; N], T)> + Send + Sync + 'static,
        T: Measured,
    {
        self.registry().register_collector(Box::new(Found { name, help, labels, read }));
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

/// A number that is found: `i64` for what may also go down, `u64` for what only grows, [`Spread`] for many at once.
pub trait Measured: 'static {
    /// Of which kind it is.
    const KIND: MetricType;
    /// Tells it.
    fn tell(&self, encoder: MetricEncoder<'_>) -> fmt::Result;
}

impl Measured for i64 {
    const KIND: MetricType = MetricType::Gauge;

    fn tell(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        ConstGauge::new(*self).encode(encoder)
    }
}

impl Measured for u64 {
    const KIND: MetricType = MetricType::Counter;

    fn tell(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        ConstCounter::new(*self).encode(encoder)
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

impl Measured for Spread {
    const KIND: MetricType = MetricType::Histogram;

    fn tell(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_histogram::<NoLabelSet>(self.sum, self.count(), &self.heaps, None)
    }
}

/// What is found when it is asked for.
struct Found<F, const N: usize> {
    name: &'static str,
    help: &'static str,
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
    T: Measured,
{
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut told = encoder.encode_descriptor(self.name, self.help, None, T::KIND)?;
        let mut found = (self.read)().into_iter();
        if N == 0 {
            return found.next().map_or(Ok(()), |(_, number)| number.tell(told));
        }
        for (values, number) in found {
            let labels: Vec<_> = self.labels.into_iter().zip(values).collect();
            number.tell(told.encode_family(&labels.as_slice())?)?;
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
        metrics.measure("keys", "Keys by kind and fate", ["kind", "fate"], || {
            vec![(["iron".into(), "lost".into()], 2_u64)]
        });
        let waits = Spread { sum: 7.5, heaps: vec![(1.0, 2), (f64::INFINITY, 1)] };
        metrics.measure("waits_seconds", "How long guests waited", ["floor"], move || {
            vec![(["first".to_owned()], waits.clone())]
        });
        metrics.measure("rooms", "Rooms by floor", ["floor"], || vec![(["first".to_owned()], 3_i64)]);
        metrics.measure("guests", "Guests", [], || vec![([], 5_i64)]);
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
