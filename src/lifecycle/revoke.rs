//! A person is shut out: at once, everywhere, whatever policy says.

use super::desire::Occasion;
use super::{Error, Lifecycle, Order};
use crate::audit::{Entry, Event};
use crate::names::UserId;
use serde_json::json;

impl Lifecycle {
    /// Shuts a person out: every sign-in ends, every account is to be disabled, and later sign-ins are refused.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such person, [`Error::Invalid`] where they are shut out already.
    pub async fn revoke(&self, user: UserId, order: &Order) -> Result<(), Error> {
        self.set_revoked(user, true, order).await
    }

    pub(super) async fn set_revoked(&self, user: UserId, revoked: bool, order: &Order) -> Result<(), Error> {
        let inner = self.inner();
        let mut tx = inner.begin().await?;
        let person = tx.user(user).await?.ok_or_else(|| Error::NotFound("person", user.to_string()))?;
        if person.revoked.is_some() == revoked {
            let state = if revoked { "shut out already" } else { "not shut out" };
            return Err(Error::Invalid(format!("person {user} is {state}")));
        }
        tx.set_revoked(user, revoked).await?;
        if revoked {
            tx.revoke_sign_ins(user).await?;
        }
        inner.desire(&mut tx, user, Occasion::Change).await?;
        let event = if revoked { Event::PersonRevoked } else { Event::PersonRestored };
        let name = event.name();
        let entry = Entry {
            event,
            actor: order.actor(),
            cause: order.why.clone(),
            person: Some(person.vault),
            policy: None,
            personal: json!({ "before": { "revoked": !revoked }, "after": { "revoked": revoked } }),
        };
        tx.commit(&entry).await?;
        tracing::info!(%user, operator = order.by.name(), "{name}");
        Ok(())
    }
}
