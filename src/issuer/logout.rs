//! Signing out at a provider, and its word that somebody has.

use super::{Error, Issuer};
use crate::identity::{KeySet, LogoutToken};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Somebody who has signed out here.
pub struct Leaving<'a> {
    /// What the provider once said of them, if that was kept: by this it knows them best.
    pub id_token: Option<&'a SecretString>,
    /// Who they are to it.
    pub sub: &'a str,
    /// Where it is to send them.
    pub back: &'a Url,
    /// Comes back with them.
    pub state: &'a str,
}

impl Issuer {
    /// Whether people who sign out here can be sent there for the same.
    pub async fn ends_sessions(&self) -> bool {
        self.end_session_endpoint().await.is_some()
    }

    /// Where to send somebody who has signed out here, so that they sign out there, too (OpenID Connect RP-Initiated
    /// Logout 1.0, section 2); `None` where the provider has no such place, cannot be asked, or nobody is to be sent there.
    pub async fn sign_out(&self, leaving: &Leaving<'_>) -> Option<Url> {
        let Leaving { id_token, sub, back, state } = *leaving;
        let mut url = self.end_session_endpoint().await?;
        let who = match id_token {
            Some(id_token) => ("id_token_hint", id_token.expose_secret()),
            None => ("logout_hint", sub),
        };
        url.query_pairs_mut()
            .append_pair("client_id", &self.settings.client.id)
            .append_pair(who.0, who.1)
            .append_pair("post_logout_redirect_uri", back.as_str())
            .append_pair("state", state);
        Some(url)
    }

    async fn end_session_endpoint(&self) -> Option<Url> {
        if !self.settings.end_session {
            return None;
        }
        self.known().await.ok()?.metadata.end_session_endpoint.clone()
    }

    /// What a logout token says, if it is to be believed.
    ///
    /// # Errors
    /// [`Error::Unverified`] where it is not; [`Error::Unavailable`] where that cannot be told, since the provider's keys
    /// cannot be read.
    pub async fn logout_token(&self, token: &str) -> Result<LogoutToken, Error> {
        let known = self.known().await?;
        let (expected, now) = (self.expected(&known), self.clock.now());
        self.by_keys(&known, |keys: &KeySet| LogoutToken::verify(token, keys, &expected, now)).await
    }

    /// From where its pages come.
    pub fn origin(&self) -> String {
        self.settings.issuer.origin().ascii_serialization()
    }
}
