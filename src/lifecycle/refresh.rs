//! A provider has confirmed who somebody is, or not, while nobody waits.

use super::desire::Occasion;
use super::renew::{facts, save};
use super::{Inner, Lifecycle, follow};
use crate::account::Grant;
use crate::audit::{Actor, Entry, Event};
use crate::identity::Claims;
use crate::store::{Error, Identity, Refresh};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// How often that nothing has changed is written down, at the most.
const WRITTEN: SignedDuration = SignedDuration::from_hours(6);

/// Claims about a token, which are others each time.
const OF_THE_TOKEN: [&str; 8] = ["iat", "exp", "nbf", "jti", "nonce", "at_hash", "c_hash", "auth_time"];

impl Lifecycle {
    /// Takes the provider's word of now for the sign-in that it was asked about: roles that policy does not give for it
    /// any more end at once, others begin. Nobody has signed in, so nothing that signing in renews is renewed. Where
    /// nothing has changed, that is written down now and then, for access that rests on it.
    ///
    /// What was overtaken meanwhile (another token, a sign-in that ended, a person who was shut out) changes nothing.
    pub async fn refresh(&self, refresh: &Refresh, claims: &Claims) -> Result<(), Error> {
        let mut tx = self.inner().begin().await?;
        let inner = self.inner();
        let now = tx.now();
        let known = tx.identity_of(claims.subject()).await?.filter(|known| known.revoked.is_none());
        let Some(known) = known.filter(|_| *claims.subject() == refresh.subject) else { return Ok(()) };
        if !tx.is_latest(refresh).await? {
            return Ok(());
        }
        let Inner { rules, .. } = &*inner;
        let decision = rules.policy.evaluate(claims.set(), now);
        let before = tx.grants(known.user).await?;
        let (held, others): (Vec<_>, Vec<_>) =
            before.iter().cloned().partition(|grant| grant.identity == known.id);
        let after = follow::after_refresh(known.id, &held, &decision, now, rules.settings.lapse);
        let live = |grant: &&Grant| grant.is_live(now);
        let same = held.iter().filter(live).map(|grant| &grant.terms);
        let same = same.eq(after.iter().filter(live).map(|grant| &grant.terms));
        if same && is_told(&known, claims, now, rules.settings.lapse) {
            return Ok(());
        }
        tx.save_identity(known.user, claims).await?;
        save(&mut tx, known.user, &held, &after, &decision).await?;
        inner.desire(&mut tx, known.user, Occasion::Change).await?;
        let after: Vec<_> = after.into_iter().chain(others).collect();
        let vault = tx.user(known.user).await?.map(|user| user.vault);
        let entry = Entry {
            event: Event::SignInConfirmed { provider: refresh.provider.clone(), sign_in: refresh.sign_in },
            actor: Actor::Provider,
            cause: "refresh".to_owned(),
            person: vault,
            policy: Some(decision.policy.to_string()),
            personal: json!({
                "claims": claims.set().values(), "before": facts(&before), "after": facts(&after),
            }),
        };
        tx.commit(&entry).await
    }

    /// The provider does not stand by a sign-in any more, or what it says of it cannot be believed: it ends, if this is
    /// its token still. Whether it did.
    pub async fn unconfirmed(&self, refresh: &Refresh, why: &str) -> Result<bool, Error> {
        let mut tx = self.inner().begin().await?;
        if !tx.is_latest(refresh).await? {
            return Ok(false);
        }
        let Some(vault) = tx.revoke_sign_in(refresh.sign_in).await? else { return Ok(false) };
        let sign_in = refresh.sign_in;
        tx.commit(&Entry {
            event: Event::SessionRevoked { sign_in },
            actor: Actor::Provider,
            cause: why.to_owned(),
            person: Some(vault),
            policy: None,
            personal: json!({}),
        })
        .await?;
        tracing::info!(%sign_in, why, "session ended");
        Ok(true)
    }
}

/// Whether these claims are known, and have been written down lately: long before access would lapse that rests on them.
fn is_told(known: &Identity, claims: &Claims, now: Timestamp, lapse: SignedDuration) -> bool {
    fn lasting(claims: &Map<String, Value>) -> Vec<(&String, &Value)> {
        let mut lasting: Vec<_> =
            claims.iter().filter(|(name, _)| !OF_THE_TOKEN.contains(&name.as_str())).collect();
        lasting.sort_by_key(|(name, _)| *name);
        lasting
    }
    lasting(&known.claims) == lasting(claims.set().values()) && now < known.confirmed + WRITTEN.min(lapse / 2)
}
