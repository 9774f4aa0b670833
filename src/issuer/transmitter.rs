//! Who signals what happens to a provider's people: the provider itself, or somebody whom it leaves that to (OpenID Shared
//! Signals 1.0). Events are pushed to us, or we ask for them; either way they are believed by their signature alone.

use super::http::{Http, SendError, send};
use super::known::{Publication, Published, Source, Unread};
use super::metadata::{Doubt, is_of};
use super::settings::{PollSettings, Settings, SignalsSettings};
use crate::causes::Causes;
use crate::clock::Clock;
use crate::identity::{self, Algorithm, KeySet, Named, SecurityEvent, Stream, Unverified, Whose};
use crate::names::ProviderName;
use crate::seal::sha256;
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;
use url::Url;

/// How many events are asked for at a time.
const MOST: u32 = 32;

/// A transmitter, and our stream there.
pub struct Transmitter {
    provider: ProviderName,
    settings: SignalsSettings,
    issuer: Url,
    people: String,
    algorithms: Vec<Algorithm>,
    http: Http,
    clock: Clock,
    published: Published<Transmits>,
}

/// What it publishes of itself (OpenID Shared Signals 1.0, section 7), as far as we use it.
#[derive(Deserialize)]
struct Transmits {
    issuer: String,
    jwks_uri: Url,
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotReceived {
    /// It is not to be believed.
    #[error(transparent)]
    Doubt(#[from] identity::Doubt),
    /// That cannot be told, since the keys cannot be read: it may be later.
    #[error("the transmitter of provider {0} cannot be reached: {1}")]
    Unavailable(ProviderName, String),
}

/// What is said when it is asked for events (RFC 8936, section 2.2).
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Poll {
    max_events: u32,
    return_immediately: bool,
    /// Events that were taken, by their `jti`.
    pub ack: Vec<String>,
    /// Events that were not, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub set_errs: BTreeMap<String, Problem>,
}

/// Why an event was not taken, as its transmitter is told.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// The code (RFC 8935, section 2.4).
    pub err: &'static str,
    /// Why.
    pub description: String,
}

/// What it has for us (RFC 8936, section 2.3).
#[derive(Debug, Deserialize)]
pub struct Polled {
    /// Events by their `jti`.
    #[serde(default)]
    pub sets: BTreeMap<String, String>,
}

impl Publication for Transmits {
    fn address(issuer: &Url) -> String {
        // Between host and path (section 7.2).
        let (origin, path) = (&issuer[..url::Position::BeforePath], issuer.path().trim_end_matches('/'));
        format!("{origin}/.well-known/ssf-configuration{path}")
    }

    fn of(self, source: &Source<'_>) -> Result<Self, Doubt> {
        is_of(&self.issuer, source.issuer, [&self.jwks_uri].into_iter())?;
        Ok(self)
    }

    fn keys_at(&self) -> &Url {
        &self.jwks_uri
    }
}

impl Transmitter {
    /// The one that signals of the people of `provider`, if `settings` name one.
    pub(super) fn of(
        provider: &ProviderName,
        settings: &Settings,
        http: &Http,
        clock: &Clock,
    ) -> Option<Self> {
        let signals = settings.signals.clone()?;
        Some(Self {
            provider: provider.clone(),
            issuer: settings.signals_issuer(&signals).clone(),
            people: settings.issuer.to_string(),
            algorithms: settings.id_token_algorithms.clone(),
            settings: signals,
            http: http.clone(),
            clock: clock.clone(),
            published: Published::default(),
        })
    }

    /// Keeps what `before` knows, if that is the same transmitter.
    pub(super) fn goes_on_from(&mut self, before: &Self) {
        if self.issuer == before.issuer {
            self.published = before.published.clone();
        }
    }

    /// Whether who shows this token may push events.
    pub fn takes(&self, token: &str) -> bool {
        // By hash, so that its length is not told either.
        let hash = |token: &str| sha256(&[token.as_bytes()]);
        let own = self.settings.token.as_ref().map(|own| hash(own.expose_secret()));
        own.is_some_and(|own| own.ct_eq(&hash(token)).into())
    }

    /// What an event says, if it is to be believed. Where it may not name people by their addresses and does, it is about
    /// nobody.
    ///
    /// # Errors
    /// [`NotReceived::Doubt`] where it is not to be believed.
    pub async fn receive(&self, token: &str) -> Result<SecurityEvent, NotReceived> {
        let now = self.clock.now();
        let known = self.published.known(&self.source(), now).await.map_err(|error| self.unread(&error))?;
        let stream = Stream {
            issuer: &known.metadata.issuer,
            audience: &self.settings.audience,
            algorithms: &self.algorithms,
            people: &self.people,
        };
        let verify = |keys: &KeySet| SecurityEvent::verify(token, keys, &stream, now);
        let verified = match verify(&known.keys) {
            Err(identity::Doubt { why: Unverified::UnknownKey(_), .. }) => {
                let newer = self.published.newer_keys(&known.keys, &self.source(), now).await;
                verify(&*newer.map_err(|error| self.unread(&error))?)
            }
            other => other,
        };
        let mut event = verified?;
        event.whose = event.whose.filter(|whose| self.settings.emails || !by_email(whose));
        Ok(event)
    }

    /// How often it is asked for events, if at all.
    pub fn polled_every(&self) -> Option<SignedDuration> {
        self.settings.poll.as_ref().map(|poll| poll.every.length())
    }

    /// Asks for events, and says what came of those before.
    ///
    /// # Errors
    /// Where it does not answer, or is not to be asked.
    pub async fn poll(&self, poll: Poll) -> Result<Polled, NotReceived> {
        let unavailable = |why: String| NotReceived::Unavailable(self.provider.clone(), why);
        let Some(PollSettings { at, token, .. }) = &self.settings.poll else {
            return Err(unavailable("it is not to be asked".to_owned()));
        };
        let poll = Poll { max_events: MOST, return_immediately: true, ..poll };
        let request = self.http.post(at).bearer_auth(token.expose_secret()).json(&poll);
        let asked = async {
            let reply = send(request.header("accept", "application/json")).await?.success(at)?;
            serde_json::from_slice(&reply.body).map_err(|error| SendError::Unreadable(at.clone(), error))
        };
        asked.await.map_err(|error| unavailable(Causes(&error).to_string()))
    }

    fn source(&self) -> Source<'_> {
        Source { http: &self.http, issuer: &self.issuer, certificate: false }
    }

    fn unread(&self, error: &Unread) -> NotReceived {
        NotReceived::Unavailable(self.provider.clone(), Causes(error).to_string())
    }
}

fn by_email(whose: &Whose) -> bool {
    matches!(whose, Whose::Person(Named::Email(_)) | Whose::Session { of: Some(Named::Email(_)), .. })
}
