//! A session as the gate sees it: all that it needs to judge a request without asking anybody. There may be a million
//! in memory, so what many say alike is shared, and nothing has room to spare.

use super::cache::Mark;
use super::uses::Noted;
use crate::account::{Because, Circumstances, Limit, Opening, Strength};
use crate::names::{AppName, IdentityId, ProviderName, RoleName, SessionId, SignInId, UserId};
use jiff::Timestamp;
use std::sync::Arc;

/// A live sign-in on one host.
#[derive(Debug)]
pub struct Session {
    /// Which session.
    pub id: SessionId,
    /// The sign-in it hangs on; revoking that ends all its sessions.
    pub sign_in: SignInId,
    /// Whose.
    pub user: UserId,
    /// The identity they signed in with: its grants are what the session opens.
    pub identity: IdentityId,
    /// The host whose cookie it is; it opens no other.
    pub host: Arc<str>,
    /// Who they are.
    pub person: Person,
    /// When the session itself ends.
    pub until: Timestamp,
    /// What they hold, and what they held, for each app.
    pub access: Box<[Access]>,
    /// How strongly they signed in; kept only where something that they hold asks for it.
    pub strength: Option<Box<Strength>>,
    pub(crate) noted: Noted,
    pub(crate) mark: Arc<Mark>,
}

impl Session {
    /// Whether what it says still holds; a commit that touched its person makes it stale.
    pub fn is_current(&self) -> bool {
        !self.mark.is_stale()
    }

    /// Waits until it no longer holds.
    pub async fn changed(&self) {
        self.mark.stale().await;
    }

    /// How strongly its person has signed in, as far as anything hangs on it.
    pub fn strength(&self) -> &Strength {
        static UNKNOWN: Strength = Strength { acr: None, amr: Vec::new(), auth_time: None };
        self.strength.as_deref().unwrap_or(&UNKNOWN)
    }
}

/// A person as their identity provider names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The provider they signed in at, as the configuration calls it.
    pub provider: ProviderName,
    /// The provider's issuer.
    pub issuer: Arc<str>,
    /// The provider's subject.
    pub sub: Box<str>,
    /// What people call them.
    pub display_name: Option<Box<str>>,
    /// Their verified e-mail address.
    pub email: Option<Box<str>>,
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.sub, self.provider)
    }
}

/// What one person has in one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The app.
    pub app: AppName,
    /// Grants, ended ones too, so that a page can say when and why.
    pub held: Box<[Held]>,
    /// The account behind it.
    pub account: Account,
}

/// A grant as the gate sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What the role opens, and under which conditions.
    pub opening: Arc<Opening>,
    /// Half-open: at this moment it is over. Compared with the clock on every request.
    pub until: Timestamp,
    /// Why it ends, or ended, then.
    pub because: Because,
    /// Whether it was ended for good; then `until` is when. The clock cannot bring it back.
    pub ended: bool,
}

impl Held {
    /// The role.
    pub fn role(&self) -> &RoleName {
        &self.opening.role
    }

    /// Whether it opens anything at `now`, if its conditions hold.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.ended && now < self.until
    }

    /// Until when a grant that is live opens what it opens, in these circumstances.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn judge(&self, circumstances: &Circumstances<'_>) -> Result<Timestamp, Limit> {
        self.opening.judge(circumstances).map(|holds| holds.min(self.until))
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
    Ready(Box<str>),
    /// The target refused it; an operator sees why.
    Stuck,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_takes_no_more_room_than_it_did() {
        // With the two counts of its Arc it fills a block of 256 bytes; there may be a million.
        assert!(size_of::<Session>() + 16 <= 256, "{}", size_of::<Session>());
        assert!(
            size_of::<Access>() <= 56 && size_of::<Held>() <= 56,
            "{} {}",
            size_of::<Access>(),
            size_of::<Held>()
        );
    }
}
