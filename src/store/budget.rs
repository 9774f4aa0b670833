//! How much of its day's requests a target has got. Whoever makes requests draws them here first.

use super::{Books, Error, time};
use crate::names::TargetName;
use jiff::{SignedDuration, Timestamp};
use sqlx::query;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What came of drawing requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// They may be made until this, when the day ends that they were counted in.
    Until(Timestamp),
    /// There are not so many left before this, when the day ends.
    NotBefore(Timestamp),
}

impl Books<'_> {
    /// Draws `some` of the `of` requests that `target` may get in a day, all or none. A day begins with the first that is
    /// drawn after the one before has ended.
    pub async fn draw(
        &self,
        target: &TargetName,
        some: u32,
        of: u32,
        now: Timestamp,
    ) -> Result<Drawn, Error> {
        let ends = now.checked_add(DAY).unwrap_or(Timestamp::MAX);
        let drawn = query(
            "INSERT INTO targets (name, day_ends, spent) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET
                 day_ends = CASE WHEN targets.day_ends > $4 THEN targets.day_ends ELSE excluded.day_ends END,
                 spent = CASE WHEN targets.day_ends > $4 THEN targets.spent + excluded.spent ELSE excluded.spent END
             WHERE coalesce(targets.day_ends <= $4, TRUE) OR targets.spent + excluded.spent <= $5
             RETURNING day_ends",
        )
        .bind(target.as_str())
        .bind(ends.as_microsecond())
        .bind(i64::from(some))
        .bind(now.as_microsecond())
        .bind(i64::from(of))
        .fetch_optional(&self.store.0.writer)
        .await?;
        if let Some(row) = drawn {
            return Ok(Drawn::Until(time(&row, "day_ends")?));
        }
        let row = query("SELECT coalesce(day_ends, 0) AS day_ends FROM targets WHERE name = $1")
            .bind(target.as_str())
            .fetch_one(&self.store.0.writer)
            .await?;
        Ok(Drawn::NotBefore(time(&row, "day_ends")?))
    }
}
