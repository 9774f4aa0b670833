//! An operator gives a grant another end; one that has ended is open again.

use super::desire::Occasion;
use super::renew::facts;
use super::{Error, Lifecycle, Order};
use crate::account::{Because, Grant};
use crate::audit::{Entry, Event};
use crate::names::GrantId;
use crate::span::in_words;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

impl Lifecycle {
    /// Gives a grant another end, later or earlier.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such grant, [`Error::Invalid`] where `until` is not in the future, or later
    /// than the role lasts at the most.
    pub async fn extend(&self, id: GrantId, until: Timestamp, order: &Order) -> Result<(), Error> {
        self.change_grant(id, order, |grant, now, lapse| {
            if until <= now {
                return Err(Error::Invalid(format!("{until} is not in the future")));
            }
            let (app, role) = (grant.terms.app.clone(), grant.terms.role.clone());
            let extended = grant.extend(until, now, lapse);
            if let Because::AtMost(span) = extended.end.because {
                let (most, end) = (in_words(span), extended.end.at);
                return Err(Error::Invalid(format!("role {role} lasts for {most} at the most, until {end}")));
            }
            Ok((extended, Event::GrantExtended { grant: id, app, role, until }))
        })
        .await
    }

    /// Changes one grant on an operator's order, and all that follows from it.
    pub(super) async fn change_grant(
        &self,
        id: GrantId,
        order: &Order,
        change: impl FnOnce(Grant, Timestamp, SignedDuration) -> Result<(Grant, Event), Error>,
    ) -> Result<(), Error> {
        let inner = self.inner();
        let mut tx = inner.begin().await?;
        let missing = || Error::NotFound("grant", id.to_string());
        let (user, before) = tx.grant(id).await?.ok_or_else(missing)?;
        let vault = tx.user(user).await?.ok_or_else(missing)?.vault;
        let (after, event) = change(before.clone(), tx.now(), inner.rules.settings.lapse)?;
        tx.save_grant(user, &after, None).await?;
        inner.desire(&mut tx, user, Occasion::Change).await?;
        let name = event.name();
        let entry = Entry {
            event,
            actor: order.actor(),
            cause: order.why.clone(),
            person: Some(vault),
            policy: None,
            personal: json!({ "before": facts(&[before]), "after": facts(std::slice::from_ref(&after)) }),
        };
        tx.commit(&entry).await?;
        let (app, role, until) = (&after.terms.app, &after.terms.role, after.end.at);
        tracing::info!(%app, %role, %user, %until, operator = order.by.name(), "{name}");
        Ok(())
    }
}
