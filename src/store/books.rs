//! What changes without a record: hand-overs, last use, and in [`claims`](super::claims) leases and attempts. No such
//! statement can touch people, access or sessions.

use super::{Error, Store, Use, parsed};
use crate::names::SignInId;
use crate::seal::sha256;
use jiff::Timestamp;
use sqlx::{Row, query};

/// The statements that need no audit entry: see [`Store::bookkeep`].
pub struct Books<'a> {
    pub(super) store: &'a Store,
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
        let row =
            query("DELETE FROM handovers WHERE code = $1 RETURNING sign_in, host, browser, path, until")
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

    /// Writes down when apps were last used: of every grant of theirs that has not ended. No end hangs on these.
    pub async fn used(&self, uses: &[Use]) -> Result<(), Error> {
        let mut all = self.store.write().await?;
        for Use { identity, app, at, .. } in uses {
            query(
                "UPDATE grants SET last_used = $3
                 WHERE identity = $1 AND app = $2 AND ended = 0 AND coalesce(last_used, 0) < $3",
            )
            .bind(identity.to_string())
            .bind(app.as_str())
            .bind(at.as_microsecond())
            .execute(&mut *all)
            .await?;
        }
        all.commit().await?;
        Ok(())
    }
}
