//! What many sessions say alike (a host, an issuer, the names of apps, what roles open), each kept once. There are as many
//! as the configuration and the policies have, or once had.

use crate::account::Opening;
use crate::names::{AppName, ProviderName};
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// All of it, by kind.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) hosts: Once<Arc<str>>,
    pub(super) issuers: Once<Arc<str>>,
    pub(super) providers: Once<ProviderName>,
    pub(super) apps: Once<AppName>,
    pub(super) openings: Once<Arc<Opening>>,
}

/// Values that are cheap to clone.
pub(super) struct Once<T>(Mutex<HashSet<T>>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Eq + Hash> Once<T> {
    /// The one value that equals `value`.
    pub(super) fn of(&self, value: T) -> T {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.get(&value) {
            return kept.clone();
        }
        kept.insert(value.clone());
        value
    }
}
