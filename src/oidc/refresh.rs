//! Providers are asked about those who are signed in, while nobody waits: one question a sign-in at a time, by whoever has
//! claimed it in the store.
//!
//! What a provider gives in place of a token is kept before anything is made of its answer, for most punish whoever shows
//! a token twice. That a token is not good is believed only while it is the one that we have.

use crate::clock::Clock;
use crate::issuer::{Error, Issuer};
use crate::lifecycle::Lifecycle;
use crate::names::ProviderName;
use crate::store::{self, Refresh, Store};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often we look who is due.
const EVERY: SignedDuration = SignedDuration::from_secs(5);

/// How long a question may take; the provider's client gives up sooner.
const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// How many questions are asked at a time.
const AT_ONCE: i64 = 16;

/// When a provider that does not answer is asked again.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// What it takes.
#[derive(Clone)]
pub struct Refreshing {
    /// The providers as they are configured now.
    pub issuers: watch::Receiver<BTreeMap<ProviderName, Arc<Issuer>>>,
    /// The verbs.
    pub lifecycle: Lifecycle,
    /// Where tokens are.
    pub store: Store,
    /// What time it is.
    pub clock: Clock,
}

/// Asks whenever somebody is due, until `stop`. What has been asked is heard to its end.
pub async fn refresh(refreshing: Refreshing, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = refreshing.clock.sleep(EVERY) => {}
        }
        if let Err(error) = refreshing.all().await {
            tracing::error!(%error, "sign-ins not confirmed yet");
        }
    }
}

impl Refreshing {
    async fn all(&self) -> Result<(), store::Error> {
        loop {
            let due = self.store.bookkeep().claim_refreshes(self.clock.now(), LEASE, AT_ONCE).await?;
            if due.is_empty() {
                return Ok(());
            }
            let mut asked = JoinSet::new();
            for refresh in due {
                let this = self.clone();
                asked.spawn(async move { this.one(&refresh).await });
            }
            for done in asked.join_all().await {
                done?;
            }
        }
    }

    async fn one(&self, refresh: &Refresh) -> Result<(), store::Error> {
        let issuer = self.issuers.borrow().get(&refresh.provider).cloned();
        let books = self.store.bookkeep();
        let every = issuer.as_ref().and_then(|issuer| issuer.refreshes_every());
        let (Some(issuer), Some(every)) = (issuer, every) else {
            // Nobody asks there any more; what is kept goes with the sign-in.
            return books.refreshed(refresh, None, self.clock.now() + SignedDuration::from_hours(1)).await;
        };
        let tokens = match issuer.refresh(&refresh.token).await {
            Ok(tokens) => tokens,
            Err(error @ (Error::Unavailable(..) | Error::Refused(..))) => {
                tracing::warn!(%error, sign_in = %refresh.sign_in, "sign-in not confirmed yet");
                return books.refreshed(refresh, None, self.clock.now() + AGAIN).await;
            }
            Err(error) => {
                self.lifecycle.unconfirmed(refresh, &error.to_string()).await?;
                return Ok(());
            }
        };
        let next = tokens.refresh_token();
        books.refreshed(refresh, next, self.clock.now() + every).await?;
        let latest = Refresh {
            sign_in: refresh.sign_in,
            provider: refresh.provider.clone(),
            subject: refresh.subject.clone(),
            token: next.unwrap_or(&refresh.token).clone(),
            serial: refresh.serial + i64::from(next.is_some()),
        };
        match issuer.confirm(&tokens, &refresh.subject).await {
            Ok(claims) => self.lifecycle.refresh(&latest, &claims).await,
            Err(error @ (Error::Unavailable(..) | Error::Refused(..))) => {
                tracing::warn!(%error, sign_in = %refresh.sign_in, "sign-in not confirmed yet");
                Ok(())
            }
            Err(error) => self.lifecycle.unconfirmed(&latest, &error.to_string()).await.map(drop),
        }
    }
}
