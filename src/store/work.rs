//! Accounts as those who work on them see them: what is due, and what a look or a failure leaves behind.

use super::accounts::{Origin, Verdict};
use super::claims::note_failure;
use super::{Books, Error, Store, Tx, count, flag, json, maybe_time, parsed, time};
use crate::account::{Actual, Candidate, Change, Desired, Step};
use crate::audit::{Actor, Entry, Event};
use crate::names::{AccountId, TargetName, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{Row, query};

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
    /// What is known of one that was to be made and that no look has seen yet.
    pub made: Made,
}

impl Due {
    /// The target's own id, if an account of ours was seen there or made.
    pub fn native_id(&self) -> Option<&str> {
        match &self.made {
            Made::As(native_id) => Some(native_id),
            Made::Nothing | Made::Asked => self.seen.native_id(),
        }
    }
}

/// What is known of an account that was to be made, until a look tells what came of it. It is written down beside what was
/// seen last, which is that there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// None was asked for, or it was refused.
    Nothing,
    /// One was asked for, and nobody knows the id of what came of it, if anything did.
    Asked,
    /// It was made, with this id, or is to be the one that has it.
    As(String),
}

impl Made {
    fn of(native_id: Option<&str>) -> Self {
        match native_id {
            None => Self::Nothing,
            Some("") => Self::Asked,
            Some(native_id) => Self::As(native_id.to_owned()),
        }
    }

    fn native_id(&self) -> Option<&str> {
        match self {
            Self::Nothing => None,
            Self::Asked => Some(""),
            Self::As(native_id) => Some(native_id),
        }
    }
}

/// Nothing that was seen, and what was made.
#[derive(Serialize)]
struct Unseen<'a> {
    #[serde(flatten)]
    seen: Actual,
    #[serde(skip_serializing_if = "Option::is_none")]
    native_id: Option<&'a str>,
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
    /// Whether it is one that was there before us and that we meant to adopt once.
    pub was_before: bool,
    /// Whether no step is left: the version of the claim is settled.
    pub settled: bool,
}

impl Look {
    /// How the account came to be ours, where this look tells; then what an operator said of it has been done. One that
    /// the very first look of all finds was there before us, though it carries our external id: our store was lost, or it
    /// was put there by hand. And one that was to be adopted is so, whatever was asked for last.
    pub(crate) fn origin(&self, due: &Due) -> Option<Origin> {
        let born = self.changes.contains(&Change::Created);
        match &self.after {
            _ if born && self.was_before => Some(Origin::Adopted),
            Some(Step::Create(_)) if born => Some(Origin::Created),
            Some(Step::Adopt { .. }) if born => Some(Origin::Adopted),
            None if born && due.epoch == 1 => Some(Origin::Adopted),
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

impl Books<'_> {
    /// Notes what is known of an account that is to be made for `due`, and that no look has seen. No event: that it is there
    /// is told once it was seen. `false` if the claim no longer stands.
    pub async fn makes(&self, due: &Due, made: &Made) -> Result<bool, Error> {
        let seen = Unseen { seen: Actual::Absent, native_id: made.native_id() };
        let done = query("UPDATE accounts SET seen = $3 WHERE id = $1 AND epoch = $2")
            .bind(due.id.to_string())
            .bind(due.epoch)
            .bind(serde_json::to_string(&seen)?)
            .execute(&self.store.0.writer)
            .await?;
        Ok(done.rows_affected() == 1)
    }
}

pub(super) fn due(row: &AnyRow) -> Result<Due, Error> {
    let known: Value = json(row, "seen")?;
    let seen = Actual::deserialize(&known)?;
    let made = match seen {
        Actual::Absent => Made::of(known["native_id"].as_str()),
        Actual::Present(_) => Made::Nothing,
    };
    Ok(Due {
        id: parsed(row, "id")?,
        user: parsed(row, "owner")?,
        target: parsed(row, "target")?,
        external_id: row.try_get("external_id")?,
        seen,
        desired: json(row, "desired")?,
        version: row.try_get("version")?,
        settled: row.try_get::<i64, _>("settled")? == row.try_get::<i64, _>("version")?,
        epoch: row.try_get("epoch")?,
        lease_until: time(row, "lease")?,
        attempts: count(row, "attempts")?,
        stuck: flag(row, "stuck")?,
        origin: parsed(row, "origin")?,
        verdict: row.try_get::<Option<String>, _>("link")?.map(|link| match link.as_str() {
            "" => Verdict::Create,
            _ => Verdict::Adopt(link),
        }),
        made,
    })
}

impl Tx {
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
        tx.lock(due.user).await?;
        let row = query(
            "UPDATE accounts SET seen = $3, looked = $4, unsure = 0, candidates = NULL,
                origin = coalesce($8, origin), link = CASE WHEN $8 IS NULL THEN link ELSE NULL END,
                settled = CASE WHEN $5 = 1 THEN $6 ELSE settled END,
                open = CASE WHEN $5 = 1 AND version = $6 THEN $7 ELSE open * $7 END,
                due = CASE WHEN $5 = 1 AND version = $6 THEN NULL WHEN $5 = 1 THEN $4 ELSE due END,
                lease = CASE WHEN $5 = 1 THEN 0 ELSE lease END,
                attempts = CASE WHEN $5 = 1 THEN 0 ELSE attempts END,
                stuck = CASE WHEN $5 = 1 THEN 0 ELSE stuck END,
                failing = CASE WHEN $5 = 1 THEN NULL ELSE failing END,
                failure = CASE WHEN $5 = 1 THEN NULL ELSE failure END
             WHERE id = $1 AND epoch = $2
             RETURNING version, settled",
        )
        .bind(due.id.to_string())
        .bind(due.epoch)
        .bind(serde_json::to_string(&look.seen)?)
        .bind(now.as_microsecond())
        .bind(i64::from(look.settled))
        .bind(due.version)
        .bind(i64::from(active))
        .bind(look.origin(due).map(Origin::as_str))
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
        tx.lock(due.user).await?;
        // Whoever reads that it is stuck reads why.
        if !note_failure(&mut *tx.inner, due, failure, now).await? {
            return Ok(false);
        }
        query("UPDATE accounts SET stuck = $2 WHERE id = $1")
            .bind(due.id.to_string())
            .bind(i64::from(failure.stuck))
            .execute(&mut *tx.inner)
            .await?;
        let event = Event::AccountStuck { account: due.id, target: due.target.clone(), stuck: failure.stuck };
        let entry = tx.of_account(due, event, json!({ "failure": failure.words })).await?;
        tx.commit(&entry).await?;
        Ok(true)
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
                UNION ALL SELECT min(lease) FROM accounts WHERE target = $1 AND lease > 0 AND lease > $2 AND due IS NOT NULL) AS moments",
        )
        .bind(target.as_str())
        .bind(now.as_microsecond())
        .fetch_one(&self.0.reader)
        .await?;
        maybe_time(&row, "due")
    }
}
