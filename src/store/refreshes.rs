//! Refresh tokens. Each is sealed for its sign-in and its number there: moved to another row, or kept for later, it opens
//! nothing.

use super::{Books, Error, Tx, parsed};
use crate::identity::Subject;
use crate::names::{ProviderName, SignInId};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use sqlx::any::AnyRow;
use sqlx::{Row, query};

/// A sign-in whose claims are to be confirmed, and by what.
pub struct Refresh {
    /// Which sign-in.
    pub sign_in: SignInId,
    /// The provider, as the configuration calls it.
    pub provider: ProviderName,
    /// Who it is, and has to be.
    pub subject: Subject,
    /// What the provider gave for it.
    pub token: SecretString,
    /// The number of that token: another has another.
    pub serial: i64,
}

fn purpose(sign_in: SignInId, serial: i64) -> String {
    refresh_purpose(&format!("{sign_in} {serial}"))
}

/// What the token of a sign-in and a serial, with a space between, is sealed for.
pub(super) fn refresh_purpose(row: &str) -> String {
    format!("refresh token {row}")
}

#[cfg(test)]
impl super::Store {
    /// Writes the token of one sign-in into the row of another, as somebody who has the database could.
    pub(crate) async fn puts_refresh_token_of(&self, of: SignInId, into: SignInId) {
        query("UPDATE refreshes SET token = (SELECT token FROM refreshes AS other WHERE other.sign_in = $1) WHERE sign_in = $2")
            .bind(of.to_string())
            .bind(into.to_string())
            .execute(&self.0.writer)
            .await
            .unwrap();
    }
}

impl Tx {
    /// Keeps the refresh token of a sign-in, to be used when it is `due`.
    pub async fn add_refresh(
        &mut self,
        sign_in: SignInId,
        token: &SecretString,
        due: Timestamp,
    ) -> Result<(), Error> {
        let sealed = self.store.sealer().seal(&purpose(sign_in, 1), token.expose_secret().as_bytes())?;
        query("INSERT INTO refreshes (sign_in, token, serial, due) VALUES ($1, $2, 1, $3)")
            .bind(sign_in.to_string())
            .bind(sealed)
            .bind(due.as_microsecond())
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Whether the sign-in lives and this is its token still: who was overtaken knows nothing.
    pub async fn is_latest(&mut self, refresh: &Refresh) -> Result<bool, Error> {
        let row = query(
            "SELECT 1 FROM refreshes JOIN sign_ins ON sign_ins.id = refreshes.sign_in
             WHERE refreshes.sign_in = $1 AND refreshes.serial = $2 AND sign_ins.revoked IS NULL AND sign_ins.until > $3",
        )
        .bind(refresh.sign_in.to_string())
        .bind(refresh.serial)
        .bind(self.now.as_microsecond())
        .fetch_optional(&mut *self.inner)
        .await?;
        Ok(row.is_some())
    }
}

impl Books<'_> {
    /// Claims up to `limit` sign-ins whose claims are to be confirmed at `now`, for `lease`: meanwhile nobody else asks
    /// with their tokens. Those that are over by then are forgotten with their tokens. Whose token cannot be read is told
    /// in the log, and tried again after the lease.
    pub async fn claim_refreshes(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: i64,
    ) -> Result<Vec<Refresh>, Error> {
        // Mostly nobody is, and then nobody who writes has to wait.
        let due = query("SELECT 1 FROM refreshes WHERE due <= $1 AND lease <= $1 LIMIT 1");
        if due.bind(now.as_microsecond()).fetch_optional(&self.store.0.reader).await?.is_none() {
            return Ok(Vec::new());
        }
        let mut tx = self.store.write().await?;
        self.store.lock(&mut tx, "refreshes").await?;
        query(
            "DELETE FROM refreshes WHERE due <= $1 AND EXISTS (
                SELECT 1 FROM sign_ins WHERE sign_ins.id = refreshes.sign_in
                    AND (sign_ins.revoked IS NOT NULL OR sign_ins.until <= $1))",
        )
        .bind(now.as_microsecond())
        .execute(&mut *tx)
        .await?;
        // What it claims is what it returns: two that look at one moment would not be told apart by their leases.
        let rows = query(
            "UPDATE refreshes SET lease = $2 WHERE sign_in IN (
                SELECT sign_in FROM refreshes WHERE due <= $1 AND lease <= $1 ORDER BY due LIMIT $3)
             RETURNING sign_in, token, serial,
                (SELECT provider FROM sign_ins JOIN identities ON identities.id = identity WHERE sign_ins.id = sign_in) AS provider,
                (SELECT issuer FROM sign_ins JOIN identities ON identities.id = identity WHERE sign_ins.id = sign_in) AS issuer,
                (SELECT subject FROM sign_ins JOIN identities ON identities.id = identity WHERE sign_ins.id = sign_in) AS subject",
        )
        .bind(now.as_microsecond())
        .bind((now + lease).as_microsecond())
        .bind(limit)
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let read = |row: &AnyRow| -> Result<Refresh, Error> {
            let (sign_in, serial) = (parsed(row, "sign_in")?, row.try_get("serial")?);
            let token =
                self.store.sealer().open(&purpose(sign_in, serial), row.try_get::<&[u8], _>("token")?)?;
            let token =
                String::from_utf8(token).map_err(|_| Error::Unreadable("token: not text".to_owned()))?;
            let subject = Subject { issuer: row.try_get("issuer")?, sub: row.try_get("subject")? };
            Ok(Refresh { sign_in, provider: parsed(row, "provider")?, subject, token: token.into(), serial })
        };
        // What was moved here from another row opens nothing, and keeps nobody else from being asked about.
        let readable = |row: &AnyRow| {
            let told = |error: &Error| {
                let sign_in: String = row.try_get("sign_in").unwrap_or_default();
                tracing::error!(sign_in, %error, "a refresh token cannot be read: its sign-in stays unconfirmed");
            };
            read(row).inspect_err(told).ok()
        };
        Ok(rows.iter().filter_map(readable).collect())
    }

    /// Keeps what the provider gave in place of a token, if it gave another, and lets go of it until it is `due`. Whoever
    /// was overtaken changes nothing.
    pub async fn refreshed(
        &self,
        refresh: &Refresh,
        next: Option<&SecretString>,
        due: Timestamp,
    ) -> Result<(), Error> {
        let serial = refresh.serial + i64::from(next.is_some());
        let token = next.unwrap_or(&refresh.token).expose_secret().as_bytes();
        let sealed = self.store.sealer().seal(&purpose(refresh.sign_in, serial), token)?;
        query("UPDATE refreshes SET token = $3, serial = $4, due = $5, lease = 0 WHERE sign_in = $1 AND serial = $2")
            .bind(refresh.sign_in.to_string())
            .bind(refresh.serial)
            .bind(sealed)
            .bind(serial)
            .bind(due.as_microsecond())
            .execute(&self.store.0.writer)
            .await?;
        Ok(())
    }
}
