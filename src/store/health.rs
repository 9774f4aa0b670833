//! What those ask who watch over the whole.

use super::{Error, Store, parsed};
use crate::names::TargetName;
use sqlx::{Row, query};

impl Store {
    /// Reads something, as any sign-in that is not in memory must.
    ///
    /// # Errors
    /// [`Error::Database`] where it cannot.
    pub async fn try_reading(&self) -> Result<(), Error> {
        query("SELECT 1 FROM sessions LIMIT 1").fetch_optional(&self.0.reader).await?;
        Ok(())
    }

    /// How many accounts each target has by their state, as in [`super::AccountRow::state`].
    pub async fn accounts_by_state(&self) -> Result<Vec<(TargetName, String, i64)>, Error> {
        let rows = query(
            "SELECT target, count(*) AS accounts, CASE
                WHEN stuck THEN 'stuck'
                WHEN desired ->> 'state' = 'disabled' THEN iif(settled = version, 'disabled', 'disabling')
                ELSE iif(settled = version, 'active', 'preparing') END AS shown
             FROM accounts GROUP BY target, shown",
        )
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter()
            .map(|row| Ok((parsed(row, "target")?, row.try_get("shown")?, row.try_get("accounts")?)))
            .collect()
    }
}
