//! What operators ask about targets. Somebody who can speak to them answers.

use super::page::{Answer, Listed, Page};
use super::reads::Of;
use super::{Deps, Failure, wish};
use crate::account::Candidate;
use crate::lifecycle::Error;
use crate::names::{AccountId, TargetName};
use axum::Json;
use axum::extract::{Path, Query, State};
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

/// Takes questions about targets.
pub type Inquiries = mpsc::Sender<Inquiry>;

/// What came of a question; in words, where it could not be answered.
type Told<T> = Result<T, String>;

/// A question about targets.
pub enum Inquiry {
    /// How they are doing.
    Targets(oneshot::Sender<Told<Vec<TargetRow>>>),
    /// What is there that is not as it should be.
    Drift {
        /// In which target; in all, without one.
        of: Option<TargetName>,
        /// After which account looking begins; with the first, without one.
        after: Option<AccountId>,
        /// At how many it looks.
        limit: u32,
        /// Where to say what was found.
        answer: oneshot::Sender<Told<Drift>>,
    },
    /// Whose the accounts are that are there.
    Import(TargetName, oneshot::Sender<Told<Imported>>),
    /// Who needs the seats that are taken. What was not used for so long is idle.
    Seats(SignedDuration, oneshot::Sender<Told<Vec<Seats>>>),
}

/// How a target is doing.
#[derive(Debug, Clone, Serialize)]
pub struct TargetRow {
    /// Which target.
    pub target: TargetName,
    /// How many accounts it has, or is to have.
    pub accounts: u64,
    /// How many of them wait for something.
    pub due: u64,
    /// How many an operator must look at.
    pub stuck: u64,
    /// How many lost something lately, or are to, that its guard counts.
    pub narrowed: u64,
    /// Whether the guard keeps things from being taken until an operator confirms it.
    pub held: bool,
    /// Until when it is left alone.
    pub paused_until: Option<Timestamp>,
    /// Failures in a row, over all accounts.
    pub failures: u32,
}

/// What was found out about a page of accounts.
#[derive(Debug, Clone, Default)]
pub struct Drift {
    /// Those that are not as they should be.
    pub differences: Vec<Difference>,
    /// The last that was looked at, where there may be more.
    pub last: Option<AccountId>,
}

/// An account that is not as it should be, though nobody is at work on it.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// Which account.
    pub id: AccountId,
    /// Whose, as `subject@provider`.
    pub person: String,
    /// Where it lives.
    pub target: TargetName,
    /// What is different, in words: `it is gone`, `it has group admins besides`.
    pub found: Vec<String>,
    /// What would mend it, a call each.
    pub calls: Vec<super::PlannedCall>,
    /// Why it could not be looked at.
    pub failure: Option<String>,
}

/// Whose the accounts of a target are.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Imported {
    /// How many carry the external id of somebody we know.
    pub ours: usize,
    /// Those of somebody we know, by the rules that the operator set, that do not carry their external id yet.
    pub matches: Vec<Match>,
    /// Those of nobody we know.
    pub orphans: Vec<Candidate>,
}

/// An account that was there before us, and whose it is.
#[derive(Debug, Clone, Serialize)]
pub struct Match {
    /// The account.
    #[serde(flatten)]
    pub account: Candidate,
    /// Whose, as `subject@provider`.
    pub person: String,
    /// Whether policy gives them an account there: then this is taken for it at their next sign-in.
    pub wanted: bool,
}

/// Who needs the seats of a target.
#[derive(Debug, Clone, Serialize)]
pub struct Seats {
    /// Which target.
    pub target: TargetName,
    /// How many accounts are open.
    pub open: u64,
    /// How many of them were used lately.
    pub used: u64,
    /// How many were used, but not lately.
    pub idle: u64,
    /// How many were never used.
    pub never: u64,
    /// What a seat costs, as the configuration says it.
    pub seat: Option<String>,
    /// What those seats cost that nobody uses.
    pub reclaimable: Option<String>,
}

/// Since when what was not used is idle, in days.
#[derive(Deserialize)]
pub(super) struct Unused {
    #[serde(default = "a_month")]
    unused_days: u32,
}

fn a_month() -> u32 {
    30
}

async fn ask<T>(
    deps: &Deps,
    question: impl FnOnce(oneshot::Sender<Told<T>>) -> Inquiry,
) -> Result<Json<T>, Failure> {
    let told = wish(&deps.inquiries, question).await?;
    Ok(Json(told.map_err(Error::Invalid)?))
}

pub(super) async fn targets(State(deps): State<Deps>) -> Result<Json<Vec<TargetRow>>, Failure> {
    ask(&deps, Inquiry::Targets).await
}

pub(super) async fn drift(
    State(deps): State<Deps>,
    uri: Uri,
    Query(of): Query<Of>,
    Query(page): Query<Page<AccountId>>,
) -> Answer<Difference> {
    let (of, after, limit) = (of.app, page.after, page.limit());
    let Json(drift) = ask(&deps, |answer| Inquiry::Drift { of, after, limit, answer }).await?;
    Ok(Listed::new(&uri, drift.differences, drift.last))
}

pub(super) async fn import(
    State(deps): State<Deps>,
    Path(target): Path<TargetName>,
) -> Result<Json<Imported>, Failure> {
    ask(&deps, |answer| Inquiry::Import(target, answer)).await
}

pub(super) async fn seats(
    State(deps): State<Deps>,
    Query(unused): Query<Unused>,
) -> Result<Json<Vec<Seats>>, Failure> {
    let span = SignedDuration::from_hours(i64::from(unused.unused_days) * 24);
    ask(&deps, |answer| Inquiry::Seats(span, answer)).await
}
