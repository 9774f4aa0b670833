//! Where an app really is, and how a request gets there: over connections that are kept, to the endpoint that
//! has least to do and is well, and a second time only where that does no harm.
//!
//! Connections belong to an endpoint and, within it, to the worker that opened them; what endpoints have to do
//! and how they are is known to all workers. No answer is ever thrown away for another: what an app said is what
//! the client gets.

mod address;
mod checks;
mod connect;
mod endpoint;
mod failure;
mod health;
mod lane;
mod loader;
mod message;
mod patient;
mod registry;
mod returning;
mod settings;
#[cfg(test)]
mod tests;
mod timeouts;
mod tls;

use super::upload::FromClient;
use endpoint::{Endpoint, Unanswered};
use health::Taken;
use http::{Request, Response};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::Instant;

pub use checks::run as check;
pub use loader::Loader;
pub use registry::{Registry, State};
pub use settings::Settings;
pub use timeouts::Timeouts;

pub(super) use failure::Failure;
pub(super) use patient::Patient;
pub(super) use returning::Returning;

/// Where an app really is: at one or several endpoints.
pub struct Upstream {
    endpoints: Box<[Arc<Endpoint>]>,
    /// Where the next choice begins, so that equals take turns.
    turn: AtomicUsize,
}

/// How one request is to be sent.
pub(super) struct Way {
    /// The number of the worker that sends it, from 0.
    pub(super) lane: usize,
    /// How long the app may take.
    pub(super) timeouts: Timeouts,
    /// Whether the connection may become another protocol, which takes HTTP/1.1.
    pub(super) upgrade: bool,
    /// Whether the client takes trailers.
    pub(super) trailers: bool,
}

impl Upstream {
    fn new(endpoints: Vec<Arc<Endpoint>>) -> Self {
        Self { endpoints: endpoints.into(), turn: AtomicUsize::new(0) }
    }

    /// Sends a request. Where an endpoint cannot be reached it goes to the next.
    ///
    /// # Errors
    /// Why there is no answer; if several endpoints were tried, from the last.
    pub(super) async fn send(
        &self,
        way: &Way,
        request: Request<FromClient>,
    ) -> Result<Response<Returning>, Failure> {
        let mut may_repeat = true;
        if let [only] = &*self.endpoints {
            let sent = only.send(way, &mut may_repeat, request).await;
            return sent.map_err(|unanswered| unanswered.failure);
        }
        Box::pin(self.send_to_best(way, may_repeat, request)).await
    }

    async fn send_to_best(
        &self,
        way: &Way,
        mut may_repeat: bool,
        mut request: Request<FromClient>,
    ) -> Result<Response<Returning>, Failure> {
        let mut tried = 0;
        loop {
            let (number, taken) = self.choose(tried);
            let endpoint = &self.endpoints[number];
            tried |= 1 << number;
            let Unanswered { failure, again } = match endpoint.send(way, &mut may_repeat, request).await {
                Ok(mut response) => {
                    taken.answered();
                    response.body_mut().keep(taken);
                    return Ok(response);
                }
                Err(unanswered) => unanswered,
            };
            if !failure.is_clients()
                && let Some(aside) = taken.failed(Instant::now(), Some(&failure))
            {
                let endpoint = endpoint.peer.address.to_string();
                tracing::warn!(endpoint, %failure, ?aside, "{endpoint} is set aside for {aside:?}: {failure}");
            }
            match again {
                Some(again) if tried.count_ones() < self.endpoints.len() as u32 => request = *again,
                _ => return Err(failure),
            }
        }
    }

    /// The best endpoint that is not among the `tried`: one that is well before one that is not, and then the one
    /// with the least to do. If nobody is well, that is no reason to ask nobody.
    fn choose(&self, tried: u64) -> (usize, Taken) {
        loop {
            let (now, count) = (Instant::now(), self.endpoints.len());
            let first = self.turn.fetch_add(1, Ordering::Relaxed);
            let left = (0..count).map(|step| first.wrapping_add(step) % count);
            let best = left.filter(|number| tried & (1 << number) == 0).min_by_key(|&number| {
                let health = &self.endpoints[number].health;
                (health.rank(now), health.outstanding())
            });
            let number = best.unwrap_or(0);
            if let Some(taken) = self.endpoints[number].health.take(now) {
                return (number, taken);
            }
            // Another request has just begun to try it: it is not well any more.
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, endpoint) in self.endpoints.iter().enumerate() {
            let before = if number == 0 { "" } else { ", " };
            write!(f, "{before}{}", endpoint.peer.address)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({self})")
    }
}
