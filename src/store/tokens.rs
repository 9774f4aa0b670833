//! Tokens for the admin API. The store can tell whether it is shown one, and cannot show any.

use super::{Error, Store, Tx, maybe_time, parsed, time};
use crate::audit::OperatorRole;
use crate::names::TokenName;
use crate::seal::sha256;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::query;

/// A token as operators see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TokenRow {
    /// Which token.
    pub name: TokenName,
    /// What its holder may do.
    pub role: OperatorRole,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// When it was ended before that.
    pub revoked: Option<Timestamp>,
}

/// What is kept of a token. It is looked up by this, so no comparison tells by its time how much of a guess is right; of
/// 256 random bits a plain hash tells nothing.
pub fn api_token_hash(token: &str) -> [u8; 32] {
    sha256(&[b"api token", token.as_bytes()])
}

fn token(row: &AnyRow) -> Result<TokenRow, Error> {
    Ok(TokenRow {
        name: parsed(row, "name")?,
        role: parsed(row, "role")?,
        created: time(row, "created")?,
        until: time(row, "until")?,
        revoked: maybe_time(row, "revoked")?,
    })
}

impl Tx {
    /// Writes a token down; `false` where one had its name before.
    pub async fn add_token(
        &mut self,
        name: &TokenName,
        hash: &[u8; 32],
        role: OperatorRole,
        until: Timestamp,
    ) -> Result<bool, Error> {
        let added = query(
            "INSERT INTO tokens (name, hash, role, created, until) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(name.as_str())
        .bind(&hash[..])
        .bind(role.as_str())
        .bind(self.now.as_microsecond())
        .bind(until.as_microsecond())
        .execute(&mut *self.inner)
        .await?;
        Ok(added.rows_affected() > 0)
    }

    /// Ends a token; `false` where there is none that was not ended before.
    pub async fn revoke_token(&mut self, name: &TokenName) -> Result<bool, Error> {
        let revoked = query("UPDATE tokens SET revoked = $2 WHERE name = $1 AND revoked IS NULL")
            .bind(name.as_str())
            .bind(self.now.as_microsecond())
            .execute(&mut *self.inner)
            .await?;
        Ok(revoked.rows_affected() > 0)
    }
}

impl Store {
    /// All tokens that were ever made, by name.
    pub async fn tokens(&self) -> Result<Vec<TokenRow>, Error> {
        let rows = query("SELECT name, role, created, until, revoked FROM tokens ORDER BY name")
            .fetch_all(&self.0.reader)
            .await?;
        rows.iter().map(token).collect()
    }

    /// The token of this hash, whether or not it has ended.
    pub async fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, Error> {
        let row = query("SELECT name, role, created, until, revoked FROM tokens WHERE hash = $1")
            .bind(&hash[..])
            .fetch_optional(&self.0.reader)
            .await?;
        row.as_ref().map(token).transpose()
    }
}
