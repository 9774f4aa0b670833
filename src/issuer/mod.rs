//! An identity provider as we use it: where it is, which keys it signs with, and from a code to claims.
//!
//! Nothing is asked of it before somebody wants to sign in, so we start and go on without it. Whoever is sent there
//! is sent to a provider that has just answered, for a browser's own error page helps nobody. What it published is
//! kept for those who come back; keys are read again when a token names one that we do not know, at most once in ten
//! seconds, whoever asks.

mod access_tokens;
mod authorize;
mod credential;
mod examine;
mod http;
mod known;
mod logout;
mod metadata;
mod refresh;
mod settings;
mod tokens;
mod transmitter;
mod userinfo;

pub use access_tokens::AccessTokens;
pub use authorize::{Ask, Attempt};
pub use examine::{Examination, Symptom};
pub use logout::Leaving;
pub use refresh::{Refreshable, Renewed};
pub use settings::{Audience, ClientSettings, Method, ResponseMode, Settings, Wrong};
pub use transmitter::{NotReceived, Poll, Polled, Problem, Transmitter};

use self::http::Http;
use crate::causes::Causes;
use crate::certificate::ends_of;
use crate::clock::Clock;
use crate::identity::{Claims, Expected, KeySet, Occasion, Unverified};
use crate::names::ProviderName;
use credential::Credential;
use jiff::Timestamp;
use known::{Known, Published, Source};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokens::readable;
use url::Url;

/// Why nobody can be vouched for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The provider does not answer, or not sensibly: it may later.
    #[error("provider {0} cannot be reached: {1}")]
    Unavailable(ProviderName, String),
    /// The provider answers that it does not accept the code, or us.
    #[error("provider {0} refuses: {1}")]
    Refused(ProviderName, String),
    /// The provider does not accept a code or a refresh token, or not any more.
    #[error("provider {0} does not accept what it gave: {1}")]
    Grant(ProviderName, String),
    /// What it vouches for cannot be believed.
    #[error("provider {0}: {1}")]
    Unverified(ProviderName, Unverified),
}

/// A person vouched for.
pub struct Vouched {
    /// Who they are.
    pub claims: Claims,
    /// The ID token itself: a hint for signing out at the provider, where people are sent there for that.
    pub id_token: Option<SecretString>,
    /// By what it can be asked again, where it is to be.
    pub refresh: Option<Refreshable>,
}

/// What came back with the browser.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// The code, unless there is an error.
    pub code: String,
    /// What the provider says instead.
    pub error: Option<String>,
    /// Who says it (RFC 9207).
    pub iss: Option<String>,
}

/// A provider.
pub struct Issuer {
    name: ProviderName,
    settings: Settings,
    credential: Credential,
    redirect: Url,
    http: Http,
    clock: Clock,
    published: Published,
    transmitter: Option<Transmitter>,
    /// How often in a row it could not be reached. That of those before it at the same address.
    failures: Arc<AtomicU32>,
}

impl Issuer {
    /// The provider `name`, which sends people back to `redirect`.
    ///
    /// # Errors
    /// Where `settings` have mistakes, or the HTTP client cannot be made.
    pub fn new(name: ProviderName, settings: Settings, redirect: &Url, clock: Clock) -> anyhow::Result<Self> {
        let wrong = |wrong: Wrong| anyhow::anyhow!("{}", wrong.message);
        let credential = Credential::of(&settings.client).map_err(wrong)?;
        let http = Http::new(settings.authorities().map_err(wrong)?, credential.identity().cloned())?;
        let transmitter = Transmitter::of(&name, &settings, &http, &clock);
        let (redirect, published) = (redirect.clone(), Published::default());
        Ok(Self {
            name,
            settings,
            credential,
            redirect,
            http,
            clock,
            published,
            transmitter,
            failures: Arc::default(),
        })
    }

    /// The same provider with other `settings`. While its address stays, so does what it has published; who is on
    /// the way there with the old settings comes back to the new ones.
    ///
    /// # Errors
    /// As for [`Issuer::new`].
    pub fn renew(&self, settings: Settings) -> anyhow::Result<Self> {
        let mut renewed = Self::new(self.name.clone(), settings, &self.redirect, self.clock.clone())?;
        let shows = |issuer: &Self| issuer.credential.identity().is_some();
        if renewed.settings.issuer == self.settings.issuer && shows(&renewed) == shows(self) {
            renewed.published = self.published.clone();
            renewed.failures = self.failures.clone();
        }
        if let (Some(renewed), Some(before)) = (&mut renewed.transmitter, &self.transmitter) {
            renewed.goes_on_from(before);
        }
        Ok(renewed)
    }

    /// When the certificate ends that it knows us by, if any.
    pub fn certificate_ends(&self) -> Option<Timestamp> {
        self.settings.client.certificate.as_ref().and_then(|pem| ends_of(pem.as_bytes()))
    }

    /// When the secret or the key ends that it knows us by, if that was said: as the day begins, by UTC.
    pub fn secret_ends(&self) -> Option<Timestamp> {
        self.settings.client.ends()
    }

