//! The operators' doors: a unix socket that only the owner of the process may open, and the admin API, which asks programs
//! for a token, and lets people in whom policy makes operators. All answer the same [`routes`] in the same way. Whatever changes something goes through the running
//! gateway, so that the bell rings and the cache hears.

mod caller;
mod calls;
mod explain;
mod failure;
mod openapi;
mod orders;
mod page;
mod people;
mod plan;
mod reads;
mod reload;
mod route;
mod routes;
mod targets;
mod tokens;

pub use calls::Calls;
pub use people::People;
pub use plan::{Planned, PlannedAccount, PlannedCall};
pub use reload::{Reloaded, Reloads, Wish};
pub use targets::{Difference, Drift, Imported, Inquiries, Inquiry, Match, Seats, TargetRow};

use crate::clock::Clock;
use crate::lifecycle::{Error, Lifecycle};
use crate::names::UserId;
use crate::socket;
use crate::store::Store;
use anyhow::Context;
use axum::Router;
use caller::Guard;
use failure::Failure;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// What these doors need.
#[derive(Clone)]
pub struct Deps {
    /// To read.
    pub store: Store,
    /// To change.
    pub lifecycle: Lifecycle,
    /// What time it is.
    pub clock: Clock,
    /// Whoever can load the configuration.
    pub reloads: Reloads,
    /// Whoever can speak to targets.
    pub inquiries: Inquiries,
}

/// The admin API: who calls has to show a token, and `calls` keeps who called.
pub fn api(deps: Deps, calls: Calls) -> Router {
    routes::router(&deps, &Guard::Tokens(calls))
}

/// The same for people who are signed in, below `/admin/api` on our own host: policy says what they may.
pub fn for_people(deps: Deps, calls: Calls, people: People) -> Router {
    Router::new().nest(people::PEOPLE_AT, routes::router(&deps, &Guard::People(calls, Arc::new(people))))
}

/// Binds the socket at `path`, for the owner alone.
///
/// # Errors
/// Where the path is taken or cannot be written.
pub fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    let said = || format!("cannot listen on {}", path.display());
    let listener = socket::bind(path, 0o600).with_context(said)?;
    listener.set_nonblocking(true).with_context(said)?;
    UnixListener::from_std(listener).with_context(said)
}

/// Serves the socket at `listener` until `stop`.
pub async fn run(listener: UnixListener, deps: Deps, stop: CancellationToken) {
    let router = routes::router(&deps, &Guard::Socket);
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = served.await {
        tracing::error!(%error, "the operators' socket failed");
    }
}

/// Wishes something of whoever takes such wishes, and waits for what comes of it.
async fn wish<W, T>(
    takers: &mpsc::Sender<W>,
    wish: impl FnOnce(oneshot::Sender<T>) -> W,
) -> Result<T, Failure> {
    let (answer, answered) = oneshot::channel();
    // Both ends fail only while the gateway stops.
    let stopping = || Error::Invalid("the gateway is stopping".to_owned());
    takers.send(wish(answer)).await.map_err(|_| stopping())?;
    Ok(answered.await.map_err(|_| stopping())?)
}

/// A person by their id, or as `subject@provider`: subjects may hold an `@`, names of providers never do.
async fn find(deps: &Deps, person: &str) -> Result<UserId, Failure> {
    if let Ok(id) = person.parse() {
        return Ok(id);
    }
    let missing = || Error::NotFound("person", person.to_owned());
    let (sub, provider) = person.rsplit_once('@').ok_or_else(missing)?;
    let mut users: Vec<_> =
        deps.store.find_identities(provider, sub).await?.into_iter().map(|found| found.user).collect();
    users.dedup();
    match users[..] {
        [] => Err(missing().into()),
        [user] => Ok(user),
        // Never whichever comes first: an order would be carried out, and on somebody else.
        _ => {
            let ids = users.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Err(Error::Invalid(format!("several people are called {person}; name one by id: {ids}")).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn the_socket_is_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guestpass.sock");
        drop(bind(&path).unwrap());
        let _again = bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
