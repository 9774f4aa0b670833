//! The keys that sign assertions, sealed. Every replica reads them again once in a while: a new one signs long after it was
//! written down.

use super::{Error, Store, Tx, time};
use crate::identity::{SigningKey, SigningKeys, Turn};
use jiff::Timestamp;
use sqlx::{Row, query};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often they are read again.
const AGAIN: Duration = Duration::from_secs(60);

pub(super) fn signing_purpose(kid: &str) -> String {
    format!("signing key {kid}")
}

impl Tx {
    /// Writes down a key that signs from `from` on.
    pub async fn add_signing_key(&mut self, key: &SigningKey, from: Timestamp) -> Result<(), Error> {
        let sealed = self.store.sealer().seal(&signing_purpose(key.kid()), &key.to_pkcs8()?)?;
        query("INSERT INTO signing_keys (id, key, signs_from) VALUES ($1, $2, $3)")
            .bind(key.kid())
            .bind(sealed)
            .bind(from.as_microsecond())
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }
}

impl Store {
    /// The keys that sign assertions.
    pub fn signing_keys(&self) -> &SigningKeys {
        &self.0.instance.signing_keys
    }

    /// Reads again which keys there are.
    pub async fn read_signing_keys(&self) -> Result<(), Error> {
        let rows = query("SELECT id, key, signs_from FROM signing_keys").fetch_all(&self.0.reader).await?;
        let turn = |row| {
            let sealed = Row::try_get(row, "key")?;
            let pkcs8 = self.sealer().open(&signing_purpose(Row::try_get(row, "id")?), sealed)?;
            Ok(Turn { key: SigningKey::from_pkcs8(&pkcs8)?.into(), from: time(row, "signs_from")? })
        };
        let turns = rows.iter().map(turn).collect::<Result<Vec<_>, Error>>()?;
        self.signing_keys().then(turns);
        Ok(())
    }

    /// Reads them again once in a while, until `stop`.
    pub async fn follow_signing_keys(self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_some() {
            if let Err(error) = self.read_signing_keys().await {
                tracing::warn!(%error, "the signing keys were not read again");
            }
        }
    }
}
