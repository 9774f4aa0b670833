//! One connection on its worker, from its first byte to its last.

use super::accept::Handed;
use super::drain::Phase;
use super::greet::{Guest, TurnedAway, greet};
use super::http::{Client, Http};
use super::peer::TrustedProxy;
use super::stream::Socket;
use super::{Entrance, Patience};
use crate::gateway::gate::Gate;
use crate::gateway::memo::Memo;
use std::sync::Arc;

/// What one worker serves its connections with.
pub(in crate::gateway) struct Attendant {
    gate: Arc<Gate>,
    http: Http,
    trusted: Vec<TrustedProxy>,
    patience: Patience,
    phase: Phase,
}

impl Attendant {
    pub(in crate::gateway) fn new(gate: Gate, entrance: &Entrance, phase: Phase) -> Self {
        let (trusted, patience) = (entrance.trusted.clone(), entrance.patience);
        Self { gate: Arc::new(gate), http: Http::new(patience), trusted, patience, phase }
    }

    /// Serves a connection until it ends. One that is no more than a socket when nothing more is accepted is closed.
    pub(in crate::gateway) async fn attend(self: Arc<Self>, handed: Handed) {
        let Handed { accepted, way, held } = handed;
        let socket = accepted.origin().and_then(|origin| Ok((origin, Socket::new(accepted, held)?)));
        let (origin, socket) = match socket {
            Ok(opened) => opened,
            Err(error) => {
                tracing::debug!(%error, "a connection cannot be used: {error}");
                return;
            }
        };
        let greeted = greet(socket, origin, &way, &self.trusted, self.patience);
        let Guest { stream, peer, http2 } = match self.phase.closed.run_until_cancelled(greeted).await {
            None => return,
            Some(Ok(guest)) => guest,
            Some(Err(error @ (TurnedAway::NotTrusted | TurnedAway::Malformed(_)))) => {
                tracing::info!(peer = %origin, "a connection was closed: {error}");
                return;
            }
            Some(Err(error)) => {
                tracing::debug!(peer = %origin, "a connection was closed: {error}");
                return;
            }
        };
        let address = peer.address;
        let client = Arc::new(Client {
            gate: self.gate.clone(),
            peer,
            memo: Memo::default(),
            phase: self.phase.clone(),
        });
        let served = if http2 {
            // HTTP/2 has more to remember; whoever speaks HTTP/1.1 is not to hold room for it.
            Box::pin(self.http.serve_2(stream, client)).await
        } else {
            self.http.serve_1(stream, client).await
        };
        if let Err(error) = served {
            tracing::debug!(peer = %address, %error, "a connection broke off: {error}");
        }
    }
}
