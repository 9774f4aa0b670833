//! The record, written with the change that it records.

use super::{Error, Store, Tx, parsed, time};
use crate::audit::Entry;
use crate::names::{EventId, VaultId};
use crate::seal::{Sealer, random_bytes, sha256};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqlx::{Row, query};

/// An event as it was recorded.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AuditRow {
    /// Its place in the record, counted from 1; numbers may be left out.
    pub seq: i64,
    /// When it was.
    pub at: Timestamp,
    /// Which event.
    pub id: EventId,
    /// About whom, as `subject@provider`; `None` for people who were never let in, or of whom nothing is kept.
    pub person: Option<String>,
    /// What was kept of it for ever.
    pub leaf: Value,
    /// Actor, cause and personal values; `None` once the person's key is destroyed.
    pub sealed: Option<Value>,
}

pub(super) fn vault_purpose(id: VaultId) -> String {
    format!("vault {id}")
}

pub(super) fn opening_purpose(id: EventId) -> String {
    format!("event {id}")
}

impl Tx {
    /// The vault of the person whom `issuer` calls `sub`, made on the first call. It exists for people who were
    /// refused, too, since the record speaks of them.
    pub async fn vault(&mut self, issuer: &str, sub: &str) -> Result<VaultId, Error> {
        let lookup =
            sha256(&[b"vault", self.store.instance().id.as_bytes(), issuer.as_bytes(), sub.as_bytes()]);
        let id = VaultId::random();
        let key = self.store.sealer().seal(&vault_purpose(id), &random_bytes())?;
        query("INSERT INTO vaults (id, lookup, key) VALUES ($1, $2, $3) ON CONFLICT (lookup) DO NOTHING")
            .bind(id.to_string())
            .bind(&lookup[..])
            .bind(key)
            .execute(&mut *self.inner)
            .await?;
        let row = query("SELECT id FROM vaults WHERE lookup = $1")
            .bind(&lookup[..])
            .fetch_one(&mut *self.inner)
            .await?;
        parsed(&row, "id")
    }
}

/// Writes an entry; its place in the record.
pub(super) async fn insert(tx: &mut Tx, entry: &Entry) -> Result<i64, Error> {
    let leaf = entry.leaf(tx.now);
    let purpose = opening_purpose(leaf.id);
    let opening = match entry.person {
        None => tx.store.sealer().seal(&purpose, leaf.opening.as_bytes())?,
        Some(vault) => {
            let row = query("SELECT key FROM vaults WHERE id = $1")
                .bind(vault.to_string())
                .fetch_one(&mut *tx.inner)
                .await?;
            match row.try_get::<Option<&[u8]>, _>("key")? {
                Some(key) => {
                    let key = tx.store.sealer().open(&vault_purpose(vault), key)?;
                    Sealer::new(&key)?.seal(&purpose, leaf.opening.as_bytes())?
                }
                // Forgotten people stay forgotten.
                None => Vec::new(),
            }
        }
    };
    // Numbers are given in the order of the commits: who reads on from one misses nothing.
    tx.store.lock(&mut tx.inner, "events").await?;
    let row =
        query("INSERT INTO events (id, at, vault, leaf, opening) VALUES ($1, $2, $3, $4, $5) RETURNING seq")
            .bind(leaf.id.to_string())
            .bind(tx.now.as_microsecond())
            .bind(entry.person.map(|vault| vault.to_string()))
            .bind(leaf.text)
            .bind(opening)
            .fetch_one(&mut *tx.inner)
            .await?;
    Ok(row.try_get("seq")?)
}

impl Store {
    /// The events after `after` (0: from the first), oldest first, at most `limit`.
    pub async fn audit(&self, after: i64, limit: u32) -> Result<Vec<AuditRow>, Error> {
        let rows = query(
            "SELECT events.seq, events.id, events.at, events.vault, events.leaf, events.opening, vaults.key,
                (SELECT subject || '@' || provider FROM identities JOIN users ON users.id = identities.owner
                    WHERE users.vault = events.vault AND forgotten IS NULL ORDER BY identities.id LIMIT 1) AS person
             FROM events LEFT JOIN vaults ON vaults.id = events.vault
             WHERE events.seq > $1 ORDER BY events.seq LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter()
            .map(|row| {
                let id: EventId = parsed(row, "id")?;
                let opening: &[u8] = row.try_get("opening")?;
                let sealed = match row.try_get::<Option<&[u8]>, _>("key")? {
                    Some(key) => {
                        let key = self.sealer().open(&vault_purpose(parsed(row, "vault")?), key)?;
                        Some(Sealer::new(&key)?.open(&opening_purpose(id), opening)?)
                    }
                    None if row.try_get::<Option<&str>, _>("vault")?.is_none() => {
                        Some(self.sealer().open(&opening_purpose(id), opening)?)
                    }
                    None => None,
                };
                Ok(AuditRow {
                    seq: row.try_get("seq")?,
                    at: time(row, "at")?,
                    id,
                    person: row.try_get("person")?,
                    leaf: super::json(row, "leaf")?,
                    sealed: sealed.map(|bytes| unwrap_opening(&bytes)).transpose()?,
                })
            })
            .collect()
    }
}

fn unwrap_opening(bytes: &[u8]) -> Result<Value, Error> {
    let opening: Value = serde_json::from_slice(bytes)?;
    Ok(serde_json::from_str(opening["sealed"].as_str().unwrap_or("null"))?)
}
