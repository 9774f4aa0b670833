//! Accounts: what should be in a target, and whose it is.

use super::{Error, Store, Tx, json, maybe_time, parsed};
use crate::account::{Actual, Candidate, Desired, Entitlement};
use crate::names::{AccountId, TargetName, UserId, VaultId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::query;
use std::collections::BTreeSet;
use std::str::FromStr;

/// How an account came to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// We created it.
    Created,
    /// It was there before. Such a one is never deleted.
    Adopted,
}

impl Origin {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Adopted => "adopted",
        }
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "created" => Ok(Self::Created),
            "adopted" => Ok(Self::Adopted),
            other => Err(format!("\"{other}\" is no origin")),
        }
    }
}

/// An operator's word on which account is somebody's, where rules cannot tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// None of those that are there: make one.
    Create,
    /// This one, by the target's own id.
    Adopt(String),
}

/// What goes first, where much is due at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Something is taken from somebody who may do much.
    TakePrivileged = 0,
    /// Something is taken.
    Take = 1,
    /// Somebody waits for something.
    Give = 2,
    /// Nobody waits: a look whether all is as it was.
    Look = 3,
}

/// Whether a target's guard counts what a desire takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Nobody has announced it.
    Yes,
    /// A date has, which is the last word.
    No,
    /// Another guard has let it pass; what an earlier desire was to take, and still waits for that, counts as before.
    AsBefore,
}

/// What stands in the store for one account, as `lifecycle` needs it to desire anew.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) id: AccountId,
    pub(crate) target: TargetName,
    pub(crate) desired: Desired,
    /// All that we ever gave it.
    pub(crate) given: BTreeSet<Entitlement>,
    /// How it was when last recorded.
    pub(crate) seen: Actual,
    pub(crate) origin: Origin,
    /// When it is to be deleted.
    pub(crate) delete_at: Option<Timestamp>,
}

