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
use crate::store::{self, Store};
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

/// The verbs. Cheap to clone.
#[derive(Clone)]
pub struct Lifecycle(Arc<Inner>);

struct Inner {
    store: Store,
    policy: Policy,
    /// Where the accounts of each app live; an app without an entry has none.
    targets: BTreeMap<AppName, TargetName>,
    /// The host of our own pages.
    own_host: String,
    settings: Settings,
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
    /// The verbs over `store`, with `policy` deciding.
    pub fn new(
        store: Store,
        policy: Policy,
        targets: BTreeMap<AppName, TargetName>,
        own_host: String,
        settings: Settings,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner { store, policy, targets, own_host, settings, clock }))
    }
}
