//! The oldest events go, once they were kept for long enough. What stays of them is what the tree over the record needs to
//! go on, so that all that comes after still proves itself.

use super::{Error, Tx, time};
use crate::audit::{Head, Tree};
use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::{AnyConnection, Row, query};

/// The tree over the events that are gone.
pub(super) async fn pruned(connection: &mut AnyConnection) -> Result<Tree, Error> {
    let row = query("SELECT size, peaks FROM pruned").fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(Tree::default()) };
    let size = row.try_get::<i64, _>("size")?.unsigned_abs();
    Tree::of(size, row.try_get("peaks")?)
        .ok_or_else(|| Error::Unreadable(format!("pruned: no tree of {size} leaves has these peaks")))
}

impl Tx {
    /// Takes the events away that came before the first of `before` and later, at most `limit`; how many that were, and the
    /// head of all that are gone. `None` where there are none.
    pub async fn prune(&mut self, before: Timestamp, limit: u32) -> Result<Option<(u64, Head)>, Error> {
        self.store.lock(&mut self.inner, "events").await?;
        let mut tree = pruned(&mut self.inner).await?;
        let begun = tree.size();
        let mut last: Option<i64> = None;
        let mut oldest = query("SELECT seq, at, leaf FROM events ORDER BY seq LIMIT $1")
            .bind(i64::from(limit))
            .fetch(&mut *self.inner);
        while let Some(row) = oldest.try_next().await? {
            if time(&row, "at")? >= before {
                break;
            }
            tree.add(row.try_get::<&str, _>("leaf")?.as_bytes());
            last = Some(row.try_get("seq")?);
        }
        drop(oldest);
        let Some(last) = last else { return Ok(None) };
        query("DELETE FROM events WHERE seq <= $1").bind(last).execute(&mut *self.inner).await?;
        query(
            "INSERT INTO pruned (one, size, peaks) VALUES (1, $1, $2)
             ON CONFLICT (one) DO UPDATE SET size = excluded.size, peaks = excluded.peaks",
        )
        .bind(i64::try_from(tree.size()).unwrap_or(i64::MAX))
        .bind(tree.peaks())
        .execute(&mut *self.inner)
        .await?;
        // Whoever was forgotten and is spoken of no more leaves nothing.
        query(
            "DELETE FROM vaults WHERE key IS NULL AND NOT EXISTS (SELECT 1 FROM events WHERE events.vault = vaults.id)
                AND NOT EXISTS (SELECT 1 FROM users WHERE users.vault = vaults.id)",
        )
        .execute(&mut *self.inner)
        .await?;
        Ok(Some((tree.size() - begun, tree.head())))
    }
}
