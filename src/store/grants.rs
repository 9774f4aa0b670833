//! Grants: who holds which role in which app, until when, and who did.

use super::{Error, Store, Tx, flag, json, maybe_time, parsed, time};
use crate::account::{Because, End, Grant};
use crate::names::{AppName, GrantId, RoleName, TargetName, UserId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Row, query};

/// A grant as operators see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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

/// What a grant is read from; a macro, so that statements stay constants.
macro_rules! grants {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT grants.id, grants.identity, grants.policy, grants.terms, grants.first_granted, grants.renewed, grants.opened,
                grants.last_used, grants.confirmed, grants.extended_until, grants.until, grants.because, grants.ended",
            $more,
            " FROM grants JOIN identities ON identities.id = grants.identity ",
            $rest
        )
    };
}

/// All grants of the people from one id to another, oldest first.
pub(super) const GRANTS_BETWEEN: &str =
    grants!("", "WHERE identities.owner BETWEEN $1 AND $2 ORDER BY grants.id");
/// All grants of an identity, by app.
pub(super) const GRANTS_OF: &str =
    grants!("", "WHERE grants.identity = $1 ORDER BY grants.app, grants.until");

pub(super) fn grant(row: &AnyRow) -> Result<Grant, Error> {
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
        ended: flag(row, "ended")?,
    })
}

impl Tx {
    /// All grants of a person, ended ones too, over all identities.
    pub async fn grants(&mut self, user: UserId) -> Result<Vec<Grant>, Error> {
        self.lock(user).await?;
        let rows = query(grants!("", "WHERE identities.owner = $1 ORDER BY grants.id"))
            .bind(user.to_string())
            .fetch_all(&mut *self.inner)
            .await?;
        rows.iter().map(grant).collect()
    }

    /// The grant with this id, and whose it is.
    pub async fn grant(&mut self, id: GrantId) -> Result<Option<(UserId, Grant)>, Error> {
        match self.read_grant(id).await? {
            // What was read before the lock may be old.
            Some((owner, _)) if self.lock(owner).await? => self.read_grant(id).await,
            found => Ok(found),
        }
    }

    async fn read_grant(&mut self, id: GrantId) -> Result<Option<(UserId, Grant)>, Error> {
        let row = query(grants!(", identities.owner", "WHERE grants.id = $1"))
            .bind(id.to_string())
            .fetch_optional(&mut *self.inner)
            .await?;
        row.map(|row| Ok((parsed(&row, "owner")?, grant(&row)?))).transpose()
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
             ON CONFLICT (identity, role, app) DO UPDATE SET terms = $5, policy = coalesce($6, grants.policy), confirmed = $8,
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
            "SELECT identities.owner, min(grants.until) AS until
             FROM grants JOIN identities ON identities.id = grants.identity
             WHERE grants.ended = 0 AND grants.until <= $1
             GROUP BY identities.owner ORDER BY 2 LIMIT $2",
        )
        .bind(now.as_microsecond())
        .bind(i64::from(limit))
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter().map(|row| parsed(row, "owner")).collect()
    }

    /// People who are signed in and hold something live in `app`, but have no account in `target`, nor are to have one, in
    /// the order of their ids: those after `after`, at most `limit`.
    pub async fn people_without_account(
        &self,
        app: &AppName,
        target: &TargetName,
        now: Timestamp,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<UserId>, Error> {
        let rows = query(
            "SELECT DISTINCT identities.owner
             FROM grants
             JOIN identities ON identities.id = grants.identity
             JOIN users ON users.id = identities.owner
             JOIN sign_ins ON sign_ins.identity = identities.id
             WHERE grants.app = $1 AND grants.ended = 0 AND grants.until > $2 AND users.revoked IS NULL
             AND sign_ins.revoked IS NULL AND sign_ins.until > $2
             AND NOT EXISTS (SELECT 1 FROM accounts WHERE accounts.owner = identities.owner AND accounts.target = $3)
             AND identities.owner > $4
             ORDER BY identities.owner LIMIT $5",
        )
        .bind(app.as_str())
        .bind(now.as_microsecond())
        .bind(target.as_str())
        .bind(after.map(|user| user.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter().map(|row| parsed(row, "owner")).collect()
    }

    /// Grants, in the order in which they were given first: those after `after`, at most `limit`.
    pub async fn grant_rows(&self, after: Option<GrantId>, limit: u32) -> Result<Vec<GrantRow>, Error> {
        let rows = query(grants!(
            ", identities.subject || '@' || identities.provider AS person",
            "WHERE grants.id > $1 ORDER BY grants.id LIMIT $2"
        ))
        .bind(after.map(|grant| grant.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
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
