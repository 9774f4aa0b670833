//! Whether a store is what it was when it was last written, or an earlier state of it that somebody has put back.
//!
//! Whoever was signed out since then would be signed in again, and a token that was taken from somebody would be good
//! again. So all of them end: who may come in signs in anew, and is judged by what the provider says now.

use super::dialect::Dialect;
use super::{Error, Place, Store, Tx, maybe_time, parsed};
use crate::audit::{Actor, Entry, Event};
use crate::names::UserId;
use crate::seal::Sealer;
use jiff::Timestamp;
use serde_json::json;
use sqlx::{AnyPool, Row, query};

/// What ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Sign-ins.
    pub sign_ins: u64,
    /// Tokens for the admin API.
    pub tokens: u64,
}

/// Where a backup says that it lives: nowhere.
pub(super) const NOWHERE: &str = "a backup";

impl Store {
    /// Opens the store at `place`, which somebody has put back by means that do not show, and ends what is to end.
    ///
    /// # Errors
    /// See [`Store::open`].
    pub async fn restored(place: Place, sealer: Sealer, now: Timestamp) -> Result<Restored, Error> {
        let store = Self::open_as_it_is(place, sealer, now).await?;
        let ended = store.look_whether_restored(now, true).await?;
        store.close().await;
        Ok(ended.unwrap_or(Restored { sign_ins: 0, tokens: 0 }))
    }

    /// Ends all sign-ins and tokens where the store is an earlier state of itself, or `surely` so.
    ///
    /// A file is if it lacks an event that was written. A database is if it was built up anew, as `pg_restore` does; a
    /// standby that takes over is not, nor is what an import has taken elsewhere.
    pub(super) async fn look_whether_restored(
        &self,
        now: Timestamp,
        surely: bool,
    ) -> Result<Option<Restored>, Error> {
        let (writer, lock) = (&self.0.writer, self.0.lock.as_ref());
        let here = where_it_lives(self.0.dialect, writer).await?;
        let row = query("SELECT lives, (SELECT coalesce(max(seq), 0) FROM events) AS last FROM instance")
            .fetch_one(writer)
            .await?;
        let (lived, last): (Option<String>, i64) = (row.try_get("lives")?, row.try_get("last")?);
        let surely = surely || lock.is_some_and(|lock| lock.last() > last);
        if !surely && lived.as_ref().is_none_or(|lived| *lived == here) {
            let begins = query("UPDATE instance SET lives = $1 WHERE lives IS NULL").bind(&here);
            begins.execute(writer).await?;
            return Ok(None);
        }
        let mut tx = self.begin(now).await?;
        let found = query(
            "UPDATE instance SET lives = $1, restored = $2 WHERE lives IS NULL OR lives <> $1 OR $3 = 1",
        )
        .bind(&here)
        .bind(now.as_microsecond())
        .bind(i64::from(surely))
        .execute(&mut *tx.inner)
        .await?;
        if found.rows_affected() == 0 {
            // Another replica was first.
            return Ok(None);
        }
        let ended = tx.end_what_was_issued().await?;
        let Restored { sign_ins, tokens } = ended;
        tx.commit(&Entry {
            event: Event::StoreRestored { sign_ins, tokens },
            actor: Actor::Nobody,
            cause: "restored".to_owned(),
            person: None,
            policy: None,
            personal: json!({}),
        })
        .await?;
        if let Some(lock) = lock {
            let last = query("SELECT max(seq) AS last FROM events").fetch_one(writer).await?;
            lock.begin_at(last.try_get("last")?);
        }
        tracing::warn!(sign_ins, tokens, "the store is one of before: everybody has to sign in again");
        Ok(Some(ended))
    }
}

impl Tx {
    /// Ends every sign-in, and every token for the admin API.
    async fn end_what_was_issued(&mut self) -> Result<Restored, Error> {
        let now = self.now.as_microsecond();
        let people = query(
            "SELECT DISTINCT identities.owner FROM sign_ins JOIN identities ON identities.id = sign_ins.identity
             WHERE sign_ins.revoked IS NULL AND sign_ins.until > $1",
        )
        .bind(now)
        .fetch_all(&mut *self.inner)
        .await?;
        self.touched = people.iter().map(|row| parsed(row, "owner")).collect::<Result<Vec<UserId>, _>>()?;
        let live = query("SELECT count(*) AS live FROM sign_ins WHERE revoked IS NULL AND until > $1");
        let live = live.bind(now).fetch_one(&mut *self.inner).await?.try_get::<i64, _>("live")?;
        query("UPDATE sign_ins SET revoked = $1, id_token = NULL WHERE revoked IS NULL")
            .bind(now)
            .execute(&mut *self.inner)
            .await?;
        let tokens = query("UPDATE tokens SET revoked = $1 WHERE revoked IS NULL AND until > $1")
            .bind(now)
            .execute(&mut *self.inner)
            .await?;
        Ok(Restored { sign_ins: live.unsigned_abs(), tokens: tokens.rows_affected() })
    }

    /// When the store was last found to be an earlier state of itself: what was issued before is not good any more.
    pub async fn restored_at(&mut self) -> Result<Option<Timestamp>, Error> {
        let row = query("SELECT restored FROM instance").fetch_one(&mut *self.inner).await?;
        maybe_time(&row, "restored")
    }
}

/// A word for where a store is. A file has a lock beside it, which knows more.
async fn where_it_lives(dialect: Dialect, pool: &AnyPool) -> Result<String, Error> {
    if dialect == Dialect::Sqlite {
        return Ok("a file".to_owned());
    }
    // A copy of all of a database has the same, and so a standby that takes over; a table that was made anew has another.
    let row = query("SELECT CAST('instance'::regclass::oid AS TEXT) AS made").fetch_one(pool).await?;
    let made: String = row.try_get("made")?;
    let may =
        query("SELECT CAST(has_function_privilege('pg_control_system()', 'EXECUTE') AS INTEGER) AS may");
    if may.fetch_one(pool).await?.try_get::<i32, _>("may")? == 0 {
        return Ok(made);
    }
    let row = query("SELECT CAST(system_identifier AS TEXT) AS cluster FROM pg_control_system()");
    let cluster: String = row.fetch_one(pool).await?.try_get("cluster")?;
    Ok(format!("{cluster}/{made}"))
}
