//! How long what was permitted may go on. A request is judged once, when it comes; what outlives its answer's
//! first bytes (a stream, a WebSocket) is watched until its permit ends.

use super::Gateway;
use super::authorize::{Permit, authorize};
use super::live::Plan;
use super::settings::Rule;
use http::uri::PathAndQuery;
use std::sync::Arc;

/// A permit, and all it takes to judge again.
pub(super) struct Watch {
    pub(super) permit: Permit,
    pub(super) token: Option<String>,
    /// Where in the app; rules hang on it.
    pub(super) path: Option<PathAndQuery>,
    /// The plan by which it was judged.
    pub(super) plan: Arc<Plan>,
    pub(super) gateway: Arc<Gateway>,
}

impl Watch {
    /// Resolves when the permit has ended: its moment came, or the person or the plan changed and it would not be
    /// given again. An app that is not in the plan any more is open to nobody.
    pub(super) async fn over(mut self) {
        loop {
            tokio::select! {
                () = self.deadline() => return,
                () = self.person_changed() => {}
                () = self.gateway.live.changed(&self.plan) => self.plan = self.gateway.live.plan(),
            }
            if !self.judge_again().await {
                return;
            }
        }
    }

    async fn deadline(&self) {
        match self.permit.guest() {
            Some(guest) => self.gateway.clock.sleep_until(guest.until()).await,
            None => std::future::pending().await,
        }
    }

    async fn person_changed(&self) {
        match self.permit.guest() {
            Some(guest) => guest.session().changed().await,
            None => std::future::pending().await,
        }
    }

    /// Whether a permit is given still.
    async fn judge_again(&mut self) -> bool {
        let Some(app) = self.plan.routes.app(&self.permit.app().name) else { return false };
        let rule = app.rule(self.path.as_ref().map_or("/", PathAndQuery::path));
        loop {
            let session = match &self.token {
                // Who cannot be judged is not let in, and so not kept in either.
                Some(token) if **rule != Rule::Public => match self.gateway.sessions.find(token).await {
                    Ok(session) => session,
                    Err(_) => return false,
                },
                _ => None,
            };
            match authorize(session.clone(), app, rule, self.gateway.clock.now()) {
                Ok(permit) => {
                    self.permit = permit;
                    return true;
                }
                // Changed once more between reading and judging: read again.
                Err(_) if session.is_some_and(|session| !session.is_current()) => {}
                Err(_) => return false,
            }
        }
    }
}
