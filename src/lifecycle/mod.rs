//! What should be: one verb, one file, one transaction. Nobody else changes people, access or sessions.
//!
//! Every verb reads what stands, decides by the ground floor, and writes cause and consequence together: grants,
//! what each account should be from then on, and the event. Doing it in targets is `provision`'s.

mod desire;
mod end;
mod expire;
mod extend;
mod login;
mod logout;
mod open;
mod refuse;
mod renew;
mod restore;
mod retry;
mod revoke;

pub use expire::run as expire;
pub use login::Admission;
pub use refuse::Refused;

use crate::audit::Actor;
use crate::clock::Clock;
use crate::names::{AppName, TargetName};
use crate::policy::Policy;
use crate::store::{self, Store, Tx};
use arc_swap::ArcSwap;
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long things last where policy does not say.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// After how long without a word from the provider access without a `ttl` ends.
    pub lapse: SignedDuration,
    /// How long a sign-in lasts.
    pub session: SignedDuration,
}

/// By what everything is decided.
pub struct Rules {
    /// Who gets what.
    pub policy: Policy,
    /// Where the accounts of each app live; an app without an entry has none.
    pub targets: BTreeMap<AppName, TargetName>,
    /// How long things last.
    pub settings: Settings,
}

/// The verbs. Cheap to clone.
#[derive(Clone)]
pub struct Lifecycle(Arc<ArcSwap<Inner>>);

/// What one transaction goes by, from its beginning to its end.
struct Inner {
    store: Store,
    rules: Rules,
    /// The host of our own pages.
    own_host: String,
    clock: Clock,
}

/// An operator, and why they act.
#[derive(Debug, Clone)]
pub struct Order {
    /// The name of their account on the machine.
    pub operator: String,
    /// Their words.
    pub why: String,
}

impl Order {
    fn actor(&self) -> Actor {
        Actor::Operator(self.operator.clone())
    }
}

/// Why an operator's order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing of that id, or it has ended already.
    #[error("there is no {0} {1}")]
    NotFound(&'static str, String),
    /// It cannot be done, in words.
    #[error("{0}")]
    Invalid(String),
    /// The store failed; nothing was changed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Lifecycle {
    /// The verbs over `store`, with `rules` deciding.
    pub fn new(store: Store, rules: Rules, own_host: String, clock: Clock) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Inner { store, rules, own_host, clock })))
    }

    /// Lets `rules` decide from now on. What has begun goes by those that it began with.
    pub fn replace(&self, rules: Rules) {
        let before = self.inner();
        let (store, own_host, clock) = (before.store.clone(), before.own_host.clone(), before.clock.clone());
        self.0.store(Arc::new(Inner { store, rules, own_host, clock }));
    }

    fn inner(&self) -> Arc<Inner> {
        self.0.load_full()
    }
}

impl Inner {
    async fn begin(&self) -> Result<Tx, store::Error> {
        self.store.begin(self.clock.now()).await
    }
}
