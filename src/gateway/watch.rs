//! How long what was permitted may go on. A request is judged once, when it comes; what outlives its answer's
//! first bytes (a stream, a WebSocket) is watched until its permit ends.

use super::authorize::Permit;
use crate::clock::Clock;
use crate::session::Sessions;

/// A permit, and all it takes to judge again.
pub(super) struct Watch {
    pub(super) permit: Permit,
    pub(super) token: Option<String>,
    pub(super) sessions: Sessions,
    pub(super) clock: Clock,
}

impl Watch {
    /// Resolves when the permit has ended: its moment came, or the person changed and it would not be given
    /// again. Never for a place that is public.
    pub(super) async fn over(mut self) {
        let (Some(token), true) = (self.token.take(), self.permit.guest().is_some()) else {
            return std::future::pending().await;
        };
        while let Some(guest) = self.permit.guest() {
            tokio::select! {
                () = self.clock.sleep_until(guest.until()) => return,
                () = guest.session().changed() => {}
            }
            // Who cannot be judged is not let in, and so not kept in either.
            let Ok(session) = self.sessions.find(&token).await else { return };
            match self.permit.renew(session.clone(), self.clock.now()) {
                Ok(permit) => self.permit = permit,
                // Changed once more between reading and judging: read again.
                Err(_) if session.is_some_and(|session| !session.is_current()) => {}
                Err(_) => return,
            }
        }
    }
}
