//! Who works on which account for how long, and how much is taken from a target at once. All of it is bookkeeping: what
//! became of an account is recorded elsewhere.

use super::dialect::Dialect;
use super::work::due;
use super::{Books, Due, Error, Failure, Store};
use crate::account::Actual;
use crate::names::TargetName;
use jiff::{SignedDuration, Timestamp};
use sqlx::{AnyExecutor, Row, query};

/// Claims accounts of a target; a macro, so that statements stay constants.
macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE accounts SET lease = $3, epoch = epoch + 1 WHERE id IN (
                SELECT id FROM accounts WHERE target = $1 AND due IS NOT NULL AND due <= $2 AND lease <= $2
                    AND NOT ($5 = 1 AND coalesce(narrowed, 0) >
                        coalesce((SELECT confirmed FROM targets WHERE name = $1), 0))
                ORDER BY rank, due LIMIT $4",
            $lock,
            ")
             RETURNING id, owner, target, external_id, seen, desired, version, settled, epoch, lease, attempts, stuck,
                origin, link"
        )
    };
}

/// Whether something that a guard counts was taken from an account of target `$1`, since `$2` or not yet.
macro_rules! narrowed_since {
    () => {
        "narrowed > coalesce((SELECT confirmed FROM targets WHERE name = $1), 0)
            AND (narrowed > $2 OR settled < version)"
    };
}

/// By what it is found whether more is taken from a target's accounts than may be.
pub struct Counted<'a> {
    /// Since when it counts.
    pub since: Timestamp,
    /// Whether so few need no second look.
    pub is_few: &'a (dyn Fn(u64) -> bool + Sync),
    /// Whether so much may be taken of so many.
    pub lets_pass: &'a (dyn Fn(u64, u64) -> bool + Sync),
}

/// What was claimed.
#[derive(Debug)]
pub struct Claimed {
    /// The accounts.
    pub due: Vec<Due>,
    /// How much is taken, and was lately, that is counted.
    pub taken: u64,
    /// Whether that is too much, so that some of it was left alone.
    pub held: bool,
}

