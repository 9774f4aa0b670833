//! What should be: one verb, one file, one transaction. Nobody else changes people, access or sessions.
//!
//! Every verb reads what stands, decides by the ground floor, and writes cause and consequence together: grants,
//! what each account should be from then on, and the event. Doing it in targets is `provision`'s.

mod bear;
mod called;
pub mod compare;
mod decide;
mod desire;
mod end;
mod expire;
mod explain;
mod extend;
pub mod follow;
mod guard;
mod link;
mod login;
mod logout;
mod observe;
mod open;
mod plan;
mod refresh;
mod refuse;
mod renew;
mod restore;
mod retain;
mod retry;
mod revise;
mod revoke;
mod rotate;
mod signal;
#[cfg(test)]
mod tests;
mod tokens;
mod uses;

pub use bear::Borne;
pub use expire::run as expire;
pub use guard::{Effect, Guard};
pub use login::Admission;
pub use plan::{Plan, Planned};
pub use refuse::Refused;
pub use retain::{Retention, run as retain};
pub use revise::run as revise;
pub use signal::{Heard, Signal};
pub use tokens::Issued;
pub use uses::run as count_uses;

use crate::audit::Actor;
use crate::clock::Clock;
use crate::identity::GroupsSettings;
use crate::names::{AppName, ProviderName, TargetName};
use crate::policy::Policy;
use crate::store::{self, Store, Tx};
use arc_swap::ArcSwap;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{Mutex, Notify};

/// How long things last where policy does not say.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// After how long without a word from the provider access without a `ttl` ends.
    pub lapse: SignedDuration,
    /// How long a sign-in lasts, where no role says less.
    pub session: SignedDuration,
    /// How many people another policy may take access from unasked.
    pub guard: Guard,
    /// For how long what is over is remembered.
    pub retention: Retention,
}

/// By what everything is decided.
pub struct Rules {
    /// Who gets what.
    pub policy: Arc<Policy>,
    /// How each provider tells groups.
    pub groups: BTreeMap<ProviderName, GroupsSettings>,
    /// Where the accounts of each app live; an app without an entry has none.
    pub targets: BTreeMap<AppName, TargetName>,
    /// The providers whose machines get accounts, too.
    pub machine_accounts: BTreeSet<ProviderName>,
    /// How long an access token may be good, from when it was made; nothing, where none is believed.
    pub token_life: SignedDuration,
    /// Apps that are observed, not enforced: no account is made for them, and none is given more.
    pub observed: BTreeSet<AppName>,
    /// Entitlements by which one may do much in a target: who has them loses them before others lose theirs.
    pub privileged: BTreeMap<TargetName, BTreeSet<String>>,
    /// How long things last.
    pub settings: Settings,
}

/// The verbs. Cheap to clone.
#[derive(Clone)]
pub struct Lifecycle(Arc<Shared>);

struct Shared {
    inner: ArcSwap<Inner>,
    /// Rung when other rules hold.
    replaced: Notify,
    /// Held while uses are written down.
    counting: Mutex<()>,
}

/// What one transaction goes by, from its beginning to its end.
struct Inner {
    store: Store,
    rules: Rules,
    /// The host of our own pages.
    own_host: String,
    clock: Clock,
    /// Whether the guard has let these rules pass, or somebody has said that they are meant.
    let_pass: bool,
}

/// An operator, and why they act.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who it is.
    pub by: Actor,
    /// Their words.
    pub why: String,
}

impl Order {
    fn actor(&self) -> Actor {
        self.by.clone()
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
        let inner = ArcSwap::from_pointee(Inner { store, rules, own_host, clock, let_pass: false });
        Self(Arc::new(Shared { inner, replaced: Notify::new(), counting: Mutex::default() }))
    }

    /// Lets `rules` decide from now on, which the guard has let pass. What has begun goes by those that it began with.
    pub fn replace(&self, rules: Rules) {
        let before = self.inner();
        let (store, own_host, clock) = (before.store.clone(), before.own_host.clone(), before.clock.clone());
        self.0.inner.store(Arc::new(Inner { store, rules, own_host, clock, let_pass: true }));
        self.0.replaced.notify_waiters();
    }

    fn inner(&self) -> Arc<Inner> {
        self.0.inner.load_full()
    }
}

impl Inner {
    async fn begin(&self) -> Result<Tx, store::Error> {
        self.store.begin(self.clock.now()).await
    }
}
