//! Who is there: from a cookie's value to a live session, read from memory when warm.

pub mod cookie;

pub use crate::store::{Access, Account, Held, Person, Session, TokenHash, Unavailable, token_hash};

use crate::names::AppName;
use crate::store::Store;
use cookie::Cookie;
use http::HeaderMap;
use jiff::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Finds sessions. Cheap to clone; made for the gateway's workers, which never touch the store themselves.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    /// Where the store's connections live.
    main: Handle,
}

impl Sessions {
    /// Finds sessions in `store`, whose connections live on the runtime `main`.
    pub fn new(store: Store, main: Handle) -> Self {
        Self { store, main }
    }

    /// The session under this hash, if it is in memory and still holds.
    pub fn cached(&self, token: &TokenHash) -> Option<Arc<Session>> {
        self.store.cached_session(token)
    }

    /// The session under this hash, as [`token_hash`] makes it of a cookie's value; `None` where there is none or it was
    /// revoked.
    ///
    /// # Errors
    /// [`Unavailable`] where the store cannot be asked: that is not a no.
    pub async fn find(&self, token: &TokenHash) -> Result<Option<Arc<Session>>, Unavailable> {
        let (store, token) = (self.store.clone(), *token);
        if let Some(session) = store.cached_session(&token) {
            return Ok(Some(session));
        }
        self.main.spawn(async move { store.session(&token).await }).await.map_err(|_| Unavailable)?
    }

    /// Takes note that the person of `session` used `app` at `at`: in memory, to be written down later.
    pub fn used(&self, session: &Session, app: &AppName, at: Timestamp) {
        self.store.note_use(session, app, at);
    }
}

impl Sessions {
    /// The live session that a request's cookie names on `host`.
    ///
    /// # Errors
    /// [`Unavailable`] where the store cannot be asked.
    pub async fn on(
        &self,
        host: &str,
        headers: &HeaderMap,
        cookie: Cookie,
        now: Timestamp,
    ) -> Result<Option<Arc<Session>>, Unavailable> {
        let Some(token) = cookie.find(headers) else { return Ok(None) };
        let session = self.find(&token_hash(token)).await?;
        Ok(session.filter(|session| *session.host == *host && now < session.until))
    }
}

#[cfg(test)]
impl Sessions {
    /// Finds what [`Sessions::hold`] is given, over a store of its own.
    pub(crate) async fn for_tests() -> Self {
        let store = Store::for_tests(jiff::Timestamp::UNIX_EPOCH).await;
        Self::new(store, Handle::current())
    }

    /// Puts a session in place of the one that the cookie value named before, which is stale from then on.
    pub(crate) fn hold(&self, token: &str, session: Session) {
        let before = self.cached(&token_hash(token));
        self.store.hold(token_hash(token), session);
        if let Some(before) = before {
            before.mark.make_stale();
        }
    }
}

/// Where a request came in, as the gateway found out: the doors behind it need not, and must not, judge again.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The app whose host was asked for; `None` for our own host.
    pub app: Option<AppName>,
    /// That host, as sessions are bound to it.
    pub host: Arc<str>,
    /// Who the client is.
    pub client: IpAddr,
}
