//! An operator has mended what kept an account from being what it should: try again now.

use super::{Error, Lifecycle, Order};
use crate::audit::{Entry, Event};
use crate::names::AccountId;
use serde_json::json;

impl Lifecycle {
    /// Makes an account due at once. One with nothing to do is looked at afresh.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such account.
    pub async fn retry(&self, id: AccountId, order: &Order) -> Result<(), Error> {
        let mut tx = self.inner().begin().await?;
        let missing = || Error::NotFound("account", id.to_string());
        let (vault, target) = tx.retry_account(id).await?.ok_or_else(missing)?;
        let entry = Entry {
            event: Event::AccountRetried { account: id, target },
            actor: order.actor(),
            cause: order.why.clone(),
            person: Some(vault),
            policy: None,
            personal: json!({}),
        };
        tx.commit(&entry).await?;
        Ok(())
    }
}
