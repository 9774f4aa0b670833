//! Accounts: what should be in a target, what was last seen there, and what is due.

use super::{Error, Store, Tx, maybe_time, parsed};
use crate::account::{Actual, Desired, Step};
use crate::audit::{Actor, Entry, Event};
use crate::names::{AccountId, TargetName, UserId, VaultId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, query};
use std::collections::BTreeSet;

/// An account that is due: what a worker needs to bring it to what should be.
#[derive(Debug, Clone)]
pub struct Due {
    /// Which account.
    pub id: AccountId,
    /// Whose.
    pub user: UserId,
    /// Where it lives.
    pub target: TargetName,
    /// What marks it as ours there.
    pub external_id: String,
    /// The target's own id, once known.
    pub native_id: Option<String>,
    /// What should be.
    pub desired: Desired,
    /// The version of that desire.
    pub version: i64,
    /// Names this claim: what is written under an older one is discarded.
    pub epoch: i64,
    /// Failures in a row.
    pub attempts: u32,
    /// Whether it is shown as stuck.
    pub stuck: bool,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// What should be is.
    Done,
    /// Something newer is desired meanwhile; the account is due at once.
    Overtaken,
    /// Another worker has claimed it since; nothing was written.
    TakenOver,
}

/// An account as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct AccountRow {
    /// Which account.
    pub id: AccountId,
    /// Whose, as `subject@provider`.
    pub person: String,
    /// Where it lives.
    pub target: String,
    /// What marks it as ours there.
    pub external_id: String,
    /// The target's own id, once known.
    pub native_id: Option<String>,
    /// `preparing`, `active`, `disabling`, `disabled`, `stuck`.
    pub state: &'static str,
    /// What should be.
    pub desired: Desired,
    /// What the last look found.
    pub seen: Option<Value>,
    /// When it is worked on next; `None` while nothing is left to do.
    pub due: Option<Timestamp>,
    /// Failures in a row.
    pub attempts: u32,
    /// Since when it has failed.
    pub failing: Option<Timestamp>,
    /// The last failure, in words.
    pub failure: Option<String>,
}

/// What stands in the store for one account, as `lifecycle` needs it to desire anew.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) id: AccountId,
    pub(crate) target: TargetName,
    pub(crate) desired: Desired,
    /// All groups that we ever gave it.
    pub(crate) given: BTreeSet<String>,
}

pub(super) fn due(row: &SqliteRow) -> Result<Due, Error> {
    Ok(Due {
        id: parsed(row, "id")?,
        user: parsed(row, "user")?,
        target: parsed(row, "target")?,
        external_id: row.try_get("external_id")?,
        native_id: row.try_get("native_id")?,
        desired: super::json(row, "desired")?,
        version: row.try_get("version")?,
        epoch: row.try_get("epoch")?,
        attempts: row.try_get("attempts")?,
        stuck: row.try_get::<i64, _>("stuck")? != 0,
    })
}

impl Tx {
    /// What should be in each target where this person has an account, or is to have one.
    pub(crate) async fn standing_accounts(&mut self, user: UserId) -> Result<Vec<Standing>, Error> {
        let rows = query("SELECT id, target, desired, given FROM accounts WHERE user = $1 ORDER BY target")
            .bind(user.to_string())
            .fetch_all(&mut *self.inner)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Standing {
                    id: parsed(row, "id")?,
                    target: parsed(row, "target")?,
                    desired: super::json(row, "desired")?,
                    given: super::json(row, "given")?,
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
            "INSERT INTO accounts (id, user, target, external_id, origin, desired, given, version, settled, open, due)
             VALUES ($1, $2, $3, $4, 'created', $5, $6, 1, 0, 0, $7)",
        )
        .bind(AccountId::random().to_string())
        .bind(user.to_string())
        .bind(target.as_str())
        .bind(external_id)
        .bind(serde_json::to_string(desired)?)
        .bind(serde_json::to_string(desired.groups())?)
        .bind(self.now.as_microsecond())
        .execute(&mut *self.inner)
        .await?;
        self.touch(user);
        Ok(())
    }

