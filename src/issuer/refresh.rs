//! A provider is asked again about somebody who has signed in (OpenID Connect Core, section 12).

use super::tokens::Tokens;
use super::{Error, Issuer};
use crate::identity::{Claims, KeySet, Subject};
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};

/// A refresh token, and how often it is to be used.
#[derive(Clone)]
pub struct Refreshable {
    /// The token.
    pub token: SecretString,
    /// How often.
    pub every: SignedDuration,
}

/// What a provider gave for a refresh token.
pub struct Renewed(pub(super) Tokens);

impl Renewed {
    /// What takes the token's place, where it gave another.
    pub fn refresh_token(&self) -> Option<&SecretString> {
        self.0.refresh_token.as_ref()
    }
}

impl Issuer {
    /// How often it is asked, if at all.
    pub fn refreshes_every(&self) -> Option<SignedDuration> {
        self.settings.refresh.map(|every| every.length())
    }

    /// Asks with a refresh token.
    ///
    /// # Errors
    /// [`Error::Grant`] where the provider does not know it, or not any more.
    pub async fn refresh(&self, token: &SecretString) -> Result<Renewed, Error> {
        let known = self.known().await?;
        let grant = [("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())];
        self.tokens(&known, &grant).await.map(Renewed)
    }

    /// What the provider says now of `subject`: by an ID token where it gave one, and by userinfo.
    ///
    /// # Errors
    /// [`Error::Unverified`] where it cannot be believed, or is about somebody else.
    pub async fn confirm(&self, renewed: &Renewed, subject: &Subject) -> Result<Claims, Error> {
        let known = self.known().await?;
        let Renewed(tokens) = renewed;
        let (expected, now) = (self.expected(&known), self.clock.now());
        let claims = match &tokens.id_token {
            Some(id_token) => {
                let access_token = tokens.access_token.expose_secret();
                let verify = |keys: &KeySet| {
                    Claims::verify_again(
                        id_token.expose_secret(),
                        keys,
                        &expected,
                        access_token,
                        subject,
                        now,
                    )
                };
                self.by_keys(&known, verify).await?
            }
            None => Claims::of_known(subject, &expected).map_err(|error| self.unverified(error))?,
        };
        self.complete(claims, &known, &tokens.access_token).await
    }
}
