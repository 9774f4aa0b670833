//! Which policy has reached everybody, and whom it has to reach.

use super::users::Identity;
use super::{Books, Error, Store, flag};
use crate::account::Grant;
use crate::names::UserId;
use sqlx::{Row, query};

/// A person, as one reading found them.
#[derive(Debug, Clone)]
pub struct Holder {
    /// Who.
    pub user: UserId,
    /// Their identities, each with its grants, ended ones too.
    pub identities: Vec<(Identity, Vec<Grant>)>,
}

impl Store {
    /// The version of the policy that may reach everybody, and whether it has.
    pub async fn policy(&self) -> Result<(Option<String>, bool), Error> {
        let row = query("SELECT policy, policy_followed FROM instance").fetch_one(&self.0.reader).await?;
        Ok((row.try_get("policy")?, flag(&row, "policy_followed")?))
    }
}

impl Books<'_> {
    /// Writes down that the policy of this version may reach everybody. One that has reached them need not again.
    pub async fn allow_policy(&self, version: &str) -> Result<(), Error> {
        query(
            "UPDATE instance SET policy_followed = CASE WHEN policy = $1 THEN policy_followed ELSE 0 END, policy = $1",
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