impl Tx {
    /// What should be in each target where this person has an account, or is to have one.
    pub(crate) async fn standing_accounts(&mut self, user: UserId) -> Result<Vec<Standing>, Error> {
        self.lock(user).await?;
        let rows = query(
            "SELECT id, target, desired, given, seen, origin, delete_at FROM accounts WHERE owner = $1 ORDER BY target",
        )
        .bind(user.to_string())
        .fetch_all(&mut *self.inner)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Standing {
                    id: parsed(row, "id")?,
                    target: parsed(row, "target")?,
                    desired: json(row, "desired")?,
                    given: json(row, "given")?,
                    seen: json(row, "seen")?,
                    origin: parsed(row, "origin")?,
                    delete_at: maybe_time(row, "delete_at")?,
                })
            })
            .collect()
    }

    /// Reserves the account of `user` in `target`: the row decides who makes it.
    pub(crate) async fn add_account(
        &mut self,
        user: UserId,
        target: &TargetName,
        external_id: &str,
        desired: &Desired,
    ) -> Result<(), Error> {
        query(
            "INSERT INTO accounts (id, owner, target, external_id, origin, desired, given, version, settled, open, seen, due)
             VALUES ($1, $2, $3, $4, 'created', $5, $6, 1, 0, 0, $7, $8)",
        )
        .bind(AccountId::random().to_string())
        .bind(user.to_string())
        .bind(target.as_str())
        .bind(external_id)
        .bind(serde_json::to_string(desired)?)
        .bind(serde_json::to_string(desired.entitlements())?)
        .bind(serde_json::to_string(&Actual::Absent)?)
        .bind(self.now.as_microsecond())
        .execute(&mut *self.inner)
        .await?;
        self.touch(user);
        Ok(())
    }

    /// Desires something else of an account. One that its person may use stays usable meanwhile only where the
    /// change takes nothing away: rights that policy has withdrawn must not be used while a target is slow.
    /// What is taken by it, or still by an earlier desire, the target's guard counts as `counts` says.
    pub(crate) async fn desire(
        &mut self,
        user: UserId,
        standing: &Standing,
        desired: &Desired,
        rank: Rank,
        counts: Counts,
    ) -> Result<(), Error> {
        let takes = rank <= Rank::Take;
        query(
            "UPDATE accounts SET desired = $2, given = $3, version = version + 1, open = open * $4, attempts = 0,
                rank = $6, narrowed = CASE WHEN $8 = 1 AND settled < version THEN narrowed ELSE $7 END, due = CASE WHEN unsure = 1 AND due IS NOT NULL THEN due ELSE $5 END
             WHERE id = $1",
        )
        .bind(standing.id.to_string())
        .bind(serde_json::to_string(desired)?)
        .bind(serde_json::to_string(&(&standing.given | desired.entitlements()))?)
        .bind(i64::from(desired.only_adds_to(&standing.desired)))
        .bind(self.now.as_microsecond())
        .bind(rank as i64)
        .bind((counts == Counts::Yes && takes).then_some(self.now.as_microsecond()))
        .bind(i64::from(counts == Counts::AsBefore && takes))
        .execute(&mut *self.inner)
        .await?;
        self.touch(user);
        Ok(())
    }

    /// Says when an account may be deleted; never, without a time.
    pub(crate) async fn keep_until(
        &mut self,
        standing: &Standing,
        delete_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        query("UPDATE accounts SET delete_at = $2 WHERE id = $1")
            .bind(standing.id.to_string())
            .bind(delete_at.map(Timestamp::as_microsecond))
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    /// Those of which one may be this account, where somebody has to say which.
    pub(crate) async fn undecided(&mut self, id: AccountId) -> Result<Option<Vec<Candidate>>, Error> {
        let row =
            query("SELECT candidates FROM accounts WHERE id = $1 AND stuck = 1 AND candidates IS NOT NULL")
                .bind(id.to_string())
                .fetch_optional(&mut *self.inner)
                .await?;
        row.map(|row| json(&row, "candidates")).transpose()
    }

    /// Takes an operator's word on whose account it is, and makes it due at once. `None` where there is no such
    /// account.
    pub(crate) async fn decide(
        &mut self,
        id: AccountId,
        verdict: &Verdict,
    ) -> Result<Option<(VaultId, TargetName)>, Error> {
        let link = match verdict {
            Verdict::Create => "",
            Verdict::Adopt(native_id) => native_id,
        };
        query("UPDATE accounts SET link = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(link)
            .execute(&mut *self.inner)
            .await?;
        self.retry_account(id).await
    }

    /// Lets what `target` was to take until now be taken, however much it is.
    pub(crate) async fn confirm_target(&mut self, target: &TargetName) -> Result<(), Error> {
        query(
            "INSERT INTO targets (name, confirmed) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET confirmed = excluded.confirmed, held = NULL",
        )
        .bind(target.as_str())
        .bind(self.now.as_microsecond())
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Makes an account due at once, whatever it waits for. `None` where there is no such account.
    pub async fn retry_account(&mut self, id: AccountId) -> Result<Option<(VaultId, TargetName)>, Error> {
        let row = query(
            "UPDATE accounts SET due = $2, attempts = 0 WHERE id = $1
             RETURNING target, (SELECT vault FROM users WHERE users.id = accounts.owner) AS vault",
        )
        .bind(id.to_string())
        .bind(self.now.as_microsecond())
        .fetch_optional(&mut *self.inner)
        .await?;
        row.map(|row| Ok((parsed(&row, "vault")?, parsed(&row, "target")?))).transpose()
    }
}

impl Store {
    /// When the next account may be deleted.
    pub async fn next_deletion(&self) -> Result<Option<Timestamp>, Error> {
        let row = query("SELECT min(delete_at) AS at FROM accounts WHERE delete_at IS NOT NULL")
            .fetch_one(&self.0.reader)
            .await?;
        maybe_time(&row, "at")
    }

    /// People of whom an account may be deleted at `now`, those who wait longest first, at most `limit`.
    pub async fn people_to_delete(&self, now: Timestamp, limit: u32) -> Result<Vec<UserId>, Error> {
        let rows = query("SELECT owner FROM accounts WHERE delete_at <= $1 ORDER BY delete_at LIMIT $2")
            .bind(now.as_microsecond())
            .bind(i64::from(limit))
            .fetch_all(&self.0.reader)
            .await?;
        rows.iter().map(|row| parsed(row, "owner")).collect()
    }
}
