//! Tokens for the admin API: made, shown once, and ended before their time.

use super::{Error, Lifecycle, Order};
use crate::audit::{Entry, Event, OperatorRole};
use crate::names::TokenName;
use crate::seal::random_text;
use crate::store::api_token_hash;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;

/// How long a token lasts at the most: whoever no longer needs one is seldom there to end it.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// What every token begins with, so that whoever looks for secrets in files and logs finds it.
const PREFIX: &str = "guestpass_";

/// A token that was made. Nobody can be told it again: its hash alone is kept.
pub struct Issued {
    /// The token itself: `guestpass_` and 43 characters of base64url.
    pub token: SecretString,
    /// When it is worthless.
    pub until: Timestamp,
}

impl Lifecycle {
    /// Makes a token with which its holder may do what `role` may, until a moment.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the name was given before, or `until` is not in the future, or more than 366 days ahead.
    pub async fn issue_token(
        &self,
        name: &TokenName,
        role: OperatorRole,
        until: Timestamp,
        order: &Order,
    ) -> Result<Issued, Error> {
        let mut tx = self.inner().begin().await?;
        if until <= tx.now() {
            return Err(Error::Invalid(format!("{until} is not in the future")));
        }
        if until.duration_since(tx.now()) > LONGEST {
            return Err(Error::Invalid("a token lasts for 366 days at the most".to_owned()));
        }
        let token = format!("{PREFIX}{}", random_text());
        if !tx.add_token(name, &api_token_hash(&token), role, until).await? {
            return Err(Error::Invalid(format!("there was a token {name} before; names are given once")));
        }
        let event = Event::TokenIssued { token: name.clone(), role, until };
        tx.commit(&entry(event, order)).await?;
        tracing::info!(token = %name, %role, %until, operator = order.by.name(), "token made");
        Ok(Issued { token: token.into(), until })
    }

    /// Ends a token now.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such token, or it was revoked before.
    pub async fn revoke_token(&self, name: &TokenName, order: &Order) -> Result<(), Error> {
        let mut tx = self.inner().begin().await?;
        if !tx.revoke_token(name).await? {
            return Err(Error::NotFound("token", name.to_string()));
        }
        tx.commit(&entry(Event::TokenRevoked { token: name.clone() }, order)).await?;
        tracing::info!(token = %name, operator = order.by.name(), "token revoked");
        Ok(())
    }
}

fn entry(event: Event, order: &Order) -> Entry {
    Entry {
        event,
        actor: order.actor(),
        cause: order.why.clone(),
        person: None,
        policy: None,
        personal: json!({}),
    }
}