    /// The provider's name.
    pub fn name(&self) -> &ProviderName {
        &self.name
    }

    /// How often in a row it could not be reached by those who needed it.
    pub fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        self.settings.title.as_deref().unwrap_or_else(|| self.name.as_str())
    }

    /// Whether its people are found by the domains of their e-mail addresses.
    pub fn has_domains(&self) -> bool {
        !self.settings.domains.is_empty()
    }

    /// Whether somebody with this e-mail address is one of its people.
    pub fn knows(&self, email: &str) -> bool {
        let domain = email.trim().rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
        self.settings.domains.iter().any(|known| known.eq_ignore_ascii_case(domain))
    }

    /// Whether it is the issuer `iss`. A slash at the end is one that the URL type adds.
    pub fn is_named(&self, iss: &str) -> bool {
        iss.trim_end_matches('/') == self.issuer()
    }

    /// Its issuer, without a slash at the end.
    pub fn issuer(&self) -> &str {
        self.settings.issuer.as_str().trim_end_matches('/')
    }

    /// Who signals what happens to its people, where somebody does.
    pub fn transmitter(&self) -> Option<&Transmitter> {
        self.transmitter.as_ref()
    }

    /// From an answer to claims: who says it, the token request, the verified ID token, and what else is said of them.
    pub async fn vouch(&self, answer: &Answer, attempt: &Attempt) -> Result<Vouched, Error> {
        let known = self.known().await?;
        // Before anything of it is used: it could be another provider's, meant to be brought to this one.
        let named = known.metadata.authorization_response_iss_parameter_supported;
        let said = answer.iss.as_deref();
        if said.is_some_and(|iss| iss != known.metadata.issuer) || (named && said.is_none()) {
            let why = "it is of another issuer, or does not say of which (iss)".to_owned();
            return Err(self.unverified(Unverified::Invalid("answer", why)));
        }
        if let Some(error) = &answer.error {
            return Err(Error::Refused(self.name.clone(), readable(error)));
        }
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", &*answer.code),
            ("redirect_uri", self.redirect.as_str()),
            ("code_verifier", &*attempt.verifier),
        ];
        let tokens = self.tokens(&known, &grant).await?;
        let id_token = tokens
            .id_token
            .ok_or_else(|| Error::Refused(self.name.clone(), "it sent no ID token".to_owned()))?;
        let occasion = Occasion {
            nonce: &attempt.nonce,
            access_token: tokens.access_token.expose_secret(),
            code: &answer.code,
            max_age: attempt.max_age,
        };
        let (expected, now) = (self.expected(&known), self.clock.now());
        let verify =
            |keys: &KeySet| Claims::verify(id_token.expose_secret(), keys, &expected, &occasion, now);
        let claims = self.by_keys(&known, verify).await?;
        let claims = self.complete(claims, &known, &tokens.access_token).await?;
        let every = self.refreshes_every();
        if every.is_some() && tokens.refresh_token.is_none() {
            tracing::warn!(provider = %self.name, "it is to be asked again (`refresh`), and gave no refresh token for this sign-in");
        }
        let refresh = tokens.refresh_token.zip(every);
        let refresh = refresh.map(|(token, every)| Refreshable { token, every });
        let id_token = Some(id_token).filter(|_| self.settings.end_session);
        Ok(Vouched { claims, id_token, refresh })
    }

    fn source(&self) -> Source<'_> {
        let certificate = self.credential.identity().is_some();
        Source { http: &self.http, issuer: &self.settings.issuer, certificate }
    }

    async fn known(&self) -> Result<Known, Error> {
        let known = self.published.known(&self.source(), self.clock.now()).await;
        known.map_err(|error| self.unavailable(error))
    }

    fn expected<'a>(&'a self, known: &'a Known) -> Expected<'a> {
        Expected {
            provider: &self.name,
            issuer: &known.metadata.issuer,
            client_id: &self.settings.client.id,
            audiences: &self.settings.audiences,
            algorithms: &self.settings.id_token_algorithms,
            groups: &self.settings.groups,
        }
    }

    /// What `verify` finds with the keys that are known, or with newer ones where those do not do.
    async fn by_keys<T>(
        &self,
        known: &Known,
        verify: impl Fn(&KeySet) -> Result<T, Unverified>,
    ) -> Result<T, Error> {
        let verified = match verify(&known.keys) {
            Err(Unverified::UnknownKey(_)) => {
                let newer = self.published.newer_keys(&known.keys, &self.source(), self.clock.now()).await;
                verify(&*newer.map_err(|error| self.unavailable(error))?)
            }
            other => other,
        };
        verified.map_err(|error| self.unverified(error))
    }

    /// Notes that it has given tokens, or told of one. That its metadata can be read does not show that it will.
    fn is_there(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    fn unavailable(&self, error: impl std::error::Error) -> Error {
        self.failures.fetch_add(1, Ordering::Relaxed);
        Error::Unavailable(self.name.clone(), Causes(&error).to_string())
    }

    fn unverified(&self, error: Unverified) -> Error {
        Error::Unverified(self.name.clone(), error)
    }
}
