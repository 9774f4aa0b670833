//! How clients come in, and go: everything between a socket and a request with a known sender. It reads no request;
//! what it knows of a connection is a [`Peer`].
//!
//! A connection is accepted on the main runtime ([`accept`]), given to the worker that has the fewest, and stays
//! there. First [`greet`] finds out who is there: a PROXY protocol header from a trusted proxy ([`proxy`]), a TLS
//! handshake ([`tls`]), and whether HTTP/2 or HTTP/1.1 is spoken. Then [`http`] serves it until it ends or the
//! gateway leaves ([`drain`]).
//!
//! What another door answers on a listener of its own goes the same way to [`pages`] instead.
//!
//! What a client can make us hold is bounded before it is known: how many there are ([`limits`]), how long they may
//! take for each step, how long a header may be. Nobody's word on who a client is counts unless they are trusted.

mod accept;
mod attend;
mod certificates;
mod drain;
mod greet;
mod http;
mod limits;
mod listener;
mod pages;
mod peer;
mod proxy;
pub mod settings;
mod stream;
#[cfg(test)]
mod tests;
mod timely;
mod tls;

use std::time::Duration;

pub use certificates::Shown;
pub use drain::Drain;
pub use limits::{descriptors, most_connections};
pub use listener::Listener;
pub use pages::serve;
pub use peer::{Peer, Secured, TrustedProxy};
pub use tls::Tls;

#[cfg(fuzzing)]
pub(super) use proxy::{Reading, read as read_introduction};

pub(super) use accept::{Crowd, Handed, accept};
pub(super) use attend::Attendant;
pub(super) use stream::Stream;
pub(super) use timely::{BrokenOff, Timely};

/// Where clients come in, and what they may take.
pub struct Entrance {
    /// Where they connect.
    pub listeners: Vec<Listener>,
    /// Whose word on who a client is counts.
    pub trusted: Vec<TrustedProxy>,
    /// How many connections may be open.
    pub most: usize,
    /// How long a client may take.
    pub patience: Patience,
    /// How long requests may take to finish once nothing more is accepted.
    pub finish: Duration,
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a PROXY protocol header and for a TLS handshake, each.
    pub greeting: Duration,
    /// For the head of a request, and between requests. Longer than what load balancers keep connections for, so that
    /// they and not we close first.
    pub head: Duration,
    /// For each piece of a request's body.
    pub body: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { greeting: seconds(10), head: seconds(75), body: seconds(60) }
    }
}
