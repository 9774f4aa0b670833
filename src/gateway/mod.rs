//! The gate in front of every app: it lets a request through with proof of who sent it, or says why not. It
//! reads sessions and never writes; it knows no provider, no policy and no target.
//!
//! What happens to a request, outermost first:
//!
//! 1. [`route`]: one canonical reading of host and path. First, because everything after it judges that reading,
//!    and the same bytes go on: an app must not see another request than the one that was judged.
//! 2. Our own pages, on our own host and below `/.guestpass/` on every other, leave here for the main runtime:
//!    they sleep and block, which a worker must not.
//! 3. The session, from memory. Not before the host is known, since a cookie opens one host only.
//! 4. [`authorize`]: session, app, rule and moment to a permit. The clock is read here and once, so that an end
//!    holds to the moment, even if every background task sleeps.
//! 5. [`headers`]: what the client claims is stripped, then what we know is said, so that a client can neither
//!    forge nor remove it. Last before forwarding: nothing can slip in between.
//! 6. Forwarding, which takes a permit. Both ways are streamed, and what lasts longer than a moment is watched
//!    until the permit ends.
//!
//! A refused request never reaches an app.

pub mod assertion;
pub mod authorize;
pub mod headers;
pub mod live;
pub mod route;
pub mod settings;

mod answer;
mod body;
mod forward;
mod gate;
mod path;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tunnel;
mod upstream;
mod watch;
mod worker;

use crate::clock::Clock;
use crate::session::Sessions;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

pub use assertion::Assertions;
pub use live::{Live, Plan};
pub use route::Routes;
pub use settings::{App, Field, Mistake, Rule, Settings};
pub use worker::{Running, start};

/// All that the gate needs.
pub struct Gateway {
    /// Where clients connect.
    pub listeners: Vec<TcpListener>,
    /// How many workers; about one for each core.
    pub workers: usize,
    /// What is where, and our own pages, as long as that holds.
    pub live: Arc<Live>,
    /// Who is there.
    pub sessions: Sessions,
    /// What apps are told.
    pub assertions: Arc<Assertions>,
    /// Where our own pages run.
    pub main: Handle,
    /// What time it is.
    pub clock: Clock,
    /// Cancelled when the gateway is to stop.
    pub stop: CancellationToken,
}
