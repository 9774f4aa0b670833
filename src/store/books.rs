//! What changes without a record: leases, attempts, hand-overs. No statement here can touch people, access or
//! sessions.

use super::accounts::due;
use super::{Due, Error, Store, parsed};
use crate::names::SignInId;
use crate::seal::sha256;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sqlx::{Row, query};

/// The statements that need no audit entry: see [`Store::bookkeep`].
pub struct Books<'a> {
    store: &'a Store,
}

/// A sign-in on its way from the login host to an app's host: single use, short-lived, bound to that host and to
/// the browser that set out from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// The sign-in that is carried over.
    pub sign_in: SignInId,
    /// The host that may take it.
    pub host: String,
    /// The browser that may bring it, by its nonce on that host.
    pub browser: [u8; 32],
    /// Where the person was going: path and query.
    pub path: String,
    /// When it is worthless.
    pub until: Timestamp,
}

fn code_hash(code: &str) -> [u8; 32] {
    sha256(&[b"handover", code.as_bytes()])
}

impl<'a> Books<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Writes down a hand-over that `code` stands for, and clears away those that were never taken.
    pub async fn give(&self, code: &str, handover: &Handover, now: Timestamp) -> Result<(), Error> {
        query("DELETE FROM handovers WHERE until < $1")
            .bind(now.as_microsecond())
            .execute(&self.store.0.writer)
            .await?;
        query("INSERT INTO handovers (code, sign_in, host, browser, path, until) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(&code_hash(code)[..])
            .bind(handover.sign_in.to_string())
            .bind(&handover.host)
            .bind(&handover.browser[..])
            .bind(&handover.path)
            .bind(handover.until.as_microsecond())
            .execute(&self.store.0.writer)
            .await?;
        Ok(())
    }

    /// Takes the hand-over that `code` stands for: the first who asks gets it, if their host and browser fit and
    /// its time is not over. Whoever asks wrongly uses it up.
    pub async fn take(
        &self,
        code: &str,
        host: &str,
        browser: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<Handover>, Error> {
        let row = query("DELETE FROM handovers WHERE code = $1 RETURNING *")
            .bind(&code_hash(code)[..])
            .fetch_optional(&self.store.0.writer)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let handover = Handover {
            sign_in: parsed(&row, "sign_in")?,
            host: row.try_get("host")?,
            browser: row
                .try_get::<&[u8], _>("browser")?
                .try_into()
                .map_err(|_| Error::Unreadable("browser: not 32 bytes".to_owned()))?,
            path: row.try_get("path")?,
            until: super::time(&row, "until")?,
        };
        Ok((handover.host == host && handover.browser == browser && now < handover.until).then_some(handover))
    }

    /// Claims up to `limit` accounts that are due at `now`, for `lease`. Disabling comes first, then what waits
    /// longest. While a lease runs nobody else claims the account.
    pub async fn claim_due(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Due>, Error> {
        let until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
        let rows = query(
            "UPDATE accounts SET lease = $2, epoch = epoch + 1 WHERE id IN (
                SELECT id FROM accounts WHERE due <= $1 AND lease <= $1
                ORDER BY desired = '{\"state\":\"disabled\"}' DESC, due LIMIT $3)
             RETURNING *",
        )
        .bind(now.as_microsecond())
        .bind(until.as_microsecond())
        .bind(limit)
        .fetch_all(&self.store.0.writer)
        .await?;
        rows.iter().map(due).collect()
    }

    /// Writes down a failed attempt and when to try again, at once where something newer is desired meanwhile.
    pub async fn failed(&self, due: &Due, words: &str, next: Timestamp, now: Timestamp) -> Result<(), Error> {
        query(
            "UPDATE accounts SET failure = $3, failing = coalesce(failing, $4), attempts = attempts + 1,
                due = CASE WHEN version = $5 THEN $6 ELSE $4 END, lease = 0
             WHERE id = $1 AND epoch = $2",
        )
        .bind(due.id.to_string())
        .bind(due.epoch)
        .bind(words)
        .bind(now.as_microsecond())
        .bind(due.version)
        .bind(next.as_microsecond())
        .execute(&self.store.0.writer)
        .await?;
        Ok(())
    }

    /// Notes a look that found what was known: the version is settled, and whether the account may be used has not
    /// changed. `false` where it tells more than that, and so must be recorded.
    pub async fn looked(&self, due: &Due, seen: &Value, active: bool, now: Timestamp) -> Result<bool, Error> {
        let done = query(
            "UPDATE accounts SET seen = $3, looked = $4, due = NULL, lease = 0, attempts = 0, failing = NULL, failure = NULL
             WHERE id = $1 AND epoch = $2 AND version = $5 AND settled = $5 AND open = $6 AND stuck = 0",
        )
        .bind(due.id.to_string())
        .bind(due.epoch)
        .bind(seen.to_string())
        .bind(now.as_microsecond())
        .bind(due.version)
        .bind(i64::from(active))
        .execute(&self.store.0.writer)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Makes settled accounts due that were last looked at before `before`, at most `limit`; says how many. A
    /// worker may have died between acting and recording, and targets change behind our back.
    pub async fn look_again(&self, before: Timestamp, now: Timestamp, limit: u32) -> Result<u64, Error> {
        let done = query(
            "UPDATE accounts SET due = $2 WHERE id IN (
                SELECT id FROM accounts WHERE due IS NULL AND looked < $1 ORDER BY looked LIMIT $3)",
        )
        .bind(before.as_microsecond())
        .bind(now.as_microsecond())
        .bind(limit)
        .execute(&self.store.0.writer)
        .await?;
        Ok(done.rows_affected())
    }
}
