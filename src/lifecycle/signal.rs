//! A provider says that something is over there: a session, or all of somebody's, or their account. So it is here.

use super::desire::Occasion;
use super::renew::facts;
use super::{Inner, Lifecycle};
use crate::account::{Because, Grant};
use crate::audit::{Actor, Entry, Event};
use crate::identity::{Effect, LEEWAY, Named, Whose};
use crate::names::{GrantId, ProviderName, SignInId, VaultId};
use crate::store::{Error, Tx};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What was said, and verified.
#[derive(Debug)]
pub struct Signal<'a> {
    /// The provider whose people it is about.
    pub provider: &'a ProviderName,
    /// Its issuer, without a slash at the end.
    pub issuer: &'a str,
    /// What happened, as the record names it: `back-channel-logout`, `caep/session-revoked`.
    pub said: &'a str,
    /// What follows from it.
    pub effect: Effect,
    /// Whom or what it is about, if anybody.
    pub whose: Option<&'a Whose>,
    /// The same for every copy of what was said.
    pub id: [u8; 32],
    /// When it was said: what began later is not meant.
    pub issued: Timestamp,
    /// Until when a copy is known for one.
    pub remember: Timestamp,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is in the record, and so many sign-ins ended.
    Now(usize),
    /// It had been heard before, and changed nothing.
    Before,
}

/// What ended for it.
#[derive(Default)]
struct Ended {
    sign_ins: Vec<SignInId>,
    grants: Vec<GrantId>,
    /// The people concerned.
    people: Vec<VaultId>,
    changes: Value,
}

impl Lifecycle {
    /// Takes a provider's word on its own people, once: sign-ins that it is about end, and where an account was closed,
    /// all access of that identity, until the provider vouches for it again. The word itself is recorded, whatever came
    /// of it.
    pub async fn signal(&self, signal: &Signal<'_>) -> Result<Heard, Error> {
        let inner = self.inner();
        let mut tx = inner.begin().await?;
        if !tx.hear(&signal.id, signal.remember).await? {
            return Ok(Heard::Before);
        }
        let mut ended = Ended::default();
        if let Some(whose) = signal.whose.filter(|_| signal.effect >= Effect::EndsSessions) {
            end_sign_ins(&mut tx, signal, whose, &mut ended).await?;
            if let (Effect::ClosesAccount, Whose::Person(named)) = (signal.effect, whose) {
                inner.end_access(&mut tx, signal, named, &mut ended).await?;
            }
        }
        ended.people.sort();
        ended.people.dedup();
        let Ended { sign_ins, grants, people, changes } = ended;
        let (provider, said, count) = (signal.provider, signal.said, sign_ins.len());
        let event = Event::ProviderSignalled {
            provider: provider.clone(),
            signal: said.to_owned(),
            sign_ins,
            grants,
        };
        let entry = Entry {
            event,
            actor: Actor::Provider,
            cause: said.to_owned(),
            // Of several, nobody's key is for what concerns the others.
            person: <[VaultId; 1]>::try_from(people).ok().map(|[one]| one),
            policy: None,
            personal: json!({ "subject": about(signal), "changes": changes }),
        };
        tx.commit(&entry).await?;
        tracing::info!(%provider, said, sessions = count, "provider signalled");
        Ok(Heard::Now(count))
    }
}

async fn end_sign_ins(
    tx: &mut Tx,
    signal: &Signal<'_>,
    whose: &Whose,
    ended: &mut Ended,
) -> Result<(), Error> {
    for sign_in in tx.sign_ins_of(signal.issuer, whose, signal.issued + LEEWAY).await? {
        if let Some(vault) = tx.revoke_sign_in(sign_in).await? {
            ended.sign_ins.push(sign_in);
            ended.people.push(vault);
        }
    }
    Ok(())
}

impl Inner {
    /// Ends what an identity holds that has not been vouched for since. Policy gives nothing to whom nobody vouches for;
    /// a sign-in opens it again, if policy says so then.
    async fn end_access(
        &self,
        tx: &mut Tx,
        signal: &Signal<'_>,
        named: &Named,
        ended: &mut Ended,
    ) -> Result<(), Error> {
        let now = tx.now();
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for identity in tx.identities_named(signal.issuer, named).await? {
            let Some(person) = tx.user(identity.user).await? else { continue };
            let live = |grant: &Grant| {
                grant.identity == identity.id
                    && grant.is_live(now)
                    && grant.confirmed <= signal.issued + LEEWAY
            };
            let held: Vec<Grant> = tx.grants(identity.user).await?.into_iter().filter(live).collect();
            for grant in held {
                let over = grant.clone().finish(Because::Policy, now);
                tx.save_grant(identity.user, &over, None).await?;
                before.push(grant);
                after.push(over);
            }
            self.desire(tx, identity.user, Occasion::Change).await?;
            ended.people.push(person.vault);
        }
        ended.grants = after.iter().map(|grant| grant.id).collect();
        ended.changes = json!({ "before": facts(&before), "after": facts(&after) });
        Ok(())
    }
}

/// Whom it is about, as the record tells it.
fn about(signal: &Signal<'_>) -> Value {
    let (of, sid) = match signal.whose {
        Some(Whose::Person(named)) => (Some(named), None),
        Some(Whose::Session { sid, of }) => (of.as_ref(), Some(sid)),
        None => (None, None),
    };
    let (sub, email) = match of {
        Some(Named::Sub(sub)) => (Some(sub), None),
        Some(Named::Email(email)) => (None, Some(email)),
        None => (None, None),
    };
    json!({ "issuer": signal.issuer, "sub": sub, "email": email, "sid": sid })
}