    /// Desires something else of an account. One that its person may use stays usable meanwhile only where the
    /// change takes nothing away: rights that policy has withdrawn must not be used while a target is slow.
    pub(crate) async fn desire(
        &mut self,
        user: UserId,
        standing: &Standing,
        desired: &Desired,
    ) -> Result<(), Error> {
        query(
            "UPDATE accounts SET desired = $2, given = $3, version = version + 1, open = open AND $4, due = $5,
                attempts = 0
             WHERE id = $1",
        )
        .bind(standing.id.to_string())
        .bind(serde_json::to_string(desired)?)
        .bind(serde_json::to_string(&(&standing.given | desired.groups()))?)
        .bind(i64::from(desired.only_adds_to(&standing.desired)))
        .bind(self.now.as_microsecond())
        .execute(&mut *self.inner)
        .await?;
        self.touch(user);
        Ok(())
    }

    /// Makes an account due at once, whatever it waits for. `None` where there is no such account.
    pub async fn retry_account(&mut self, id: AccountId) -> Result<Option<(VaultId, TargetName)>, Error> {
        let row = query(
            "UPDATE accounts SET due = $2, attempts = 0 WHERE id = $1
             RETURNING target, (SELECT vault FROM users WHERE users.id = accounts.user) AS vault",
        )
        .bind(id.to_string())
        .bind(self.now.as_microsecond())
        .fetch_optional(&mut *self.inner)
        .await?;
        row.map(|row| Ok((parsed(&row, "vault")?, parsed(&row, "target")?))).transpose()
    }

    async fn vault_of(&mut self, user: UserId) -> Result<VaultId, Error> {
        let row = query("SELECT vault FROM users WHERE id = $1")
            .bind(user.to_string())
            .fetch_one(&mut *self.inner)
            .await?;
        parsed(&row, "vault")
    }
}

/// A step that was taken, as the record calls it.
fn done(step: &Step) -> &'static str {
    match step {
        Step::Create(_) => "created",
        Step::Enable { .. } => "enabled",
        Step::Disable { .. } => "disabled",
        Step::Update { .. } => "updated",
        Step::Join { .. } => "joined",
        Step::Leave { .. } => "left",
    }
}

fn entry(due: &Due, vault: VaultId, event: Event, personal: Value) -> Entry {
    Entry {
        event,
        actor: Actor::Provisioner,
        cause: format!("version {} is desired", due.version),
        person: Some(vault),
        policy: None,
        personal,
    }
}

impl Store {
    /// Records a step that was taken in a target: its native id, and the event.
    pub async fn acted(
        &self,
        due: &Due,
        step: &Step,
        native_id: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = self.begin(now).await?;
        query("UPDATE accounts SET native_id = coalesce($2, native_id) WHERE id = $1")
            .bind(due.id.to_string())
            .bind(native_id)
            .execute(&mut *tx.inner)
            .await?;
        tx.touch(due.user);
        let vault = tx.vault_of(due.user).await?;
        let event = Event::AccountChanged {
            account: due.id,
            target: due.target.clone(),
            step: done(step).to_owned(),
        };
        tx.commit(&entry(due, vault, event, json!({ "step": step, "native_id": native_id }))).await
    }

