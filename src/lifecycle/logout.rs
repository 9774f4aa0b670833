//! A sign-in ends: by the person themselves, by their provider in their own browser, or by an operator.

use super::{Error, Lifecycle, Order};
use crate::audit::{Actor, Entry, Event};
use crate::names::{ProviderName, SignInId};
use serde_json::json;

impl Lifecycle {
    /// The person signs out: every session of this sign-in is over, on every host.
    pub async fn logout(&self, sign_in: SignInId) -> Result<(), Error> {
        self.end_sign_in(sign_in, Event::SignedOut { sign_in }, Actor::Person, "sign_out").await
    }

    /// The provider says in the person's own browser that they have signed out there: the same.
    pub async fn logout_there(&self, sign_in: SignInId, provider: &ProviderName) -> Result<(), Error> {
        let signal = "front-channel-logout";
        let event = Event::ProviderSignalled {
            provider: provider.clone(),
            signal: signal.to_owned(),
            sign_ins: vec![sign_in],
            grants: Vec::new(),
        };
        self.end_sign_in(sign_in, event, Actor::Provider, signal).await
    }

    /// An operator ends a sign-in.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such sign-in or it has ended already.
    pub async fn revoke_session(&self, sign_in: SignInId, order: &Order) -> Result<(), Error> {
        self.end_sign_in(sign_in, Event::SessionRevoked { sign_in }, order.actor(), &order.why).await
    }

    async fn end_sign_in(
        &self,
        sign_in: SignInId,
        event: Event,
        actor: Actor,
        cause: &str,
    ) -> Result<(), Error> {
        let mut tx = self.inner().begin().await?;
        let vault = tx.revoke_sign_in(sign_in).await?;
        let person = Some(vault.ok_or_else(|| Error::NotFound("live session", sign_in.to_string()))?);
        let cause = cause.to_owned();
        tx.commit(&Entry { event, actor, cause, person, policy: None, personal: json!({}) }).await?;
        tracing::info!(%sign_in, "session ended");
        Ok(())
    }
}
