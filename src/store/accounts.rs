//! Accounts: what should be in a target, what was last seen there, and what is due.

use super::books::note_failure;
use super::{Error, Store, Tx, json, maybe_time, parsed, time};
use crate::account::{Actual, Candidate, Change, Desired, Entitlement, Step};
use crate::audit::{Actor, Entry, Event};
use crate::names::{AccountId, TargetName, UserId, VaultId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor, query};
use std::collections::BTreeSet;
use std::str::FromStr;

/// How an account came to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// We created it.
    Created,
    /// It was there before. Such a one is never deleted.
    Adopted,
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

/// An account whose settled version lags behind, claimed by one worker for the length of a lease.
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
    /// How it was when last recorded; `Absent` before it ever was.
    pub seen: Actual,
    /// What should be.
    pub desired: Desired,
    /// The version of that desire.
    pub version: i64,
    /// Whether that version was settled before.
    pub settled: bool,
    /// Names this claim: what is written under an older one is discarded.
    pub epoch: i64,
    /// When the claim ends.
    pub lease_until: Timestamp,
    /// Failures in a row.
    pub attempts: u32,
    /// Whether it is shown as stuck.
    pub stuck: bool,
    /// How it came to be ours.
    pub origin: Origin,
    /// What an operator said about whose account it is.
    pub verdict: Option<Verdict>,
}

impl Due {
    /// The target's own id, if an account of ours was seen there.
    pub fn native_id(&self) -> Option<&str> {
        self.seen.native_id()
    }
}

/// What a look at a target found.
#[derive(Debug, Clone)]
pub struct Look {
    /// The account as it is.
    pub seen: Actual,
    /// What is not as it was last recorded.
    pub changes: Vec<Change>,
    /// The step that this worker had just taken; without one, the changes were found, not made (or made before a
    /// crash).
    pub after: Option<Step>,
    /// Whether no step is left: the version of the claim is settled.
    pub settled: bool,
}

impl Look {
    /// How the account came to be ours, where this look tells; then what an operator said of it has been done. One that the very first look of all finds was there before
    /// us, though it carries our external id: our store was lost, or it was put there by hand.
    fn origin(&self, due: &Due) -> Option<&'static str> {
        let born = self.changes.contains(&Change::Created);
        match &self.after {
            Some(Step::Create(_)) if born => Some("created"),
            Some(Step::Adopt { .. }) if born => Some("adopted"),
            None if born && due.epoch == 1 => Some("adopted"),
            _ => None,
        }
    }
}

/// A failed attempt and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong, for an operator.
    pub words: String,
    /// Failures in a row, this one included if it counts.
    pub attempts: u32,
    /// When to try again.
    pub next_due: Timestamp,
    /// Whether to call it stuck.
    pub stuck: bool,
    /// Whether the last write may yet take effect: then nothing, not even a new desire, brings `next_due` forward.
    pub unsure: bool,
    /// Accounts of which one may be theirs, where an operator is to say which.
    pub candidates: Vec<Candidate>,
}

/// An account as operators see it.
#[derive(Debug, Clone, Serialize)]
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

pub(super) fn due(row: &SqliteRow) -> Result<Due, Error> {
    Ok(Due {
        id: parsed(row, "id")?,
        user: parsed(row, "user")?,
        target: parsed(row, "target")?,
        external_id: row.try_get("external_id")?,
        seen: json(row, "seen")?,
        desired: json(row, "desired")?,
        version: row.try_get("version")?,
        settled: row.try_get::<i64, _>("settled")? == row.try_get::<i64, _>("version")?,
        epoch: row.try_get("epoch")?,
        lease_until: time(row, "lease")?,
        attempts: row.try_get("attempts")?,
        stuck: row.try_get("stuck")?,
        origin: parsed(row, "origin")?,
        verdict: row.try_get::<Option<String>, _>("link")?.map(|link| match link.as_str() {
            "" => Verdict::Create,
            _ => Verdict::Adopt(link),
        }),
    })
}

