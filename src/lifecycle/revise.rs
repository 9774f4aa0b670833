//! Another policy holds, and reaches everybody: who has access does not keep until their next sign-in what it no longer
//! gives. The claims that were last verified are asked; what they do not tell is left as it is, and nothing is opened,
//! for that takes the provider's word.
//!
//! Before it begins, [`Guard`](super::Guard) is asked. It may be stopped at any moment, and goes on at the next start.

use super::desire::Occasion;
use super::guard::Effect;
use super::renew::facts;
use super::{Inner, Lifecycle, Rules, follow};
use crate::account::Grant;
use crate::audit::{Actor, Entry, Event};
use crate::identity::ClaimSet;
use crate::names::UserId;
use crate::store::{Error, Holder, Identity};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// How many people are read at a time.
const BATCH: u32 = 100;

/// How long to wait after the store has failed.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(1);

/// Lets every policy that comes to hold reach everybody, for as long as `stop` lets it.
pub async fn run(lifecycle: Lifecycle, stop: CancellationToken) {
    loop {
        // Listen first, look then: rules that come between the two are not missed.
        let replaced = lifecycle.0.replaced.notified();
        tokio::pin!(replaced);
        replaced.as_mut().enable();
        let inner = lifecycle.inner();
        let failed = tokio::select! {
            () = stop.cancelled() => return,
            // What does not hold any more reaches nobody else.
            () = replaced.as_mut() => continue,
            reached = inner.carry_out() => reached.is_err_and(|error| {
                tracing::error!(%error, "the policy has not reached everybody yet");
                true
            }),
        };
        let again = if failed { inner.clock.now() + AFTER_FAILURE } else { Timestamp::MAX };
        tokio::select! {
            () = stop.cancelled() => return,
            () = replaced => {}
            () = inner.clock.sleep_until(again) => {}
        }
    }
}

impl Lifecycle {
    /// What `rules` would take from those who have access now, if they came to hold; `None` where their policy has been
    /// let pass already. Nothing is written.
    pub async fn effect_of(&self, rules: &Rules) -> Result<Option<Effect>, Error> {
        let inner = self.inner();
        let (allowed, _) = inner.store.policy().await?;
        if allowed.as_deref() == Some(&*rules.policy.version().to_string()) {
            return Ok(None);
        }
        inner.effect_of(rules).await.map(Some)
    }

    /// Lets the policy of `rules` reach everybody once they hold. To be called before [`Lifecycle::replace`], so that a
    /// crash between the two leaves no policy that holds and reaches nobody.
    pub async fn allow(&self, rules: &Rules) -> Result<(), Error> {
        self.inner().store.bookkeep().allow_policy(&rules.policy.version().to_string()).await
    }
}

impl Inner {
    async fn carry_out(&self) -> Result<(), Error> {
        self.reach_everybody().await?;
        self.make_up_for_accounts().await
    }

    /// Carries the policy that holds out on everybody, if that has not been done, and may be.
    pub(super) async fn reach_everybody(&self) -> Result<(), Error> {
        let version = self.rules.policy.version().to_string();
        let (allowed, followed) = self.store.policy().await?;
        let allowed = allowed.as_deref() == Some(&*version);
        if allowed && followed {
            return Ok(());
        }
        if !allowed && !self.let_pass {
            let effect = self.effect_of(&self.rules).await?;
            if !self.rules.settings.guard.lets_pass(&effect) {
                let (people, losing) = (effect.people, effect.losing.len());
                tracing::error!(
                    policy = version,
                    people,
                    losing,
                    "policy {version} {effect}; sign-ins go by it, but who has access keeps it until `guestpass reload --confirm {version}`"
                );
                return Ok(());
            }
        }
        // This waits for its turn among those who write, so every sign-in by older rules is over and will be seen.
        self.store.bookkeep().allow_policy(&version).await?;
        let (mut after, mut revised) = (None, 0);
        loop {
            let holders = self.store.reading().holders(after, BATCH).await?;
            let Some(last) = holders.last() else { break };
            after = Some(last.user);
            for holder in &holders {
                let now = self.clock.now();
                let touched = |(identity, before): &(Identity, Vec<Grant>)| {
                    self.rules.after_reload(identity, before, now) != *before
                };
                if holder.identities.iter().any(touched) {
                    revised += usize::from(self.revise(holder.user).await?);
                }
            }
        }
        self.store.bookkeep().policy_followed(&version).await?;
        tracing::info!(policy = version, people = revised, "policy {version} has reached everybody");
        Ok(())
    }

    /// Brings the grants of one person to what policy gives for the claims that are known of them; says whether that
    /// changed anything.
    async fn revise(&self, user: UserId) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let (now, version) = (tx.now(), self.rules.policy.version().to_string());
        let Some(person) = tx.user(user).await? else { return Ok(false) };
        let grants = tx.grants(user).await?;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for identity in tx.identities(user).await? {
            let held: Vec<_> = grants.iter().filter(|grant| grant.identity == identity.id).cloned().collect();
            let revised = self.rules.after_reload(&identity, &held, now);
            for (old, new) in held.into_iter().zip(revised).filter(|(old, new)| old != new) {
                tx.save_grant(user, &new, Some(&version)).await?;
                before.push(old);
                after.push(new);
            }
        }
        if after.is_empty() {
            return Ok(false);
        }
        self.desire(&mut tx, user, Occasion::Policy).await?;
        let entry = Entry {
            event: Event::AccessRevised { grants: after.iter().map(|grant| grant.id).collect() },
            actor: Actor::Policy,
            cause: "policy".to_owned(),
            person: Some(person.vault),
            policy: Some(version),
            personal: json!({ "before": facts(&before), "after": facts(&after) }),
        };
        tx.commit(&entry).await?;
        for Grant { terms, end, ended, .. } in &after {
            let (app, role) = (&terms.app, &terms.role);
            tracing::info!(%app, %role, %user, until = %end.at, ended, "access revised");
        }
        Ok(true)
    }

    async fn effect_of(&self, rules: &Rules) -> Result<Effect, Error> {
        let (mut after, mut effect) = (None, Effect::default());
        loop {
            let holders = self.store.reading().holders(after, BATCH).await?;
            let Some(last) = holders.last() else { return Ok(effect) };
            after = Some(last.user);
            let now = self.clock.now();
            for holder in &holders {
                if let Some(loses) = loses(holder, rules, now) {
                    effect.count(holder, loses);
                }
            }
        }
    }
}

/// Whether `rules` would take access to something from a person; `None` where they have none.
fn loses(holder: &Holder, rules: &Rules, now: Timestamp) -> Option<bool> {
    let shut_out = holder.identities.iter().any(|(identity, _)| identity.revoked.is_some());
    let (mut has, mut loses) = (false, false);
    for (identity, before) in holder.identities.iter().filter(|_| !shut_out) {
        let after = rules.after_reload(identity, before, now);
        has |= before.iter().any(|grant| grant.is_live(now));
        loses |= before.iter().zip(&after).any(|(old, new)| old.is_live(now) && !new.is_live(now));
    }
    has.then_some(loses)
}

impl Rules {
    /// [`follow::after_reload`] for an identity as it is stored.
    fn after_reload(&self, identity: &Identity, before: &[Grant], now: Timestamp) -> Vec<Grant> {
        let groups = self.groups.get(&identity.provider).cloned().unwrap_or_default();
        let claims = ClaimSet::new(identity.provider.clone(), identity.claims.clone(), &groups);
        follow::after_reload(&claims, before, &self.policy, now, self.settings.lapse)
    }
}
