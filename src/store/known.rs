//! Everybody who is known, whole: what a question about all people at once reads. Also of a store that no gateway has
//! open, without its key: nothing here is sealed, and nothing is written.

use super::dialect::Dialect;
use super::grants::{GRANTS_BETWEEN, grant};
use super::users::{IDENTITIES_BETWEEN, Identity, identity};
use super::{Error, Holder, Origin, Place, Store, connect, json, parsed};
use crate::account::{Actual, Desired, Entitlement, Grant};
use crate::names::{TargetName, UserId};
use sqlx::{Any, AnyPool, Transaction, query};
use std::collections::{BTreeSet, HashMap};

/// The store, to be read. Cheap to clone.
#[derive(Clone)]
pub struct Reading {
    pool: AnyPool,
    dialect: Dialect,
}

/// An account, as one reading found it.
#[derive(Debug, Clone)]
pub struct KnownAccount {
    /// Whose.
    pub user: UserId,
    /// Where it lives.
    pub target: TargetName,
    /// What should be.
    pub desired: Desired,
    /// All that we ever gave it.
    pub given: BTreeSet<Entitlement>,
    /// What the last look found.
    pub seen: Actual,
    /// How it came to be ours.
    pub origin: Origin,
}

impl Store {
    /// The same store, to be read.
    pub fn reading(&self) -> Reading {
        Reading { pool: self.0.reader.clone(), dialect: self.0.dialect }
    }
}

impl Reading {
    /// Opens the store at `place`, whether or not a gateway has it open.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub async fn open(place: &Place) -> Result<Self, Error> {
        Ok(Self { pool: connect(place, true).await?, dialect: Dialect::of(place) })
    }

    /// All of it at one moment, however much is asked.
    pub(super) async fn snapshot(&self) -> Result<Transaction<'static, Any>, Error> {
        let begin = self.dialect.choose("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        Ok(self.pool.begin_with(begin).await?)
    }

    /// Everybody who was ever let in, in order of their ids, those after `after`, at most `limit`.
    pub async fn known(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Holder>, Error> {
        let rows = query("SELECT id AS owner FROM users WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after.map(|user| user.to_string()).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        self.whole(rows.iter().map(|row| parsed(row, "owner")).collect::<Result<_, _>>()?).await
    }

    /// The people who hold a grant that has not ended, in the same order.
    pub async fn holders(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Holder>, Error> {
        let rows = query(
            "SELECT DISTINCT identities.owner FROM identities JOIN grants ON grants.identity = identities.id
             WHERE grants.ended = 0 AND identities.owner > $1 ORDER BY identities.owner LIMIT $2",
        )
        .bind(after.map(|user| user.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        self.whole(rows.iter().map(|row| parsed(row, "owner")).collect::<Result<_, _>>()?).await
    }

    /// The accounts of the people from one id to another, by person and target.
    pub async fn accounts_between(&self, first: UserId, last: UserId) -> Result<Vec<KnownAccount>, Error> {
        let rows = query(
            "SELECT owner, target, desired, given, seen, origin FROM accounts WHERE owner BETWEEN $1 AND $2 ORDER BY owner, target",
        )
        .bind(first.to_string())
        .bind(last.to_string())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(KnownAccount {
                    user: parsed(row, "owner")?,
                    target: parsed(row, "target")?,
                    desired: json(row, "desired")?,
                    given: json(row, "given")?,
                    seen: json(row, "seen")?,
                    origin: parsed(row, "origin")?,
                })
            })
            .collect()
    }

    /// These people, who are in order, with their identities and grants.
    async fn whole(&self, users: Vec<UserId>) -> Result<Vec<Holder>, Error> {
        let (Some(first), Some(last)) = (users.first(), users.last()) else { return Ok(Vec::new()) };
        let (mut identities, mut grants) = (HashMap::new(), HashMap::new());
        for identity in self.identities_between(*first, *last).await? {
            identities.entry(identity.user).or_insert_with(Vec::new).push(identity);
        }
        for grant in self.grants_between(*first, *last).await? {
            grants.entry(grant.identity).or_insert_with(Vec::new).push(grant);
        }
        let mut held = |identity: Identity| {
            let grants = grants.remove(&identity.id).unwrap_or_default();
            (identity, grants)
        };
        let holder = |user| {
            let identities = identities.remove(&user).unwrap_or_default();
            Holder { user, identities: identities.into_iter().map(&mut held).collect() }
        };
        Ok(users.into_iter().map(holder).collect())
    }

    async fn identities_between(&self, first: UserId, last: UserId) -> Result<Vec<Identity>, Error> {
        let rows = query(IDENTITIES_BETWEEN)
            .bind(first.to_string())
            .bind(last.to_string())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(identity).collect()
    }

    async fn grants_between(&self, first: UserId, last: UserId) -> Result<Vec<Grant>, Error> {
        let rows = query(GRANTS_BETWEEN)
            .bind(first.to_string())
            .bind(last.to_string())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(grant).collect()
    }
}
