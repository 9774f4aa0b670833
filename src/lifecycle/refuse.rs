//! Somebody is not let in. That is all that is remembered of a stranger.

use super::login::Arrival;
use super::{Inner, Lifecycle};
use crate::account::{Because, End, Grant};
use crate::audit::{Actor, Entry, Event};
use crate::names::{AppName, IdentityId, ProviderName};
use crate::page;
use crate::policy::{Decision, Outcome};
use crate::store::{Error, Identity};
use jiff::Timestamp;
use serde_json::json;

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `ended`, `revoked`, `no_role`, or what [`Decision`] says stands in the way: `claims_unknown`, `policy_failed`,
    /// `denied`, `separated`, `needs_approval` or `not_yet`; of an access token also `token_ended` or `other_kind`.
    pub reason: &'static str,
    /// Finds this refusal in the record.
    pub reference: String,
    /// When and why access ended, if that is why.
    pub end: Option<End>,
}

impl Refused {
    pub(super) fn new(reason: &'static str, end: Option<End>) -> Self {
        Self { reason, reference: page::reference(), end }
    }

    /// For a person who held these grants, of which none is live.
    pub(super) fn nothing_left(grants: &[Grant]) -> Self {
        let last = grants.iter().map(|grant| &grant.end).max_by_key(|end| end.at).cloned();
        Self::new(if last.is_some() { "ended" } else { "no_role" }, last)
    }
}

impl Lifecycle {
    /// Records that a provider vouched for nobody, and why. Returns the reference under which that is found.
    pub async fn refuse(
        &self,
        provider: ProviderName,
        app: Option<&AppName>,
        reason: &str,
        why: &str,
    ) -> Result<String, Error> {
        let tx = self.inner().begin().await?;
        let reference = page::reference();
        tracing::info!(%provider, reason, reference, why, "sign-in refused");
        let (app, reason) = (app.cloned(), reason.to_owned());
        let event = Event::SignInRefused { provider, app, reason, reference: reference.clone() };
        let cause = why.to_owned();
        tx.commit(&Entry {
            event,
            actor: Actor::Person,
            cause,
            person: None,
            policy: None,
            personal: json!({}),
        })
        .await?;
        Ok(reference)
    }
}

impl Inner {
    /// Why the person of `arrival` is not let in at all: they were shut out, or nobody knows them and policy gives
    /// them nothing. `None` if they are. Of several reasons the one that helps most.
    pub(super) fn why_not(
        &self,
        arrival: &Arrival<'_>,
        known: Option<&Identity>,
        now: Timestamp,
    ) -> Option<Refused> {
        let decision = &arrival.decision;
        if known.is_some_and(|known| known.revoked.is_some()) {
            return Some(Refused::new("revoked", None));
        }
        let opens =
            |terms| Grant::first(IdentityId::random(), terms, now, self.rules.settings.lapse).is_some();
        if known.is_some() || decision.granted().cloned().any(opens) {
            return None;
        }
        let over = decision.granted().filter_map(|terms| terms.until.clone()).max_by_key(|(at, _)| *at);
        Some(match over {
            Some((at, claim)) => Refused::new("ended", Some(End { at, because: Because::Claim(claim) })),
            None => Refused::new(in_the_way(decision), None),
        })
    }
}

/// What keeps somebody out to whom policy gives nothing; of several things the one that most can be done about.
fn in_the_way(decision: &Decision) -> &'static str {
    let reasons = decision.found.iter().map(|found| match found.outcome {
        Outcome::Unknown(_) => (0, "claims_unknown"),
        Outcome::Failed(_) | Outcome::Contradicted { .. } => (1, "policy_failed"),
        Outcome::NeedsApproval(_) => (2, "needs_approval"),
        Outcome::NotYet(_) => (3, "not_yet"),
        Outcome::Separated { .. } => (4, "separated"),
        Outcome::Denied(_) => (5, "denied"),
        Outcome::Granted(_) => (6, "no_role"),
    });
    reasons.min().map_or("no_role", |(_, reason)| reason)
}

impl Arrival<'_> {
    /// The event that tells of `refused`; the log hears of it, too.
    pub(super) fn refusal(&self, refused: &Refused) -> Event {
        let Refused { reason, reference, .. } = refused;
        tracing::info!(person = self.person(), reason, reference, "sign-in refused");
        Event::SignInRefused {
            provider: self.claims.set().provider().clone(),
            app: self.app.cloned(),
            reason: (*reason).to_owned(),
            reference: reference.clone(),
        }
    }
}
