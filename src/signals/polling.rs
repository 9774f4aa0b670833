//! Events that we ask for (RFC 8936). What was taken is acknowledged with the next question; what was not since nobody
//! could tell is neither acknowledged nor refused, and so comes again.

use super::counts::{Counts, Way};
use super::security_event::{NotTaken, take};
use crate::clock::Clock;
use crate::issuer::{Issuer, NotReceived, Poll, Problem};
use crate::lifecycle::Lifecycle;
use crate::names::ProviderName;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often we look whom to ask.
const LOOK: SignedDuration = SignedDuration::from_secs(1);

/// How many questions in a row one transmitter is asked: one that goes on for ever keeps nobody from the others.
const IN_A_ROW: usize = 100;

/// What it takes.
#[derive(Clone)]
pub struct Polling {
    /// The providers as they are configured now.
    pub issuers: watch::Receiver<BTreeMap<ProviderName, Arc<Issuer>>>,
    /// The verbs.
    pub lifecycle: Lifecycle,
    /// What came of what was said.
    pub counts: Counts,
    /// What time it is.
    pub clock: Clock,
}

/// Asks every transmitter that is to be asked, as often as it is to be, until `stop`.
pub async fn poll(polling: Polling, stop: CancellationToken) {
    let mut asked: BTreeMap<ProviderName, Timestamp> = BTreeMap::new();
    loop {
        let now = polling.clock.now();
        let issuers = polling.issuers.borrow().clone();
        let is_due = |issuer: &Arc<Issuer>| {
            let every = issuer.transmitter().and_then(|transmitter| transmitter.polled_every());
            let last = asked.get(issuer.name()).copied();
            every.is_some_and(|every| last.is_none_or(|last| now.duration_since(last) >= every))
        };
        let due: Vec<_> = issuers.into_values().filter(is_due).collect();
        asked.extend(due.iter().map(|issuer| (issuer.name().clone(), now)));
        let mut asking = JoinSet::new();
        for issuer in due {
            let polling = polling.clone();
            asking.spawn(async move { polling.all_of(&issuer).await });
        }
        let waits = async {
            while asking.join_next().await.is_some() {}
            polling.clock.sleep(LOOK).await;
        };
        if stop.run_until_cancelled(waits).await.is_none() {
            return;
        }
    }
}

impl Polling {
    /// Asks one until it has nothing more, and knows what was taken.
    async fn all_of(&self, issuer: &Issuer) {
        let mut next = Poll::default();
        for _ in 0..IN_A_ROW {
            match self.once(issuer, next).await {
                Ok(Some(answer)) => next = answer,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(provider = %issuer.name(), %error, "not asked for security events");
                    return;
                }
            }
        }
        tracing::warn!(provider = %issuer.name(), "its transmitter has no end of security events");
    }

    /// Asks once; returns what is to be said of the answer, if anything.
    async fn once(&self, issuer: &Issuer, poll: Poll) -> Result<Option<Poll>, NotReceived> {
        let Some(transmitter) = issuer.transmitter() else { return Ok(None) };
        let polled = transmitter.poll(poll).await?;
        let mut next = Poll::default();
        for (jti, token) in polled.sets {
            match take(&self.lifecycle, &self.counts, Way::Poll, issuer, transmitter, &token).await {
                Ok(()) => next.ack.push(jti),
                Err(NotTaken::NotReceived(NotReceived::Doubt(doubt))) => {
                    let problem = Problem { err: doubt.code, description: doubt.to_string() };
                    next.set_errs.insert(jti, problem);
                }
                Err(NotTaken::NotReceived(NotReceived::Unavailable(..))) => {}
                Err(NotTaken::Store(error)) => {
                    tracing::error!(%error, provider = %issuer.name(), "security event not recorded");
                }
            }
        }
        Ok(Some(next).filter(|next| !next.ack.is_empty() || !next.set_errs.is_empty()))
    }
}
