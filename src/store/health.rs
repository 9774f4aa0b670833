//! What those ask who watch over the whole.

use super::{Error, SOON, Store, maybe_time, parsed};
use crate::names::{AppName, TargetName, UserId};
use jiff::Timestamp;
use sqlx::{Row, query};
use tokio::time::timeout;

/// What is to be done in one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Which.
    pub target: TargetName,
    /// How many accounts are due.
    pub due: i64,
    /// Since when the one that waits longest.
    pub oldest: Option<Timestamp>,
}

impl Store {
    /// Reads something, as any sign-in that is not in memory must.
    ///
    /// # Errors
    /// [`Error::Database`] where it cannot.
    pub async fn try_reading(&self) -> Result<(), Error> {
        let read = query("SELECT 1 FROM sessions LIMIT 1").fetch_optional(&self.0.reader);
        timeout(SOON, read).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        Ok(())
    }

    /// How many accounts each target has by their state, as in [`super::AccountRow::state`].
    pub async fn accounts_by_state(&self) -> Result<Vec<(TargetName, String, i64)>, Error> {
        let rows = query(
            "SELECT target, count(*) AS accounts, CASE
                WHEN stuck = 1 AND candidates IS NOT NULL THEN 'undecided'
                WHEN stuck = 1 THEN 'stuck'
                WHEN settled = version THEN CASE wanted
                    WHEN 'disabled' THEN 'disabled' WHEN 'absent' THEN 'deleted' ELSE 'active' END
                ELSE CASE wanted
                    WHEN 'disabled' THEN 'disabling' WHEN 'absent' THEN 'deleting' ELSE 'preparing' END
                END AS shown
             FROM accounts GROUP BY target, shown",
        )
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter()
            .map(|row| Ok((parsed(row, "target")?, row.try_get("shown")?, row.try_get("accounts")?)))
            .collect()
    }

    /// What is to be done at `now` in each target where there are accounts.
    pub async fn work(&self, now: Timestamp) -> Result<Vec<Work>, Error> {
        let rows = query(
            "SELECT target, sum(CASE WHEN due <= $1 THEN 1 ELSE 0 END) AS accounts, min(due) AS due
             FROM accounts GROUP BY target",
        )
        .bind(now.as_microsecond())
        .fetch_all(&self.0.reader)
        .await?;
        let row = |row| {
            let oldest = maybe_time(row, "due")?.filter(|due| *due <= now);
            Ok(Work { target: parsed(row, "target")?, due: row.try_get("accounts")?, oldest })
        };
        rows.iter().map(row).collect()
    }

    /// How many sign-ins are live at `now`.
    pub async fn live_sign_ins(&self, now: Timestamp) -> Result<i64, Error> {
        let live = query("SELECT count(*) AS sign_ins FROM sign_ins WHERE revoked IS NULL AND until > $1");
        Ok(live.bind(now.as_microsecond()).fetch_one(&self.0.reader).await?.try_get("sign_ins")?)
    }

    /// How many accounts of each target are open, as far as is known.
    pub async fn open_accounts(&self) -> Result<Vec<(TargetName, u64)>, Error> {
        let rows =
            query("SELECT target, count(*) AS accounts FROM accounts WHERE active = 1 GROUP BY target")
                .fetch_all(&self.0.reader)
                .await?;
        let row = |row| Ok((parsed(row, "target")?, row.try_get::<i64, _>("accounts")?.unsigned_abs()));
        rows.iter().map(row).collect()
    }

    /// When the accounts of each target that are open were last used: a line for each account.
    pub async fn last_uses(&self) -> Result<Vec<(TargetName, AppName, UserId, Option<Timestamp>)>, Error> {
        let rows = query(
            "SELECT accounts.target, grants.app, accounts.owner, max(grants.last_used) AS used
             FROM accounts JOIN identities ON identities.owner = accounts.owner
             JOIN grants ON grants.identity = identities.id
             WHERE accounts.active = 1 AND grants.ended = 0
             GROUP BY accounts.target, grants.app, accounts.owner",
        )
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    parsed(row, "target")?,
                    parsed(row, "app")?,
                    parsed(row, "owner")?,
                    maybe_time(row, "used")?,
                ))
            })
            .collect()
    }
}