    /// Records that a fresh look found no step left; from here on the account may be used if it is active. A look
    /// that tells nothing new is only noted in the books.
    pub async fn settled(&self, due: &Due, seen: &Actual, now: Timestamp) -> Result<Settled, Error> {
        let (found, native_id, active) = match seen {
            Actual::Absent => (Value::Null, None, false),
            Actual::Present(seen) => {
                (serde_json::to_value(seen)?, Some(seen.native_id.as_str()), seen.active)
            }
        };
        if self.bookkeep().looked(due, &found, active, now).await? {
            return Ok(Settled::Done);
        }
        let mut tx = self.begin(now).await?;
        let row = query(
            "UPDATE accounts SET seen = $3, looked = $4, native_id = $5, attempts = 0, failing = NULL, failure = NULL,
                lease = 0, stuck = 0,
                settled = CASE WHEN version = $6 THEN $6 ELSE settled END,
                open = CASE WHEN version = $6 THEN $7 ELSE open END,
                due = CASE WHEN version = $6 THEN NULL ELSE $4 END
             WHERE id = $1 AND epoch = $2
             RETURNING version",
        )
        .bind(due.id.to_string())
        .bind(due.epoch)
        .bind(found.to_string())
        .bind(now.as_microsecond())
        .bind(native_id)
        .bind(due.version)
        .bind(i64::from(active))
        .fetch_optional(&mut *tx.inner)
        .await?;
        let Some(row) = row else { return Ok(Settled::TakenOver) };
        let done = row.try_get::<i64, _>("version")? == due.version;
        tx.touch(due.user);
        let vault = tx.vault_of(due.user).await?;
        let state = match (done, seen) {
            (false, _) => "overtaken",
            (true, Actual::Absent) => "absent",
            (true, Actual::Present(seen)) if seen.active => "active",
            (true, Actual::Present(_)) => "disabled",
        };
        let event =
            Event::AccountSettled { account: due.id, target: due.target.clone(), state: state.to_owned() };
        tx.commit(&entry(due, vault, event, json!({ "seen": found }))).await?;
        Ok(if done { Settled::Done } else { Settled::Overtaken })
    }

    /// Records that an account became stuck: an operator is to look.
    pub async fn stuck(&self, due: &Due, words: &str, next: Timestamp, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin(now).await?;
        query(
            "UPDATE accounts SET stuck = 1, failure = $3, failing = coalesce(failing, $4), attempts = attempts + 1,
                due = CASE WHEN version = $5 THEN $6 ELSE $4 END, lease = 0
             WHERE id = $1 AND epoch = $2",
        )
        .bind(due.id.to_string())
        .bind(due.epoch)
        .bind(words)
        .bind(now.as_microsecond())
        .bind(due.version)
        .bind(next.as_microsecond())
        .execute(&mut *tx.inner)
        .await?;
        tx.touch(due.user);
        let vault = tx.vault_of(due.user).await?;
        let event = Event::AccountStuck { account: due.id, target: due.target.clone() };
        tx.commit(&entry(due, vault, event, json!({ "failure": words }))).await
    }

    /// When the next account is due: a time in the past means now. Accounts that somebody works on are due when
    /// that lease ends.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, Error> {
        let row = query("SELECT min(max(due, lease)) AS due FROM accounts WHERE due IS NOT NULL")
            .fetch_one(&self.0.reader)
            .await?;
        maybe_time(&row, "due")
    }

    /// All accounts, by target and person.
    pub async fn all_accounts(&self) -> Result<Vec<AccountRow>, Error> {
        let rows = query(
            "SELECT accounts.*, (SELECT subject || '@' || provider FROM identities
                WHERE identities.user = accounts.user ORDER BY identities.id LIMIT 1) AS person
             FROM accounts ORDER BY target, person",
        )
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter().map(account_row).collect()
    }
}

fn account_row(row: &SqliteRow) -> Result<AccountRow, Error> {
    let desired: Desired = super::json(row, "desired")?;
    let settled = row.try_get::<i64, _>("settled")? == row.try_get::<i64, _>("version")?;
    let state = match (&desired, settled) {
        _ if row.try_get::<i64, _>("stuck")? != 0 => "stuck",
        (Desired::Active(_), true) => "active",
        (Desired::Active(_), false) => "preparing",
        (Desired::Disabled, true) => "disabled",
        (Desired::Disabled, false) => "disabling",
    };
    let seen: Option<&str> = row.try_get("seen")?;
    Ok(AccountRow {
        id: parsed(row, "id")?,
        person: row.try_get("person")?,
        target: row.try_get("target")?,
        external_id: row.try_get("external_id")?,
        native_id: row.try_get("native_id")?,
        state,
        desired,
        seen: seen.map(serde_json::from_str).transpose()?,
        due: maybe_time(row, "due")?,
        attempts: row.try_get("attempts")?,
        failing: maybe_time(row, "failing")?,
        failure: row.try_get("failure")?,
    })
}
