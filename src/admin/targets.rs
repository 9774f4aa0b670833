//! What operators ask about targets. Somebody who can speak to them answers.

use super::page::{Listed, OfTarget};
use super::route::{Answer, Call};
use super::{Deps, wish};
use crate::account::Candidate;
use crate::lifecycle::Error;
use crate::names::{AccountId, TargetName};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
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
#[derive(Debug, Clone, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Drifted")]
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
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Imported {
    /// How many carry the external id of somebody we know.
    pub ours: usize,
    /// Those of somebody we know, by the rules that the operator set, that do not carry their external id yet.
    pub matches: Vec<Match>,
    /// Those of nobody we know.
    pub orphans: Vec<Candidate>,
}

/// An account that was there before us, and whose it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Match {
    /// The account.
    #[serde(flatten)]
    pub account: Candidate,
    /// Whose, as `subject@provider`.
    pub person: String,
    /// Whether it is to be taken for the account that policy gives them there.
    pub wanted: bool,
    /// What is done with it then, at the most: what it may do already is known once it is ours.
    pub calls: Vec<super::PlannedCall>,
}

/// Who needs the seats of a target.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unused {
    /// What was not used for so many days is idle.
    #[serde(default = "a_month")]
    unused_days: u32,
}

fn a_month() -> u32 {
    30
}

async fn ask<T>(deps: &Deps, question: impl FnOnce(oneshot::Sender<Told<T>>) -> Inquiry) -> Answer<T> {
    let told = wish(&deps.inquiries, question).await?;
    Ok(told.map_err(Error::Invalid)?)
}

pub(super) async fn targets(call: Call) -> Answer<Vec<TargetRow>> {
    ask(&call.deps, Inquiry::Targets).await
}

pub(super) async fn drift(call: Call<(), OfTarget>) -> Answer<Listed<Difference>> {
    let (of, page) = call.words.split();
    let (after, limit) = (page.after, page.limit());
    let drift = ask(&call.deps, |answer| Inquiry::Drift { of, after, limit, answer }).await?;
    Ok(Listed::new(&call.asked, drift.differences, drift.last))
}

pub(super) async fn import(call: Call<TargetName>) -> Answer<Imported> {
    ask(&call.deps, |answer| Inquiry::Import(call.of, answer)).await
}

pub(super) async fn seats(call: Call<(), Unused>) -> Answer<Vec<Seats>> {
    let span = SignedDuration::from_hours(i64::from(call.words.unused_days) * 24);
    ask(&call.deps, |answer| Inquiry::Seats(span, answer)).await
}
