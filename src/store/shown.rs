//! Accounts as operators see them.

use super::accounts::Origin;
use super::{Error, Store, count, flag, json, maybe_time, parsed};
use crate::account::{Actual, Candidate, Desired};
use crate::names::{AccountId, TargetName};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Row, query};

/// An account as operators see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AccountRow {
    /// Which account.
    pub id: AccountId,
    /// Whose, as `subject@provider`.
    pub person: String,
    /// Where it lives.
    pub target: TargetName,
    /// What marks it as ours there.
    pub external_id: String,
    /// `preparing`, `active`, `disabling`, `disabled`, `deleting`, `deleted`, `undecided`, `stuck`.
    pub state: &'static str,
    /// How it came to be ours.
    pub origin: Origin,
    /// What should be.
    pub desired: Desired,
    /// What the last look found.
    pub seen: Actual,
    /// When it is worked on next; `None` while nothing is left to do.
    pub due: Option<Timestamp>,
    /// Failures in a row.
    pub attempts: u32,
    /// Since when it has failed.
    pub failing: Option<Timestamp>,
    /// The last failure, in words.
    pub failure: Option<String>,
    /// Accounts of which one may be theirs: an operator says which.
    pub candidates: Vec<Candidate>,
    /// When it is to be deleted.
    pub delete_at: Option<Timestamp>,
    /// When something was taken that a target's guard counts.
    pub narrowed: Option<Timestamp>,
    /// Whether it waits until an operator confirms what that guard holds.
    pub held: bool,
}

impl Store {
    /// Accounts, of one target or of all, in the order in which they came to be wanted: those after `after`, at most `limit`.
    pub async fn account_rows(
        &self,
        of: Option<&TargetName>,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<AccountRow>, Error> {
        let rows = query(
            "SELECT id, target, external_id, desired, settled, version, stuck, candidates, origin, seen, due, attempts, failing,
                failure, delete_at, narrowed, CAST(CASE WHEN settled < version AND EXISTS (SELECT 1 FROM targets
                    WHERE name = target AND targets.held IS NOT NULL AND narrowed > confirmed) THEN 1 ELSE 0 END AS BIGINT) AS held,
                coalesce((SELECT subject || '@' || provider FROM identities
                WHERE identities.owner = accounts.owner ORDER BY identities.id LIMIT 1), '') AS person
             FROM accounts WHERE id > $1 AND target = coalesce($2, target) ORDER BY id LIMIT $3",
        )
        .bind(after.map(|account| account.to_string()).unwrap_or_default())
        .bind(of.map(TargetName::as_str))
        .bind(i64::from(limit))
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter().map(account_row).collect()
    }
}

fn account_row(row: &AnyRow) -> Result<AccountRow, Error> {
    let desired: Desired = json(row, "desired")?;
    let settled = row.try_get::<i64, _>("settled")? == row.try_get::<i64, _>("version")?;
    let candidates: Option<Vec<Candidate>> = row
        .try_get::<Option<String>, _>("candidates")?
        .map(|candidates| serde_json::from_str(&candidates))
        .transpose()?;
    let state = match (&desired, settled) {
        _ if flag(row, "stuck")? && candidates.is_some() => "undecided",
        _ if flag(row, "stuck")? => "stuck",
        (Desired::Active(_), true) => "active",
        (Desired::Active(_), false) => "preparing",
        (Desired::Disabled(_), true) => "disabled",
        (Desired::Disabled(_), false) => "disabling",
        (Desired::Absent, true) => "deleted",
        (Desired::Absent, false) => "deleting",
    };
    Ok(AccountRow {
        id: parsed(row, "id")?,
        person: row.try_get("person")?,
        target: parsed(row, "target")?,
        external_id: row.try_get("external_id")?,
        state,
        origin: parsed(row, "origin")?,
        desired,
        seen: json(row, "seen")?,
        due: maybe_time(row, "due")?,
        attempts: count(row, "attempts")?,
        failing: maybe_time(row, "failing")?,
        failure: row.try_get("failure")?,
        candidates: candidates.unwrap_or_default(),
        delete_at: maybe_time(row, "delete_at")?,
        narrowed: maybe_time(row, "narrowed")?,
        held: flag(row, "held")?,
    })
}
