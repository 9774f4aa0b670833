//! What came of what providers said, for whoever watches.

use crate::lifecycle::Heard;
use crate::metrics::Metrics;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

/// The ways in which something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    BackChannel,
    FrontChannel,
    Push,
    Poll,
}

/// Counts by way and outcome. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Counts(Family<[(&'static str, &'static str); 2], Counter>);

const REFUSED: &str = "refused";

impl Counts {
    /// Tells what is counted from now on.
    pub fn new(metrics: &Metrics) -> Self {
        let counts = Self::default();
        let help = "What providers said by themselves, by the way it came and what came of it";
        metrics.register("signals", help, counts.0.clone());
        // A series that begins with its first refusal shows no increase.
        for way in [Way::BackChannel, Way::FrontChannel, Way::Push, Way::Poll] {
            for outcome in [outcome(Heard::Now(0)), outcome(Heard::Before), REFUSED] {
                let _ = counts.of(way, outcome);
            }
        }
        counts
    }

    pub(super) fn heard(&self, way: Way, heard: Heard) {
        self.of(way, outcome(heard)).inc();
    }

    pub(super) fn refused(&self, way: Way) {
        self.of(way, REFUSED).inc();
    }

    fn of(&self, way: Way, outcome: &'static str) -> Counter {
        self.0.get_or_create(&[("way", way.name()), ("outcome", outcome)]).clone()
    }
}

fn outcome(heard: Heard) -> &'static str {
    match heard {
        Heard::Now(_) => "taken",
        Heard::Before => "repeated",
    }
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::BackChannel => "back_channel",
            Self::FrontChannel => "front_channel",
            Self::Push => "push",
            Self::Poll => "poll",
        }
    }
}
