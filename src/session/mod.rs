//! Who is there: from a cookie to a live session, read from memory when warm.

pub mod cookie;

use crate::account::Because;
use crate::names::{AppName, ProviderName, RoleName, SessionId, SignInId, UserId};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A live sign-in on one host, with all that the gate needs to judge a request without asking anybody.
#[derive(Debug)]
pub struct Session {
    /// Which session.
    pub id: SessionId,
    /// The sign-in it hangs on; revoking that ends all its sessions.
    pub sign_in: SignInId,
    /// Whose.
    pub user: UserId,
    /// The host whose cookie it is; it opens no other.
    pub host: String,
    /// Who they are.
    pub person: Person,
    /// When the session itself ends.
    pub until: Timestamp,
    /// What they hold, and what they held, for each app.
    pub access: Vec<Access>,
    /// True once a commit has touched this person.
    pub outdated: watch::Sender<bool>,
}

impl Session {
    /// Whether no commit has touched this person since it was read.
    pub fn is_current(&self) -> bool {
        !*self.outdated.borrow()
    }

    /// Resolves when it is no longer current.
    pub async fn changed(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.outdated.subscribe().wait_for(|outdated| *outdated).await;
    }
}

/// The store cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store cannot be asked")]
pub struct Unavailable;

/// All live sessions. Stand-in: a map.
#[derive(Clone, Default)]
pub struct Sessions {
    kept: Arc<Mutex<HashMap<String, Arc<Session>>>>,
}

impl Sessions {
    /// Holds `session` under `token`; one that was held there before is current no longer.
    pub fn hold(&self, token: &str, session: Session) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = kept.insert(token.to_owned(), Arc::new(session)) {
            old.outdated.send_replace(true);
        }
    }

    /// The session of `token`, from memory only.
    pub fn cached(&self, token: &str) -> Option<Arc<Session>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    /// The session of `token`, from memory, else from the store.
    pub async fn find(&self, token: &str) -> Result<Option<Arc<Session>>, Unavailable> {
        Ok(self.cached(token))
    }
}

/// A person as their identity provider names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The provider they signed in at, as the configuration calls it.
    pub provider: ProviderName,
    /// The provider's issuer.
    pub issuer: String,
    /// The provider's subject.
    pub sub: String,
    /// What people call them.
    pub display_name: Option<String>,
    /// Their verified e-mail address.
    pub email: Option<String>,
}

/// What one person has in one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The app.
    pub app: AppName,
    /// Grants, ended ones too, so that a page can say when and why.
    pub held: Vec<Held>,
    /// The account behind it.
    pub account: Account,
}

/// A grant as the gate sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The role.
    pub role: RoleName,
    /// Half-open: at this moment it is over. Compared with the clock on every request.
    pub until: Timestamp,
    /// Why it ends, or ended, then.
    pub because: Because,
    /// Whether it was ended for good; then `until` is when. The clock cannot bring it back.
    pub ended: bool,
}

impl Held {
    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.ended && now < self.until
    }
}

/// How far the account in the app's target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// The app has no accounts of its own.
    NotNeeded,
    /// Being made, or made anew, or enabled; the person waits.
    Preparing,
    /// It exists and may be used; the target's own id.
    Ready(String),
    /// The target refused it; an operator sees why.
    Stuck,
}
