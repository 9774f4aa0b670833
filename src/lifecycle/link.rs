//! Two people turn out to be one: an employee who was a contractor, a partner who has two providers. Nothing but an
//! operator's word makes them so; an e-mail address does not.

use super::desire::Occasion;
use super::{Error, Lifecycle, Order};
use crate::account::{Closing, Desired};
use crate::audit::{Entry, Event};
use crate::names::UserId;
use crate::store::{Counts, Rank};
use serde_json::json;

impl Lifecycle {
    /// Makes one person of `one` and `other`: who was here first stays, and the identities of the other become theirs.
    /// Grants stay with the identity that they were given to. One person has one account in a target: where both have
    /// one, the account of who was here first is theirs, and the other is to be disabled.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such person; [`Error::Invalid`] where they are one already, or one of them
    /// is shut out, which the other must not undo.
    pub async fn link(&self, one: UserId, other: UserId, order: &Order) -> Result<(), Error> {
        let inner = self.inner();
        let mut tx = inner.begin().await?;
        if one == other {
            return Err(Error::Invalid("they are one person already".to_owned()));
        }
        let mut both = Vec::new();
        // In one order, whoever else links the same two.
        for id in [one.min(other), one.max(other)] {
            let missing = || Error::NotFound("person", id.to_string());
            let user = tx.user(id).await?.ok_or_else(missing)?;
            if user.revoked.is_some() {
                return Err(Error::Invalid(format!("person {id} is shut out")));
            }
            let identities = tx.identities(id).await?;
            // Identities are named in the order in which they came.
            let first = identities.first().ok_or_else(missing)?.id;
            both.push((first, user, identities));
        }
        both.sort_by_key(|(first, ..)| *first);
        let [(_, stays, _), (_, joins, identities)] = &both[..] else { return Ok(()) };

        let had = tx.standing_accounts(stays.id).await?;
        for standing in tx.standing_accounts(joins.id).await? {
            let closed = Desired::Disabled(Closing::default());
            if had.iter().any(|had| had.target == standing.target) && standing.desired != closed {
                tx.desire(joins.id, &standing, &closed, Rank::Take, Counts::Yes).await?;
            }
        }
        tx.join(joins.id, stays.id).await?;
        inner.desire(&mut tx, stays.id, Occasion::Change).await?;
        let identities: Vec<_> = identities.iter().map(|identity| identity.id).collect();
        let entry = Entry {
            event: Event::PeopleLinked { identities },
            actor: order.actor(),
            cause: order.why.clone(),
            person: Some(stays.vault),
            policy: None,
            personal: json!({ "before": { "person": joins.id }, "after": { "person": stays.id } }),
        };
        tx.commit(&entry).await?;
        tracing::info!(stays = %stays.id, joins = %joins.id, operator = order.by.name(), "people_linked");
        Ok(())
    }
}
