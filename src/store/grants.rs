//! Grants: who holds which role in which app, until when, and who did.

use super::{Error, Store, Tx, json, maybe_time, parsed, time};
use crate::account::{Because, End, Grant};
use crate::names::{AppName, GrantId, RoleName, UserId};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, query};

/// A grant as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct GrantRow {
    /// Which grant.
    pub id: GrantId,
    /// Whose, as `subject@provider`.
    pub person: String,
    /// The app that it opens.
    pub app: AppName,
    /// The role.
    pub role: RoleName,
    /// When it was granted for the first time.
    pub first_granted: Timestamp,
    /// When it was last used, as far as that is written down.
    pub last_used: Option<Timestamp>,
    /// When it ends, or ended.
    pub until: Timestamp,
    /// Why then.
    pub because: Because,
    /// Whether it has ended.
    pub ended: bool,
}

pub(super) fn grant(row: &SqliteRow) -> Result<Grant, Error> {
    Ok(Grant {
        id: parsed(row, "id")?,
        identity: parsed(row, "identity")?,
        terms: json(row, "terms")?,
        first_granted: time(row, "first_granted")?,
        renewed: time(row, "renewed")?,
        opened: time(row, "opened")?,
        last_used: maybe_time(row, "last_used")?,
        confirmed: time(row, "confirmed")?,
        extended_until: maybe_time(row, "extended_until")?,
        end: End { at: time(row, "until")?, because: json(row, "because")? },
        ended: row.try_get::<i64, _>("ended")? != 0,
    })
}

impl Tx {
    /// All grants of a person, ended ones too, over all identities.
    pub async fn grants(&mut self, user: UserId) -> Result<Vec<Grant>, Error> {
        let rows = query(
            "SELECT grants.* FROM grants JOIN identities ON identities.id = grants.identity
             WHERE identities.user = $1 ORDER BY grants.id",
        )
        .bind(user.to_string())
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter().map(grant).collect()
    }

    /// The grant with this id, and whose it is.
    pub async fn grant(&mut self, id: GrantId) -> Result<Option<(UserId, Grant)>, Error> {
        let row = query(
            "SELECT grants.*, identities.user FROM grants JOIN identities ON identities.id = grants.identity
             WHERE grants.id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *self.inner)
        .await?;
        row.map(|row| Ok((parsed(&row, "user")?, grant(&row)?))).transpose()
    }

    /// Writes a grant of `user` down, new or changed; `policy` is the version that gave it, `None` to keep what was.
    pub async fn save_grant(
        &mut self,
        user: UserId,
        grant: &Grant,
        policy: Option<&str>,
    ) -> Result<(), Error> {
        query(
            "INSERT INTO grants (id, identity, role, app, terms, policy, first_granted, confirmed, extended_until, until,
                because, ended, renewed, opened, last_used)
             VALUES ($1, $2, $3, $4, $5, coalesce($6, ''), $7, $8, $9, $10, $11, $12, $13, $14, $15)
             ON CONFLICT (identity, role, app) DO UPDATE SET terms = $5, policy = coalesce($6, policy), confirmed = $8,
                extended_until = $9, until = $10, because = $11, ended = $12, renewed = $13, opened = $14, last_used = $15",
        )
        .bind(grant.id.to_string())
        .bind(grant.identity.to_string())
        .bind(grant.terms.role.as_str())
        .bind(grant.terms.app.as_str())
        .bind(serde_json::to_string(&grant.terms)?)
        .bind(policy)
        .bind(grant.first_granted.as_microsecond())
        .bind(grant.confirmed.as_microsecond())
        .bind(grant.extended_until.map(Timestamp::as_microsecond))
        .bind(grant.end.at.as_microsecond())
        .bind(serde_json::to_string(&grant.end.because)?)
        .bind(i64::from(grant.ended))
        .bind(grant.renewed.as_microsecond())
        .bind(grant.opened.as_microsecond())
        .bind(grant.last_used.map(Timestamp::as_microsecond))
        .execute(&mut *self.inner)
        .await?;
        self.touch(user);
        Ok(())
    }
}

impl Store {
    /// The earliest moment at which a grant ends that has not been ended yet.
    pub async fn next_end(&self) -> Result<Option<Timestamp>, Error> {
        let row =
            query("SELECT min(until) AS until FROM grants WHERE ended = 0").fetch_one(&self.0.reader).await?;
        maybe_time(&row, "until")
    }

    /// People for whom an end has come that is not recorded yet, those who wait longest first, at most `limit`.
    pub async fn people_to_end(&self, now: Timestamp, limit: u32) -> Result<Vec<UserId>, Error> {
        let rows = query(
            "SELECT identities.user, min(grants.until) AS until
             FROM grants JOIN identities ON identities.id = grants.identity
             WHERE grants.ended = 0 AND grants.until <= $1
             GROUP BY identities.user ORDER BY 2 LIMIT $2",
        )
        .bind(now.as_microsecond())
        .bind(limit)
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter().map(|row| parsed(row, "user")).collect()
    }

    /// All grants, by app and person.
    pub async fn all_grants(&self) -> Result<Vec<GrantRow>, Error> {
        let rows = query(
            "SELECT grants.*, identities.subject || '@' || identities.provider AS person
             FROM grants JOIN identities ON identities.id = grants.identity ORDER BY grants.app, person, grants.role",
        )
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter()
            .map(|row| {
                let grant = grant(row)?;
                Ok(GrantRow {
                    id: grant.id,
                    person: row.try_get("person")?,
                    app: grant.terms.app,
                    role: grant.terms.role,
                    first_granted: grant.first_granted,
                    last_used: grant.last_used,
                    until: grant.end.at,
                    because: grant.end.because,
                    ended: grant.ended,
                })
            })
            .collect()
    }
}
