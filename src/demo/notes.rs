//! Notes, a small app with accounts of its own: who has no active account here stays out, whoever sent them.
//!
//! Accounts are made and changed through SCIM 2.0 alone. People come through a gateway, and Notes believes the
//! signed assertion that it sends along, never a bare header.

mod assertion;
mod pages;
mod scim;
mod store;
#[cfg(test)]
mod tests;

use self::assertion::Verifier;
use self::store::Store;
use crate::clock::Clock;
use axum::Router;
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use tower_http::csrf::CsrfLayer;
use url::Url;

/// What Notes is told at its start.
#[derive(Debug, Clone)]
pub struct NotesSettings {
    /// Its database file; made if it is not there.
    pub database: PathBuf,
    /// Where its SCIM endpoint is reached, without a slash at the end, such as `http://127.0.0.1:9/scim/v2`.
    pub scim_url: String,
    /// The bearer token that opens the SCIM endpoint.
    pub scim_token: String,
    /// The gateway whose assertions it believes, as their `iss`.
    pub gateway: String,
    /// Where that gateway publishes its keys (RFC 7517).
    pub jwks: Url,
}

/// Why Notes cannot start or tell.
#[derive(Debug, thiserror::Error)]
pub enum NotesError {
    /// The database.
    #[error("the database of notes does not answer")]
    Database(#[from] sqlx::Error),
    /// The HTTP client for the gateway's keys.
    #[error("no HTTP client can be made")]
    Client(#[from] reqwest::Error),
}

/// The app. Cheap to clone; clones are the same app.
#[derive(Clone)]
pub struct Notes(Arc<Inner>);

struct Inner {
    settings: NotesSettings,
    store: Store,
    verifier: Verifier,
}

/// An account as Notes has it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its id in Notes.
    pub id: String,
    /// The id it has for whoever made it.
    pub external_id: Option<String>,
    /// The name to sign in with.
    pub user_name: String,
    /// Whether it may be used.
    pub active: bool,
    /// The groups it is in.
    pub groups: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
}

impl Notes {
    /// Opens the app's database.
    ///
    /// # Errors
    /// The database cannot be opened or written, or no HTTP client can be made.
    pub async fn open(settings: NotesSettings, clock: Clock) -> Result<Self, NotesError> {
        let store = Store::open(&settings.database, clock.clone()).await?;
        let verifier = Verifier::new(&settings.gateway, settings.jwks.clone(), clock)?;
        Ok(Self(Arc::new(Inner { settings, store, verifier })))
    }

    /// All its pages, and SCIM under `/scim/v2`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", get(pages::home))
            .route("/notes", post(pages::keep))
            .route("/hook/whoami", get(pages::whoami))
            .layer(CsrfLayer::new())
            .with_state(self.clone())
            .nest("/scim/v2", scim::router(self.clone()))
    }

    /// All accounts, oldest first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn accounts(&self) -> Result<Vec<Account>, NotesError> {
        let mut accounts = Vec::new();
        for user in self.0.store.users(&store::Which::All).await? {
            let groups = self.0.store.groups_of(&user.id).await?;
            accounts.push(user.account(groups));
        }
        Ok(accounts)
    }

    /// Ends the use of the database; what comes after fails.
    pub async fn close(&self) {
        self.0.store.close().await;
    }

    fn store(&self) -> &Store {
        &self.0.store
    }
}