impl Books<'_> {
    /// Claims up to `limit` accounts of `target` that are due at `now`, for `lease`. What takes something comes first
    /// (see [`Rank`](super::Rank)), then what waits longest. While a lease runs nobody else claims the account.
    ///
    /// Where `counted` finds that more is taken than may be, what was narrowed and not confirmed is left alone. What is
    /// claimed was counted: nothing slips through in between.
    pub async fn claim_due(
        &self,
        target: &TargetName,
        now: Timestamp,
        lease: SignedDuration,
        limit: usize,
        counted: &Counted<'_>,
    ) -> Result<Claimed, Error> {
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        // An account that somebody writes about at this moment rings the bell when that is done.
        let claim = self.store.0.dialect.choose(claim!(""), claim!(" FOR UPDATE SKIP LOCKED"));
        loop {
            let mut tx = self.store.write().await?;
            self.store.lock(&mut tx, &format!("claims of {target}")).await?;
            let taken = narrowed(&mut *tx, target, counted.since).await?;
            let of = match (counted.is_few)(taken) {
                true => u64::MAX,
                false => accounts_in(&mut *tx, target, counted.since).await?,
            };
            // Once held it stays so until somebody confirms: else the rest would leak out, window by window.
            let held = !(counted.lets_pass)(taken, of) || stays_held(&mut *tx, target).await?;
            note_held(&mut *tx, target, held, now).await?;
            let rows = query(claim)
                .bind(target.as_str())
                .bind(now.as_microsecond())
                .bind(until.as_microsecond())
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .bind(i64::from(held))
                .fetch_all(&mut *tx)
                .await?;
            // PostgreSQL lets each statement see what was committed before it: the claim may have seen more than the count.
            if !held && !rows.is_empty() && narrowed(&mut *tx, target, counted.since).await? > taken {
                tx.rollback().await?;
                continue;
            }
            tx.commit().await?;
            return Ok(Claimed { due: rows.iter().map(due).collect::<Result<_, _>>()?, taken, held });
        }
    }

    /// Ends at `at` every lease that would run longer, where the store is one process's: whoever took it has died. Of
    /// replicas one that leads no more may not have noticed yet, and its last call be under way: theirs end by themselves.
    pub async fn inherit(&self, at: Timestamp) -> Result<(), Error> {
        if self.store.0.dialect != Dialect::Sqlite {
            return Ok(());
        }
        query("UPDATE accounts SET lease = $1 WHERE lease > $1")
            .bind(at.as_microsecond())
            .execute(&self.store.0.writer)
            .await?;
        Ok(())
    }

    /// Notes that the account of `due` is about to be the one of this id in its target, that was there before us. `false` if
    /// that is another row's, or was to be where no operator says otherwise, or the claim no longer stands.
    pub async fn adopts(&self, due: &Due, native_id: &str) -> Result<bool, Error> {
        let mut tx = self.store.write().await?;
        self.store.lock(&mut tx, &format!("adopting {}", due.target)).await?;
        query(
            "INSERT INTO promises (account, target, native_id)
             SELECT id, target, adopting FROM accounts WHERE id = $1 AND epoch = $2 AND adopting <> $3
             ON CONFLICT DO NOTHING",
        )
        .bind(due.id.to_string())
        .bind(due.epoch)
        .bind(native_id)
        .execute(&mut *tx)
        .await?;
        let done = query(
            "UPDATE accounts SET adopting = $3, origin = 'adopted' WHERE id = $1 AND epoch = $2
                AND NOT EXISTS (SELECT 1 FROM accounts AS other WHERE other.target = $4 AND other.id <> $1
                    AND (other.native_id = $3 OR other.adopting = $3 AND $5 = 0))
                AND ($5 = 1 OR NOT EXISTS (SELECT 1 FROM promises
                    WHERE target = $4 AND native_id = $3 AND account <> $1))",
        )
        .bind(due.id.to_string())
        .bind(due.epoch)
        .bind(native_id)
        .bind(due.target.as_str())
        .bind(i64::from(due.verdict.is_some()))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Whether the account of this id was ever about to become that of `due`, though it was there before us.
    pub async fn was_before(&self, due: &Due, native_id: &str) -> Result<bool, Error> {
        let row = query(
            "SELECT 1 FROM accounts WHERE id = $1 AND adopting = $2
             UNION ALL SELECT 1 FROM promises WHERE account = $1 AND native_id = $2",
        )
        .bind(due.id.to_string())
        .bind(native_id)
        .fetch_optional(&self.store.0.reader)
        .await?;
        Ok(row.is_some())
    }

    /// Notes that the account of `due` is about to be created, and none adopted. What was to be adopted is kept in mind:
    /// the call for it may yet arrive.
    pub async fn creates(&self, due: &Due) -> Result<(), Error> {
        query("UPDATE accounts SET origin = 'created' WHERE id = $1 AND epoch = $2")
            .bind(due.id.to_string())
            .bind(due.epoch)
            .execute(&self.store.0.writer)
            .await?;
        Ok(())
    }

    /// Gives a claim back with work left to do. `false` if it no longer stands.
    pub async fn released(&self, due: &Due) -> Result<bool, Error> {
        let done = query("UPDATE accounts SET lease = 0 WHERE id = $1 AND epoch = $2")
            .bind(due.id.to_string())
            .bind(due.epoch)
            .execute(&self.store.0.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Writes down a failed attempt and when to try again. `false` if the claim no longer stands.
    pub(super) async fn failed(&self, due: &Due, failure: &Failure, now: Timestamp) -> Result<bool, Error> {
        note_failure(&self.store.0.writer, due, failure, now).await
    }

    /// Notes a look that found what was known: the version was settled, and so was whether the account may be used.
    /// Where something newer is desired meanwhile, that is due. `false` where the look tells more than that, and so
    /// must be recorded, or the claim no longer stands.
    pub(super) async fn confirmed(
        &self,
        due: &Due,
        seen: &Actual,
        active: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let done = query(
            "UPDATE accounts SET seen = $3, looked = $4, due = CASE WHEN version = $5 THEN NULL ELSE $4 END,
                lease = 0, attempts = 0, unsure = 0, failing = NULL, failure = NULL
             WHERE id = $1 AND epoch = $2 AND settled = $5 AND (version > $5 OR open = $6) AND stuck = 0",
        )
        .bind(due.id.to_string())
        .bind(due.epoch)
        .bind(serde_json::to_string(seen)?)
        .bind(now.as_microsecond())
        .bind(due.version)
        .bind(i64::from(active))
        .execute(&self.store.0.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Makes what has failed in `target` due at once, as something about the target was changed. A write whose answer
    /// was lost may still take effect; that is waited for all the same.
    pub async fn retry_failing(&self, target: &TargetName, now: Timestamp) -> Result<u64, Error> {
        let done = query(
            "UPDATE accounts SET due = $2, attempts = 0
             WHERE target = $1 AND due > $2 AND failing IS NOT NULL AND unsure = 0",
        )
        .bind(target.as_str())
        .bind(now.as_microsecond())
        .execute(&self.store.0.writer)
        .await?;
        if done.rows_affected() > 0 {
            self.store.ring_all().await?;
        }
        Ok(done.rows_affected())
    }

    /// Makes settled accounts due that were last looked at before `before`, at most `limit`; says how many. A
    /// worker may have died between acting and recording, and targets change behind our back.
    pub async fn look_again(&self, before: Timestamp, now: Timestamp, limit: usize) -> Result<u64, Error> {
        let done = query(
            "UPDATE accounts SET due = $2, rank = 3 WHERE id IN (
                SELECT id FROM accounts WHERE due IS NULL AND looked < $1 ORDER BY looked LIMIT $3)",
        )
        .bind(before.as_microsecond())
        .bind(now.as_microsecond())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .execute(&self.store.0.writer)
        .await?;
        if done.rows_affected() > 0 {
            self.store.ring_all().await?;
        }
        Ok(done.rows_affected())
    }
}

impl Store {
    /// How much `target` is to take, or was told to take since `since`, that no date had announced and no operator
    /// has confirmed.
    pub async fn narrowed(&self, target: &TargetName, since: Timestamp) -> Result<u64, Error> {
        narrowed(&self.0.reader, target, since).await
    }
}

pub(super) async fn narrowed(
    reader: impl AnyExecutor<'_>,
    target: &TargetName,
    since: Timestamp,
) -> Result<u64, Error> {
    let row =
        query(concat!("SELECT count(*) AS accounts FROM accounts WHERE target = $1 AND ", narrowed_since!()))
            .bind(target.as_str())
            .bind(since.as_microsecond())
            .fetch_one(reader)
            .await?;
    Ok(row.try_get::<i64, _>("accounts")?.unsigned_abs())
}

/// How many accounts of `target` are open or are to be, or were until something was taken that [`narrowed`] counts.
/// Those that were closed before are no part of what there is to lose.
pub(super) async fn accounts_in(
    reader: impl AnyExecutor<'_>,
    target: &TargetName,
    since: Timestamp,
) -> Result<u64, Error> {
    let row = query(concat!(
        "SELECT count(*) AS accounts FROM accounts WHERE target = $1 AND (active = 1 OR wanted = 'active' OR ",
        narrowed_since!(),
        ")"
    ))
    .bind(target.as_str())
    .bind(since.as_microsecond())
    .fetch_one(reader)
    .await?;
    Ok(row.try_get::<i64, _>("accounts")?.unsigned_abs())
}

/// Whether a target is held, and something waits for it to be let go.
async fn stays_held(reader: impl AnyExecutor<'_>, target: &TargetName) -> Result<bool, Error> {
    let row = query(
        "SELECT 1 FROM targets WHERE name = $1 AND held IS NOT NULL AND EXISTS (SELECT 1 FROM accounts
            WHERE target = $1 AND narrowed > targets.confirmed AND settled < version)",
    )
    .bind(target.as_str())
    .fetch_optional(reader)
    .await?;
    Ok(row.is_some())
}

async fn note_held(
    writer: impl AnyExecutor<'_>,
    target: &TargetName,
    held: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let words = if held {
        "INSERT INTO targets (name, held) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET held = coalesce(targets.held, excluded.held)"
    } else {
        "UPDATE targets SET held = NULL WHERE name = $1 AND held IS NOT NULL"
    };
    query(words).bind(target.as_str()).bind(now.as_microsecond()).execute(writer).await?;
    Ok(())
}

/// Notes what failed and when to try again: at once where something newer is desired meanwhile, unless the last write
/// may yet take effect. `false` if the claim no longer stands.
pub(super) async fn note_failure(
    writer: impl AnyExecutor<'_>,
    due: &Due,
    failure: &Failure,
    now: Timestamp,
) -> Result<bool, Error> {
    let candidates = (!failure.candidates.is_empty()).then(|| serde_json::to_string(&failure.candidates));
    let candidates = candidates.transpose()?;
    let done = query(
        "UPDATE accounts SET failure = $3, failing = coalesce(failing, $4), attempts = $5, unsure = $6, lease = 0,
            candidates = $9,
            due = CASE WHEN version = $7 OR $6 = 1 THEN $8 ELSE $4 END
         WHERE id = $1 AND epoch = $2",
    )
    .bind(due.id.to_string())
    .bind(due.epoch)
    .bind(&failure.words)
    .bind(now.as_microsecond())
    .bind(i64::from(failure.attempts))
    .bind(i64::from(failure.unsure))
    .bind(due.version)
    .bind(failure.next_due.as_microsecond())
    .bind(candidates)
    .execute(writer)
    .await?;
    Ok(done.rows_affected() == 1)
}
