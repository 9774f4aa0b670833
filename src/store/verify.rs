//! Whether the record is what was written: each leaf in its place, what is sealed beside it what the leaf was committed
//! to, and all of it what somebody noted of it earlier.

use super::audit::{opening_purpose, vault_purpose};
use super::prune::pruned;
use super::{Error, Reading, parsed};
use crate::audit::{Head, Tree, commits_to};
use crate::names::{EventId, VaultId};
use crate::seal::Sealer;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{Row, query};

/// What a look at the whole record found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Its head now.
    pub head: Head,
    /// How many of its events are gone, the oldest ones.
    pub pruned: u64,
    /// Of how many events the personal half was opened, and is what was committed to.
    pub opened: u64,
    /// Of how many it cannot be opened any more: their people were forgotten.
    pub forgotten: u64,
}

/// What does not hold.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// An event is not what was written.
    #[error("event {0} was changed: {1}")]
    Changed(i64, &'static str),
    /// Up to what was noted, the record is another.
    #[error(
        "the first {size} events are not those that were there when {noted} was noted: their head is {found}"
    )]
    Other {
        /// How many.
        size: u64,
        /// What was noted.
        noted: Head,
        /// What it would have to be.
        found: Head,
    },
    /// Of what was noted, some is gone.
    #[error("{noted} events were noted, and the first {pruned} were pruned since: note a later head")]
    Pruned {
        /// How many there were.
        noted: u64,
        /// How many are gone.
        pruned: u64,
    },
    /// There are fewer events than were noted.
    #[error("{noted} events were noted, and there are {found}: the last ones are missing")]
    Short {
        /// How many there were.
        noted: u64,
        /// How many there are.
        found: u64,
    },
}

impl From<sqlx::Error> for Unproven {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Reading {
    /// Reads the whole record as it is at one moment, and proves it; also that it goes on from what was `noted`.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub async fn verify(&self, sealer: &Sealer, noted: Option<Head>) -> Result<Verified, Unproven> {
        // One moment for both.
        let mut snapshot = self.snapshot().await?;
        let mut record = pruned(&mut snapshot).await?;
        let pruned = record.size();
        let (mut opened, mut forgotten) = (0, 0);
        let at_size = |tree: &Tree| match noted {
            Some(noted) if noted.size == tree.size() && noted != tree.head() => {
                Err(Unproven::Other { size: noted.size, noted, found: tree.head() })
            }
            _ => Ok(()),
        };
        if let Some(noted) = noted.filter(|noted| noted.size < pruned) {
            return Err(Unproven::Pruned { noted: noted.size, pruned });
        }
        at_size(&record)?;
        let mut rows = query(
            "SELECT events.seq, events.id, events.at, events.vault, events.leaf, events.opening, vaults.key
             FROM events LEFT JOIN vaults ON vaults.id = events.vault ORDER BY events.seq",
        )
        .fetch(&mut *snapshot);
        while let Some(row) = rows.try_next().await? {
            match check(&row, sealer)? {
                true => opened += 1,
                false => forgotten += 1,
            }
            record.add(row.try_get::<&str, _>("leaf")?.as_bytes());
            at_size(&record)?;
        }
        let head = record.head();
        match noted {
            Some(noted) if noted.size > head.size => {
                Err(Unproven::Short { noted: noted.size, found: head.size })
            }
            _ => Ok(Verified { head, pruned, opened, forgotten }),
        }
    }
}

/// Whether the personal half of an event can still be opened.
///
/// # Errors
/// Where that, or what is beside the leaf, is not what the leaf says.
fn check(row: &AnyRow, sealer: &Sealer) -> Result<bool, Unproven> {
    let seq: i64 = row.try_get("seq")?;
    let changed = |what| Unproven::Changed(seq, what);
    let leaf: Value =
        serde_json::from_str(row.try_get("leaf")?).map_err(|_| changed("its leaf cannot be read"))?;
    let vault: Option<&str> = row.try_get("vault")?;
    if leaf["id"] != row.try_get::<&str, _>("id")? || leaf["person"] != json!(vault) {
        return Err(changed("it stands under another name, or with another person"));
    }
    if leaf["at"] != json!(super::time(row, "at")?) {
        return Err(changed("it stands at another time"));
    }
    let (id, sealed): (EventId, &[u8]) = (parsed(row, "id")?, row.try_get("opening")?);
    let unopened = |_| changed("what is sealed beside it is not what was sealed");
    let opening = match (vault, row.try_get::<Option<&[u8]>, _>("key")?) {
        (Some(_), None) => return Ok(false),
        (Some(_), Some(key)) => {
            let vault: VaultId = parsed(row, "vault")?;
            let key = sealer.open(&vault_purpose(vault), key).map_err(Error::from)?;
            Sealer::new(&key).and_then(|key| key.open(&opening_purpose(id), sealed)).map_err(unopened)?
        }
        (None, _) => sealer.open(&opening_purpose(id), sealed).map_err(unopened)?,
    };
    let opening: Value = serde_json::from_slice(&opening).unwrap_or_default();
    if !commits_to(&leaf, &opening) {
        return Err(changed("what is sealed beside it is not what it was committed to"));
    }
    Ok(true)
}
