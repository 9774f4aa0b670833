//! Traces: which part of a request took how long, and what it led to elsewhere, told to a collector by OTLP and carried on
//! in the `traceparent` of W3C Trace Context. Off unless an endpoint is named, and then for a share of requests; what is not
//! sampled costs a number that is drawn.
//!
//! Spans say where and how long, never who: no claim, no session, no query of an address. They wait in a queue with an end, so
//! a collector that is slow or away holds nobody up; what does not fit is dropped, and counted.

mod context;
mod current;
mod export;
mod outgoing;
pub mod settings;
mod span;
#[cfg(test)]
mod tests;
mod wire;

pub use context::TRACEPARENT;
pub use current::{carry, current};
pub use export::{Exporter, run};
pub use outgoing::send;
pub use settings::Settings;
pub use span::Span;

use crate::clock::Clock;
use crate::seal::random_bytes;
use context::Context;
use http::{HeaderMap, Method};
use span::{Finished, Kind};
use std::cell::Cell;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;

/// The methods that the semantic conventions know.
const METHODS: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];

thread_local! {
    /// What each thread draws from. It need not be secret, only spread.
    static SEED: Cell<u64> = Cell::new(random_bytes().iter().fold(0, |seed, byte| seed << 8 ^ u64::from(*byte)));
}

/// Begins spans. Cheap to clone.
#[derive(Clone)]
pub struct Traces(Arc<Shared>);

struct Shared {
    clock: Clock,
    /// Of 2^64 numbers those below are sampled.
    below: u64,
    queue: Sender<Finished>,
    counts: export::Counts,
}

impl Traces {
    /// Begins the span of a request that somebody asks us. Whether it is sampled a trusted peer may have said, in what it
    /// `sent`, and then it is part of their trace; anybody else begins a trace of ours. `None` where it is not sampled.
    pub fn asked(&self, method: &Method, sent: &HeaderMap, trusted: bool) -> Option<Span> {
        let theirs = if trusted { Context::read(sent) } else { None };
        let sampled = theirs.map_or_else(|| self.draw(), |theirs| theirs.sampled);
        sampled.then(|| self.call(method, Kind::Server, theirs))
    }

    /// Begins the span of work that nobody waits for. `None` where it is not sampled.
    pub fn work(&self, name: &'static str) -> Option<Span> {
        self.draw().then(|| Span::new(self.clone(), name, Kind::Internal, None, self.0.clock.now()))
    }

    /// A request. A client may call its method what it likes, so names are those that everybody knows.
    fn call(&self, method: &Method, kind: Kind, parent: Option<Context>) -> Span {
        let known = METHODS.iter().find(|known| **known == method.as_str());
        let name = known.copied().unwrap_or("HTTP");
        let mut span = Span::new(self.clone(), name, kind, parent, self.0.clock.now());
        span.text("http.request.method", known.copied().unwrap_or("_OTHER"));
        span
    }

    fn draw(&self) -> bool {
        // SplitMix64: a step, and a mixture that nobody can see the step in.
        let mut drawn = SEED.with(|seed| seed.replace(seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15)));
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0.below == u64::MAX || drawn ^ (drawn >> 31) < self.0.below
    }

    /// Hands a span over, unless there is no room for it.
    fn hand_over(&self, finished: Finished) {
        if self.0.queue.try_send(finished).is_err() {
            self.0.counts.dropped(1);
        }
    }
}
