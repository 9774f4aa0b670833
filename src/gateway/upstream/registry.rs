//! The endpoints that there are. One whose settings are the same after a reload is the same: it keeps its
//! connections and what is known of it. The others go when the last request is done with them.

use super::connect::Peer;
use super::endpoint::{Endpoint, Spec};
use super::health::Rank;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// All endpoints of all apps.
#[derive(Clone, Default)]
pub struct Registry(Arc<Known>);

#[derive(Default)]
struct Known {
    endpoints: Mutex<HashMap<Spec, Weak<Endpoint>>>,
    changed: Notify,
}

/// How an endpoint is, for those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Where it is, as it stands in the configuration.
    pub endpoint: String,
    /// Whether requests are sent there first.
    pub healthy: bool,
    /// How many requests it has not finished; 0 where it is an app's only one, which are not counted.
    pub outstanding: usize,
    /// For how much longer it is set aside because requests failed.
    pub aside: Option<Duration>,
    /// When the certificate ends that it is shown, if any.
    pub certificate_ends: Option<Timestamp>,
}

impl Registry {
    /// How every endpoint is, by its address.
    pub fn states(&self) -> Vec<State> {
        let mut states: Vec<State> = self.all().iter().map(|endpoint| state(endpoint)).collect();
        states.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        states
    }

    /// The endpoint of this description: the one that there is, else a new one.
    pub(super) fn endpoint(&self, spec: Spec, peer: impl FnOnce(&Spec) -> Peer) -> Arc<Endpoint> {
        let mut endpoints = self.0.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = endpoints.get(&spec).and_then(Weak::upgrade) {
            return known;
        }
        endpoints.retain(|_, endpoint| endpoint.strong_count() > 0);
        let endpoint = Arc::new(Endpoint::new(peer(&spec), spec.checks.clone(), spec.lanes));
        endpoints.insert(spec, Arc::downgrade(&endpoint));
        self.0.changed.notify_one();
        endpoint
    }

    /// All that are in use.
    pub(super) fn all(&self) -> Vec<Arc<Endpoint>> {
        let endpoints = self.0.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        endpoints.values().filter_map(Weak::upgrade).collect()
    }

    /// Resolves when there may be new ones.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }
}

fn state(endpoint: &Endpoint) -> State {
    let (health, now) = (&endpoint.health, Instant::now());
    State {
        endpoint: endpoint.peer.address.to_string(),
        healthy: health.rank(now) == Rank::Well,
        outstanding: health.outstanding(),
        aside: health.aside(now),
        certificate_ends: endpoint.peer.tls.as_ref().and_then(|(tls, _)| tls.ends),
    }
}
