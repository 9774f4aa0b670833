//! Two people become one.

use super::{Error, Tx};
use crate::names::UserId;
use sqlx::query;

impl Tx {
    /// Gives all identities of one person to another, with the accounts in targets where the other has none. An account
    /// in a target where both have one stays where it is, with a person who has no identity any more.
    pub async fn join(&mut self, from: UserId, to: UserId) -> Result<(), Error> {
        query("UPDATE identities SET owner = $2 WHERE owner = $1")
            .bind(from.to_string())
            .bind(to.to_string())
            .execute(&mut *self.inner)
            .await?;
        query(
            "UPDATE accounts SET owner = $2
             WHERE owner = $1 AND target NOT IN (SELECT target FROM accounts WHERE owner = $2)",
        )
        .bind(from.to_string())
        .bind(to.to_string())
        .execute(&mut *self.inner)
        .await?;
        self.touch(from);
        self.touch(to);
        Ok(())
    }
}
