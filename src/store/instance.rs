//! What makes this store one of a kind.

use super::Error;
use crate::clock::from_micros;
use crate::identity::{SigningKey, SigningKeys};
use crate::seal::{Sealer, random_text, sha256};
use jiff::Timestamp;
use secrecy::SecretSlice;
use sqlx::AnyPool;
use sqlx::{Row, query};

pub(super) const SIGNING_KEY: &str = "instance signing_key";

/// The instance that a store belongs to.
pub struct Instance {
    /// Goes into every external id, so that two gateways never take each other's accounts for their own.
    pub id: String,
    /// Sign the assertions that apps verify.
    pub signing_keys: SigningKeys,
    /// Hashes the subjects of people who are forgotten.
    pub(super) pseudonyms: SecretSlice<u8>,
    /// The latest time that was written before this run began: the clock must not be believed below it.
    pub high_water: Timestamp,
}

impl Instance {
    pub(super) async fn load(pool: &AnyPool, sealer: &Sealer, now: Timestamp) -> Result<Self, Error> {
        let fresh = SigningKey::generate()?;
        query("INSERT INTO instance (one, id, high_water, signing_key) VALUES (1, $1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(random_text())
            .bind(now.as_microsecond())
            .bind(sealer.seal(SIGNING_KEY, &fresh.to_pkcs8()?)?)
            .execute(pool)
            .await?;
        let row = query("SELECT id, high_water, signing_key FROM instance").fetch_one(pool).await?;
        let pkcs8 = sealer.open(SIGNING_KEY, row.try_get("signing_key")?)?;
        // Whatever was written has left an event.
        let last =
            query("SELECT max(at) AS at FROM (SELECT at FROM events ORDER BY seq DESC LIMIT 1000) AS latest")
                .fetch_one(pool)
                .await?
                .try_get::<Option<i64>, _>("at")?;
        let made: i64 = row.try_get("high_water")?;
        Ok(Self {
            id: row.try_get("id")?,
            // Of the first signing key, which no rotation touches: it is there as long as the store, and sealed.
            pseudonyms: SecretSlice::from(sha256(&[b"pseudonyms", &pkcs8]).to_vec()),
            signing_keys: SigningKey::from_pkcs8(&pkcs8)?.into(),
            high_water: from_micros(last.map_or(made, |last| last.max(made))),
        })
    }
}
