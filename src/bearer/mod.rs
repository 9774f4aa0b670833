//! Programs that show an access token where browsers have a cookie (RFC 6750): from the token to a session.
//!
//! A token is verified when it comes to a host for the first time, and is a sign-in from then on: the gate finds its session by
//! its hash, like any other, until it ends or somebody ends it. Nothing is kept of the token itself. What is refused is
//! refused again for a few seconds without a look, so that nobody makes us ask the provider over and over; and a provider
//! that does not answer is no refusal.

mod accepts;
mod flights;
mod presented;
mod refusal;

pub use accepts::{Accepts, Claimed};
pub use presented::{is_bearer, presented};
pub use refusal::Refusal;

use crate::causes::Causes;
use crate::clock::Clock;
use crate::identity::{Claims, issuer_of, scopes};
use crate::issuer::{Error, Issuer};
use crate::lifecycle::{Borne, Lifecycle};
use crate::names::ProviderName;
use crate::store::{Store, TokenHash, access_token_hash};
use flights::Flights;
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// For how long a token that was refused is refused again without a look.
const REFUSED: SignedDuration = SignedDuration::from_secs(10);
/// How many of those are remembered.
const MOST_REFUSED: u64 = 10_000;
/// How long a request waits for what is found out about its token.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many tokens a replica asks about at a time.
const MOST_ASKED: usize = 64;

/// Finds out about access tokens. Cheap to clone; its work is done where the store's connections live.
#[derive(Clone)]
pub struct Bearers(Arc<Inner>);

struct Inner {
    issuers: BTreeMap<ProviderName, Arc<Issuer>>,
    lifecycle: Lifecycle,
    store: Store,
    clock: Clock,
    refused: Cache<TokenHash, (Refusal, Timestamp)>,
    flights: Flights,
    asking: Semaphore,
}

impl Bearers {
    /// By the word of those of `issuers` whose access tokens are believed.
    pub fn new(
        issuers: BTreeMap<ProviderName, Arc<Issuer>>,
        lifecycle: Lifecycle,
        store: Store,
        clock: Clock,
    ) -> Self {
        let refused = Cache::new(MOST_REFUSED);
        let (flights, asking) = (Flights::default(), Semaphore::new(MOST_ASKED));
        Self(Arc::new(Inner { issuers, lifecycle, store, clock, refused, flights, asking }))
    }

    /// Sees to it that there is a session under the key of `claimed`, if its token is good. Whoever shows the same token at
    /// the same time waits for one answer.
    ///
    /// # Errors
    /// Why there is none. What cannot be found out is told from what is refused.
    pub async fn admit(&self, claimed: &Claimed) -> Result<(), Refusal> {
        let flight = self.0.flights.of(claimed.key());
        let found = async {
            let _turn = flight.lock().await;
            self.0.admit(claimed).await
        };
        timeout(PATIENCE, found).await.unwrap_or(Err(Refusal::ProviderAway))
    }
}

impl Inner {
    async fn admit(&self, claimed: &Claimed) -> Result<(), Refusal> {
        let key = claimed.key();
        if let Some((refusal, until)) = self.refused.get(key)
            && self.clock.now() < until
        {
            return Err(refusal);
        }
        let known = self.store.session(key).await.map_err(|_| Refusal::StoreAway)?;
        if known.is_some() {
            return Ok(());
        }
        let admitted = match self.verified(claimed).await {
            Ok(claims) => self.let_in(claimed, &claims).await,
            Err(refusal) => Err(refusal),
        };
        if let Some(refusal) = admitted.as_ref().err().filter(|refusal| refusal.lasts()) {
            self.refused.insert(*key, (refusal.clone(), self.clock.now() + REFUSED));
        }
        admitted
    }

    /// What the token says, if it is believed and the app takes it.
    async fn verified(&self, claimed: &Claimed) -> Result<Claims, Refusal> {
        let accepts = &claimed.accepts;
        let believed = |issuer: &&Arc<Issuer>| {
            let taken = accepts.providers.is_empty() || accepts.providers.contains(issuer.name());
            taken && issuer.access_tokens().is_some()
        };
        let mut issuers = self.issuers.values().filter(believed);
        let told = match issuer_of(claimed.token.expose_secret()) {
            Some(named) => {
                let issuer = issuers.find(|issuer| issuer.is_named(&named));
                let issuer = issuer.ok_or_else(|| {
                    Refusal::Invalid("its issuer is none whose access tokens are taken here (iss)".to_owned())
                })?;
                issuer.read_access_token(&claimed.token, &accepts.audiences).await
            }
            None => {
                let issuer =
                    issuers.find(|issuer| issuer.access_tokens().is_some_and(|told| told.introspect));
                let issuer = issuer.ok_or_else(|| Refusal::Invalid("it is not a JWT".to_owned()))?;
                // Never closed, so there is a turn for everybody.
                let _turn = self.asking.acquire().await;
                issuer.introspect(&claimed.token, &accepts.audiences).await
            }
        };
        let claims = told.map_err(|error| match error {
            Error::Unverified(_, why) => Refusal::Invalid(why.to_string()),
            other => {
                tracing::warn!(app = %claimed.app, error = %other, "access token not judged: {other}");
                Refusal::ProviderAway
            }
        })?;
        let has = scopes(claims.set());
        let lacks = accepts.scopes.iter().any(|scope| !has.contains(&scope.as_str()));
        if lacks { Err(Refusal::Scope) } else { Ok(claims) }
    }

    async fn let_in(&self, claimed: &Claimed, claims: &Claims) -> Result<(), Refusal> {
        let until = claims.good_until();
        let until = until.ok_or_else(|| Refusal::Invalid("it does not say when it ends (exp)".to_owned()))?;
        let borne = Borne {
            claims,
            token: access_token_hash(claimed.token.expose_secret()),
            until,
            app: &claimed.app,
            host: &claimed.host,
            session: *claimed.key(),
        };
        match self.lifecycle.bear(&borne).await {
            Ok(None) => Ok(()),
            Ok(Some(refused)) => Err(Refusal::NotAdmitted(refused.reason)),
            Err(error) => {
                tracing::error!(error = %Causes(&error), "access token not recorded, so nobody was let in");
                Err(Refusal::StoreAway)
            }
        }
    }
}