impl Tx {
    /// What should be in each target where this person has an account, or is to have one.
    pub(crate) async fn standing_accounts(&mut self, user: UserId) -> Result<Vec<Standing>, Error> {
        let rows = query(
            "SELECT id, target, desired, given, seen, origin, delete_at FROM accounts WHERE user = $1 ORDER BY target",
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
            "INSERT INTO accounts (id, user, target, external_id, origin, desired, given, version, settled, open, seen, due)
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
    /// What is taken by it, or still by an earlier desire, the target's guard counts if it is `counted`.
    pub(crate) async fn desire(
        &mut self,
        user: UserId,
        standing: &Standing,
        desired: &Desired,
        rank: Rank,
        counted: bool,
    ) -> Result<(), Error> {
        query(
            "UPDATE accounts SET desired = $2, given = $3, version = version + 1, open = open AND $4, attempts = 0,
                rank = $6, narrowed = $7, due = CASE WHEN unsure AND due IS NOT NULL THEN due ELSE $5 END
             WHERE id = $1",
        )
        .bind(standing.id.to_string())
        .bind(serde_json::to_string(desired)?)
        .bind(serde_json::to_string(&(&standing.given | desired.entitlements()))?)
        .bind(desired.only_adds_to(&standing.desired))
        .bind(self.now.as_microsecond())
        .bind(rank as i64)
        .bind((counted && rank <= Rank::Take).then_some(self.now.as_microsecond()))
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
             RETURNING target, (SELECT vault FROM users WHERE users.id = accounts.user) AS vault",
        )
        .bind(id.to_string())
        .bind(self.now.as_microsecond())
        .fetch_optional(&mut *self.inner)
        .await?;
        row.map(|row| Ok((parsed(&row, "vault")?, parsed(&row, "target")?))).transpose()
    }

    /// The entry for what a worker has to tell of `due`.
    async fn of_account(&mut self, due: &Due, event: Event, personal: Value) -> Result<Entry, Error> {
        self.touch(due.user);
        let vault = self.user(due.user).await?.map(|user| user.vault);
        let cause = format!("version {} is desired", due.version);
        Ok(Entry { event, actor: Actor::Provisioner, cause, person: vault, policy: None, personal })
    }
}

impl Store {
    /// Records a look with all that it found. Where no step was left, its version is settled, and the person may use
    /// the account if it is active. A look that tells nothing new is only noted in the books.
    ///
    /// Returns `false` if the claim no longer stands; then nothing was written.
    pub async fn looked(&self, due: &Due, look: &Look, now: Timestamp) -> Result<bool, Error> {
        let active = matches!(&look.seen, Actual::Present(seen) if seen.active);
        if look.changes.is_empty()
            && look.settled
            && self.bookkeep().confirmed(due, &look.seen, active, now).await?
        {
            return Ok(true);
        }
        let mut tx = self.begin(now).await?;
        let row = query(
            "UPDATE accounts SET seen = $3, looked = $4, unsure = 0, candidates = NULL,
                origin = coalesce($8, origin), link = iif($8 IS NULL, link, NULL),
                settled = CASE WHEN $5 THEN $6 ELSE settled END,
                open = CASE WHEN $5 AND version = $6 THEN $7 ELSE open AND $7 END,
                due = CASE WHEN $5 AND version = $6 THEN NULL WHEN $5 THEN $4 ELSE due END,
                lease = CASE WHEN $5 THEN 0 ELSE lease END,
                attempts = CASE WHEN $5 THEN 0 ELSE attempts END,
                stuck = CASE WHEN $5 THEN 0 ELSE stuck END,
                failing = CASE WHEN $5 THEN NULL ELSE failing END,
                failure = CASE WHEN $5 THEN NULL ELSE failure END
             WHERE id = $1 AND epoch = $2
             RETURNING version, settled",
        )
        .bind(due.id.to_string())
        .bind(due.epoch)
        .bind(serde_json::to_string(&look.seen)?)
        .bind(now.as_microsecond())
        .bind(look.settled)
        .bind(due.version)
        .bind(active)
        .bind(look.origin(due))
        .fetch_optional(&mut *tx.inner)
        .await?;
        if row.is_none() {
            return Ok(false);
        }
        let event = Event::AccountChanged {
            account: due.id,
            target: due.target.clone(),
            changes: look.changes.clone(),
            made: look.after.is_some(),
            settled: look.settled,
        };
        let personal = json!({ "before": due.seen, "after": look.seen, "desired": due.desired });
        let entry = tx.of_account(due, event, personal).await?;
        tx.commit(&entry).await?;
        Ok(true)
    }

    /// Records a failed attempt and when to try again; an event only where it becomes stuck or is no longer.
    ///
    /// Returns `false` if the claim no longer stands; then nothing was written.
    pub async fn failed(&self, due: &Due, failure: &Failure, now: Timestamp) -> Result<bool, Error> {
        if failure.stuck == due.stuck {
            return self.bookkeep().failed(due, failure, now).await;
        }
        let mut tx = self.begin(now).await?;
        // Whoever reads that it is stuck reads why.
        if !note_failure(&mut *tx.inner, due, failure, now).await? {
            return Ok(false);
        }
        query("UPDATE accounts SET stuck = $2 WHERE id = $1")
            .bind(due.id.to_string())
            .bind(failure.stuck)
            .execute(&mut *tx.inner)
            .await?;
        let event = Event::AccountStuck { account: due.id, target: due.target.clone(), stuck: failure.stuck };
        let entry = tx.of_account(due, event, json!({ "failure": failure.words })).await?;
        tx.commit(&entry).await?;
        Ok(true)
    }

