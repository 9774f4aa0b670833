//! An operator wants assertions signed by another key.

use super::{Error, Lifecycle, Order};
use crate::audit::{Entry, Event};
use crate::identity::{PUBLISHED, SigningKey, Stand};
use crate::store;
use jiff::Timestamp;
use serde_json::json;

impl Lifecycle {
    /// Draws a key that signs once every app has had time to learn of it. Returns its name, and from when on it signs.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the last one does not sign yet.
    pub async fn rotate_signing_key(&self, order: &Order) -> Result<(String, Timestamp), Error> {
        let inner = self.inner();
        let key = SigningKey::generate().map_err(store::Error::from)?;
        let mut tx = inner.begin().await?;
        let from = tx.now() + PUBLISHED;
        inner.store.read_signing_keys().await?;
        let mut turns = inner.store.signing_keys().turns(tx.now()).into_iter();
        if let Some((next, _)) = turns.find(|(_, stand)| *stand == Stand::Next) {
            return Err(Error::Invalid(format!("key {} does not sign before {}", next.key.kid(), next.from)));
        }
        tx.add_signing_key(&key, from).await?;
        let entry = Entry {
            event: Event::SigningKeyAdded { kid: key.kid().to_owned(), from },
            actor: order.actor(),
            cause: order.why.clone(),
            person: None,
            policy: None,
            personal: json!({}),
        };
        tx.commit(&entry).await?;
        inner.store.read_signing_keys().await?;
        Ok((key.kid().to_owned(), from))
    }
}
