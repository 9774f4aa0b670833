//! A sign-in is carried over to another host: each host has a session, and a cookie, of its own.

use super::Lifecycle;
use crate::audit::{Actor, Entry, Event};
use crate::names::{AppName, SignInId};
use crate::seal::random_text;
use crate::store::{Error, token_hash};
use serde_json::json;

impl Lifecycle {
    /// Opens a session of `sign_in` for `app` on `host`. Returns the value of its cookie; `None` where the sign-in
    /// has ended meanwhile.
    pub async fn open(&self, sign_in: SignInId, app: &AppName, host: &str) -> Result<Option<String>, Error> {
        let mut tx = self.inner().begin().await?;
        let token = random_text();
        let Some(vault) = tx.add_session(sign_in, host, &token_hash(&token)).await? else { return Ok(None) };
        let entry = Entry {
            event: Event::SessionOpened { app: app.clone(), sign_in },
            actor: Actor::Person,
            cause: "visit".to_owned(),
            person: Some(vault),
            policy: None,
            personal: json!({}),
        };
        tx.commit(&entry).await?;
        Ok(Some(token))
    }
}
