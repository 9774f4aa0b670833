//! Which policy has reached everybody, and whom it has to reach.

use super::grants::grant;
use super::users::{IDENTITIES_BETWEEN, Identity, identity};
use super::{Books, Error, Store, parsed};
use crate::account::Grant;
use crate::names::UserId;
use sqlx::{Row, query};
use std::collections::HashMap;

/// A person who has not lost all access yet, as one reading found them.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Who.
    pub user: UserId,
    /// Their identities, each with its grants, ended ones too.
    pub identities: Vec<(Identity, Vec<Grant>)>,
}

impl Store {
    /// The people who hold a grant that has not ended, in order of their ids, those after `after`, at most `limit`.
    pub async fn holders(&self, after: Option<UserId>, limit: u32) -> Result<Vec<Holder>, Error> {
        let rows = query(
            "SELECT DISTINCT identities.user FROM identities JOIN grants ON grants.identity = identities.id
             WHERE grants.ended = 0 AND identities.user > $1 ORDER BY identities.user LIMIT $2",
        )
        .bind(after.map(|user| user.to_string()).unwrap_or_default())
        .bind(limit)
        .fetch_all(&self.0.reader)
        .await?;
        let users: Vec<UserId> = rows.iter().map(|row| parsed(row, "user")).collect::<Result<_, _>>()?;
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
            .fetch_all(&self.0.reader)
            .await?;
        rows.iter().map(identity).collect()
    }

    async fn grants_between(&self, first: UserId, last: UserId) -> Result<Vec<Grant>, Error> {
        let rows = query(
            "SELECT grants.* FROM grants JOIN identities ON identities.id = grants.identity
             WHERE identities.user BETWEEN $1 AND $2 ORDER BY grants.id",
        )
        .bind(first.to_string())
        .bind(last.to_string())
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter().map(grant).collect()
    }

    /// The version of the policy that may reach everybody, and whether it has.
    pub async fn policy(&self) -> Result<(Option<String>, bool), Error> {
        let row = query("SELECT policy, policy_followed FROM instance").fetch_one(&self.0.reader).await?;
        Ok((row.try_get("policy")?, row.try_get("policy_followed")?))
    }
}

impl Books<'_> {
    /// Writes down that the policy of this version may reach everybody. One that has reached them need not again.
    pub async fn allow_policy(&self, version: &str) -> Result<(), Error> {
        query(
            "UPDATE instance SET policy_followed = coalesce(policy = $1 AND policy_followed, 0), policy = $1",
        )
        .bind(version)
        .execute(&self.store.0.writer)
        .await?;
        Ok(())
    }

    /// Writes down that it has reached everybody, unless another may by now.
    pub async fn policy_followed(&self, version: &str) -> Result<(), Error> {
        query("UPDATE instance SET policy_followed = 1 WHERE policy = $1")
            .bind(version)
            .execute(&self.store.0.writer)
            .await?;
        Ok(())
    }
}
