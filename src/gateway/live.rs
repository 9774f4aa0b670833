//! What changes while the gateway runs: what is where, and our own pages. A request keeps what it began with, so
//! that old and new never mix; what outlasts a change hears of it, and is judged anew.

use super::route::Routes;
use crate::bearer::Bearers;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;
use tokio::sync::watch;

/// What is where, at one time. Our own address and what hangs on it stay the same from plan to plan.
pub struct Plan {
    /// The apps.
    pub routes: Routes,
    /// Our own pages. They find out where a request came in by [`crate::session::Visit`], among its extensions.
    /// `GET /.guestpass/start?to=` on an app's host sends a person to sign in.
    pub pages: axum::Router,
    /// Who finds out about access tokens; where there is nobody, none is taken.
    pub bearers: Option<Bearers>,
}

/// The plan that holds now. Shared by all workers and whoever changes it.
pub struct Live {
    plan: ArcSwap<Plan>,
    bell: watch::Sender<()>,
}

impl Live {
    /// Begins with `plan`.
    pub fn new(plan: Plan) -> Self {
        Self { plan: ArcSwap::from_pointee(plan), bell: watch::Sender::new(()) }
    }

    /// The plan that holds now.
    pub(super) fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// The same, for a look: no count is touched that all workers share.
    pub(super) fn look(&self) -> Guard<Arc<Plan>> {
        self.plan.load()
    }

    /// Puts `plan` in place of the one before: for every request that begins from now on, and for the streams
    /// and tunnels that are open.
    pub fn replace(&self, plan: Plan) {
        self.plan.store(Arc::new(plan));
        self.bell.send_replace(());
    }

    /// Waits until another plan holds than the one that was `seen`.
    pub(super) async fn changed(&self, seen: &Arc<Plan>) {
        // Listen first, look then: a bell between the two is not missed.
        let mut bell = self.bell.subscribe();
        while Arc::ptr_eq(&self.plan.load(), seen) {
            // The sender lives in `self`, so the wait cannot fail.
            let _ = bell.changed().await;
        }
    }
}
