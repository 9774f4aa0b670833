//! Access tokens of a provider that programs show to apps: verified by its keys where they are JWTs, else by asking it.

use super::http::SendError;
use super::known::Known;
use super::settings::Wrong;
use super::{Error, Issuer};
use crate::identity::{Access, Algorithm, Claims, KeySet, Typ};
use crate::span::Span;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// How access tokens of a provider are believed, as the configuration says it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AccessTokens {
    /// What one that is a JWT has to say that it is.
    pub typ: Typ,
    /// By which algorithms it may be signed; those of ID tokens unless said.
    pub algorithms: Option<Vec<Algorithm>>,
    /// How long it may be good, from when it was made.
    pub max_lifetime: Span,
    /// Whether the provider is asked about those that are no JWT.
    pub introspect: bool,
    /// Whether programs that speak for themselves get accounts where their roles give some.
    pub machine_accounts: bool,
}

impl Default for AccessTokens {
    fn default() -> Self {
        Self {
            typ: Typ::default(),
            algorithms: None,
            max_lifetime: Span::hours(24),
            introspect: false,
            machine_accounts: false,
        }
    }
}

impl AccessTokens {
    /// What is wrong with it, if anything is.
    pub(super) fn mistake(&self) -> Option<Wrong> {
        let none = self.algorithms.as_ref().is_some_and(Vec::is_empty);
        let at = &["access-tokens", "algorithms"];
        none.then(|| Wrong::new(at, "no access token could be believed", "leave it out, or name one"))
    }
}

impl Issuer {
    /// How access tokens of its are believed, if they are.
    pub fn access_tokens(&self) -> Option<&AccessTokens> {
        self.settings.access_tokens.as_ref()
    }

    /// What the JWT `token` says that is for an API with one of these names.
    ///
    /// # Errors
    /// [`Error::Unverified`] where it is not believed, [`Error::Unavailable`] where the keys cannot be read.
    pub async fn read_access_token(
        &self,
        token: &SecretString,
        audiences: &[String],
    ) -> Result<Claims, Error> {
        let known = self.known().await?;
        let (access, now) = (self.access(&known, audiences)?, self.clock.now());
        let verify = |keys: &KeySet| Claims::verify_access_token(token.expose_secret(), keys, &access, now);
        self.by_keys(&known, verify).await
    }

    /// What the provider says of `token`, which has to be for an API with one of these names (RFC 7662).
    ///
    /// # Errors
    /// [`Error::Unverified`] where it says that it is not good, and others where it says nothing.
    pub async fn introspect(&self, token: &SecretString, audiences: &[String]) -> Result<Claims, Error> {
        let known = self.known().await?;
        let Some(url) = &known.metadata.introspection_endpoint else {
            let why = "it names no place where tokens can be asked about".to_owned();
            return Err(Error::Refused(self.name.clone(), why));
        };
        let asked = [("token", token.expose_secret()), ("token_type_hint", "access_token")];
        let reply = self.post(&known, url, &asked).await?;
        let said = serde_json::from_slice(&reply.body)
            .map_err(|error| self.unavailable(SendError::Unreadable(url.clone(), error)))?;
        self.is_there();
        let (access, now) = (self.access(&known, audiences)?, self.clock.now());
        Claims::of_introspection(said, &access, now).map_err(|error| self.unverified(error))
    }

    fn access<'a>(&'a self, known: &'a Known, audiences: &'a [String]) -> Result<Access<'a>, Error> {
        let Some(settings) = &self.settings.access_tokens else {
            let why = "it is not said that its access tokens are believed".to_owned();
            return Err(Error::Refused(self.name.clone(), why));
        };
        Ok(Access {
            provider: &self.name,
            issuer: &known.metadata.issuer,
            audiences,
            algorithms: settings.algorithms.as_ref().unwrap_or(&self.settings.id_token_algorithms),
            typ: settings.typ,
            longest: settings.max_lifetime.length(),
            groups: &self.settings.groups,
        })
    }
}