    /// Whether the account of this id in its target is that of another row than `due`.
    pub async fn is_taken(&self, due: &Due, native_id: &str) -> Result<bool, Error> {
        let row = query(
            "SELECT 1 FROM accounts WHERE target = $1 AND id <> $2 AND seen ->> 'native_id' = $3 LIMIT 1",
        )
        .bind(due.target.as_str())
        .bind(due.id.to_string())
        .bind(native_id)
        .fetch_optional(&self.0.reader)
        .await?;
        Ok(row.is_some())
    }

    /// Whether an account of `target` is due at `now` and under nobody's lease.
    pub async fn has_due(&self, target: &TargetName, now: Timestamp) -> Result<bool, Error> {
        let row = query("SELECT 1 FROM accounts WHERE target = $1 AND due <= $2 AND lease <= $2 LIMIT 1")
            .bind(target.as_str())
            .bind(now.as_microsecond())
            .fetch_optional(&self.0.reader)
            .await?;
        Ok(row.is_some())
    }

    /// When, after `now`, the next account of `target` becomes due, or a lease on one ends.
    pub async fn next_due(&self, target: &TargetName, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        // Rank by rank, so that each is one step in the index, however many wait.
        let row = query(
            "SELECT min(at) AS due FROM (
                SELECT min(due) AS at FROM accounts WHERE target = $1 AND rank = 0 AND due > $2
                UNION ALL SELECT min(due) FROM accounts WHERE target = $1 AND rank = 1 AND due > $2
                UNION ALL SELECT min(due) FROM accounts WHERE target = $1 AND rank = 2 AND due > $2
                UNION ALL SELECT min(due) FROM accounts WHERE target = $1 AND rank = 3 AND due > $2
                UNION ALL SELECT min(lease) FROM accounts WHERE target = $1 AND lease > 0 AND lease > $2 AND due IS NOT NULL)",
        )
        .bind(target.as_str())
        .bind(now.as_microsecond())
        .fetch_one(&self.0.reader)
        .await?;
        maybe_time(&row, "due")
    }

    /// When the next account may be deleted.
    pub async fn next_deletion(&self) -> Result<Option<Timestamp>, Error> {
        let row = query("SELECT min(delete_at) AS at FROM accounts WHERE delete_at IS NOT NULL")
            .fetch_one(&self.0.reader)
            .await?;
        maybe_time(&row, "at")
    }

    /// People of whom an account may be deleted at `now`, those who wait longest first, at most `limit`.
    pub async fn people_to_delete(&self, now: Timestamp, limit: u32) -> Result<Vec<UserId>, Error> {
        let rows = query("SELECT user FROM accounts WHERE delete_at <= $1 ORDER BY delete_at LIMIT $2")
            .bind(now.as_microsecond())
            .bind(limit)
            .fetch_all(&self.0.reader)
            .await?;
        rows.iter().map(|row| parsed(row, "user")).collect()
    }

    /// How much `target` is to take, or was told to take since `since`, that no date had announced and no operator
    /// has confirmed.
    pub async fn narrowed(&self, target: &TargetName, since: Timestamp) -> Result<u64, Error> {
        narrowed(&self.0.reader, target, since).await
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

pub(super) async fn narrowed(
    reader: impl SqliteExecutor<'_>,
    target: &TargetName,
    since: Timestamp,
) -> Result<u64, Error> {
    let row = query(
        "SELECT count(*) AS accounts FROM accounts WHERE target = $1
            AND narrowed > coalesce((SELECT confirmed FROM targets WHERE name = $1), 0)
            AND (narrowed > $2 OR settled < version)",
    )
    .bind(target.as_str())
    .bind(since.as_microsecond())
    .fetch_one(reader)
    .await?;
    Ok(row.try_get::<i64, _>("accounts")?.unsigned_abs())
}

/// How many accounts `target` has, or is to have.
pub(super) async fn accounts_in(reader: impl SqliteExecutor<'_>, target: &TargetName) -> Result<u64, Error> {
    let row = query("SELECT count(*) AS accounts FROM accounts WHERE target = $1")
        .bind(target.as_str())
        .fetch_one(reader)
        .await?;
    Ok(row.try_get::<i64, _>("accounts")?.unsigned_abs())
}

fn account_row(row: &SqliteRow) -> Result<AccountRow, Error> {
    let desired: Desired = json(row, "desired")?;
    let settled = row.try_get::<i64, _>("settled")? == row.try_get::<i64, _>("version")?;
    let candidates: Option<Vec<Candidate>> = row
        .try_get::<Option<String>, _>("candidates")?
        .map(|candidates| serde_json::from_str(&candidates))
        .transpose()?;
    let state = match (&desired, settled) {
        _ if row.try_get("stuck")? && candidates.is_some() => "undecided",
        _ if row.try_get("stuck")? => "stuck",
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
        attempts: row.try_get("attempts")?,
        failing: maybe_time(row, "failing")?,
        failure: row.try_get("failure")?,
        candidates: candidates.unwrap_or_default(),
        delete_at: maybe_time(row, "delete_at")?,
        narrowed: maybe_time(row, "narrowed")?,
    })
}
