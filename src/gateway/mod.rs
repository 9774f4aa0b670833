//! The gate in front of every app: it lets a request through with proof of who sent it, or says why not. It
//! reads sessions and never writes; it knows no provider, no policy and no target.
//!
//! What happens to a request, outermost first:
//!
//! 1. [`listen`]: who is connected, and whose word on that counts. Known once for a connection, before it asks.
//! 2. [`route`]: one canonical reading of host and path. Before all else, because what comes after it judges that reading,
//!    and the same bytes go on: an app must not see another request than the one that was judged.
//! 3. Our own pages, on our own host and below `/.guestpass/` on every other, leave here for the main runtime:
//!    they sleep and block, which a worker must not.
//! 4. The session, from memory: that of a cookie, or of an access token where the app takes some. Not before the host is
//!    known, since either opens one host only.
//! 5. [`authorize`]: session, app, rule and moment to a permit. The clock is read here and once, so that an end
//!    holds to the moment, even if every background task sleeps.
//! 6. [`headers`]: what the client claims is stripped, then what we know is said, so that a client can neither
//!    forge nor remove it. Last before forwarding: nothing can slip in between.
//! 7. Forwarding, which takes a permit. Both ways are streamed, and what lasts longer than a moment is watched
//!    until the permit ends.
//!
//! A refused request never reaches an app, unless the app is observed, not enforced: then it goes on as nobody's.

pub mod access_log;
pub mod app;
pub mod assertion;
pub mod authorize;
pub mod headers;
pub mod listen;
pub mod live;
pub mod route;
pub mod settings;
pub mod tally;
pub mod upstream;

mod answer;
mod bearer;
mod body;
mod denied;
mod forward;
mod forward_auth;
mod forwarded;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod grant;
mod memo;
mod path;
mod request_id;
mod reset;
mod short;
mod step_up;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod traced;
mod tunnel;
mod upload;
mod watch;
mod websocket;
mod worker;

use crate::clock::Clock;
use crate::session::Sessions;
use crate::trace::Traces;
use listen::{Drain, Entrance};
use std::sync::Arc;
use tokio::runtime::Handle;

pub use access_log::AccessLog;
pub use app::{App, Field, Rule};
pub use assertion::Assertions;
pub use live::{Live, Plan};
pub use route::Routes;
pub use settings::{Mistake, Settings};
pub use tally::Tallies;
pub use worker::{Running, start};

/// All that the gate needs.
pub struct Gateway {
    /// Where clients come in.
    pub entrance: Entrance,
    /// How many workers; about one for each core.
    pub workers: usize,
    /// What is where, and our own pages, as long as that holds.
    pub live: Arc<Live>,
    /// Who is there.
    pub sessions: Sessions,
    /// What apps are told.
    pub assertions: Arc<Assertions>,
    /// Where requests are counted.
    pub tallies: Tallies,
    /// Where a share of requests is traced.
    pub traces: Option<Traces>,
    /// Where each request leaves a line.
    pub access_log: Option<AccessLog>,
    /// Where our own pages run.
    pub main: Handle,
    /// What time it is.
    pub clock: Clock,
    /// Says when the gateway is to stop.
    pub drain: Drain,
}
