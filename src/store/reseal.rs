//! Sealing anew what was sealed under an earlier key, so that the earlier key can go. What is inside stays as it is, and
//! what is sealed under the key of a person is not concerned: only that key is sealed anew.

use super::audit::{opening_purpose, vault_purpose};
use super::instance::SIGNING_KEY;
use super::refreshes::refresh_purpose;
use super::sessions::id_token_purpose;
use super::signing::signing_purpose;
use super::{Error, Store};
use sqlx::{Row, query};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How many rows of a kind are read at a time.
const BATCH: i64 = 200;
/// How long to wait after a failure.
const REST: Duration = Duration::from_secs(10);

/// Rows that hold something sealed: how they are found and how they are written again. What has changed meanwhile is left
/// to the next look.
struct Kind {
    find: &'static str,
    write: &'static str,
    purpose: fn(&str) -> Result<String, Error>,
}

const KINDS: [Kind; 6] = [
    Kind {
        find: "SELECT id, signing_key AS sealed FROM instance WHERE substr(signing_key, 1, 4) <> $1 LIMIT $2",
        write: "UPDATE instance SET signing_key = $2 WHERE id = $1 AND signing_key = $3",
        purpose: |_| Ok(SIGNING_KEY.to_owned()),
    },
    Kind {
        find: "SELECT id, key AS sealed FROM signing_keys WHERE substr(key, 1, 4) <> $1 LIMIT $2",
        write: "UPDATE signing_keys SET key = $2 WHERE id = $1 AND key = $3",
        purpose: |id| Ok(signing_purpose(id)),
    },
    Kind {
        find: "SELECT id, key AS sealed FROM vaults WHERE key IS NOT NULL AND substr(key, 1, 4) <> $1 LIMIT $2",
        write: "UPDATE vaults SET key = $2 WHERE id = $1 AND key = $3",
        purpose: |id| Ok(vault_purpose(id.parse().map_err(unreadable)?)),
    },
    Kind {
        find: "SELECT id, id_token AS sealed FROM sign_ins
            WHERE id_token IS NOT NULL AND substr(id_token, 1, 4) <> $1 LIMIT $2",
        write: "UPDATE sign_ins SET id_token = $2 WHERE id = $1 AND id_token = $3",
        purpose: |id| Ok(id_token_purpose(id.parse().map_err(unreadable)?)),
    },
    Kind {
        find: "SELECT sign_in || ' ' || serial AS id, token AS sealed FROM refreshes
            WHERE substr(token, 1, 4) <> $1 LIMIT $2",
        write: "UPDATE refreshes SET token = $2 WHERE sign_in || ' ' || serial = $1 AND token = $3",
        purpose: |row| Ok(refresh_purpose(row)),
    },
    Kind {
        find: "SELECT id, opening AS sealed FROM events WHERE vault IS NULL AND substr(opening, 1, 4) <> $1 LIMIT $2",
        write: "UPDATE events SET opening = $2 WHERE id = $1 AND opening = $3",
        purpose: |id| Ok(opening_purpose(id.parse().map_err(unreadable)?)),
    },
];

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::Unreadable(error.to_string())
}

impl Store {
    /// Seals anew whatever is sealed under an earlier key, as long as there are some, until `stop`.
    pub async fn reseal(self, stop: CancellationToken) {
        let (mut bell, mut done) = (self.bell(), None);
        while !stop.is_cancelled() {
            let sealer = self.sealer();
            let next = async {
                if sealer.earlier().next().is_none() || done == Some(sealer.key_id()) {
                    let _ = bell.changed().await;
                    return;
                }
                match self.reseal_all().await {
                    Ok(count) => {
                        tracing::info!(
                            count,
                            "nothing is sealed under earlier keys any more: they may be taken out"
                        );
                        done = Some(sealer.key_id());
                    }
                    Err(error) => {
                        tracing::warn!(%error, "not everything is sealed under the new key yet");
                        tokio::time::sleep(REST).await;
                    }
                }
            };
            let _ = stop.run_until_cancelled(next).await;
        }
    }

    /// How much is still sealed under earlier keys; those who look need not count further than a batch of each kind.
    pub async fn sealed_earlier(&self) -> Result<usize, Error> {
        let (mut count, id) = (0, self.sealer().key_id());
        for kind in &KINDS {
            count += query(kind.find).bind(&id[..]).bind(BATCH).fetch_all(&self.0.reader).await?.len();
        }
        Ok(count)
    }

    /// How many rows that were.
    async fn reseal_all(&self) -> Result<u64, Error> {
        let mut count = 0;
        for kind in &KINDS {
            loop {
                let sealer = self.sealer();
                let rows =
                    query(kind.find).bind(&sealer.key_id()[..]).bind(BATCH).fetch_all(&self.0.reader).await?;
                if rows.is_empty() {
                    break;
                }
                let mut all = self.write().await?;
                for row in &rows {
                    let (id, sealed): (&str, &[u8]) = (row.try_get("id")?, row.try_get("sealed")?);
                    let purpose = (kind.purpose)(id)?;
                    let anew = sealer.seal(&purpose, &sealer.open(&purpose, sealed)?)?;
                    let done = query(kind.write).bind(id).bind(anew).bind(sealed).execute(&mut *all).await?;
                    count += done.rows_affected();
                }
                all.commit().await?;
            }
        }
        Ok(count)
    }
}
