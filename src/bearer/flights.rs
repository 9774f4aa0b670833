//! One at a time for each token.

use crate::store::TokenHash;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::Mutex as Turn;

/// The tokens that somebody is finding out about.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<TokenHash, Weak<Turn<()>>>>);

impl Flights {
    /// What whoever wants to find out about this one holds meanwhile.
    pub(super) fn of(&self, key: &TokenHash) -> Arc<Turn<()>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        if flights.len() == flights.capacity() {
            flights.retain(|_, flight| flight.strong_count() > 0);
        }
        let flight = Arc::default();
        flights.insert(*key, Arc::downgrade(&flight));
        flight
    }
}
