//! What every target can be asked, and the few ways in which that goes wrong.

use crate::account::{Actual, Candidate, Desired, Step};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// A target's accounts. An implementation looks and does what it is told: whether and when is the worker's.
pub trait Connector: Send + Sync {
    /// What can be asked beyond making, changing, closing and opening accounts.
    fn abilities(&self) -> Abilities;

    /// Looks up the account of `key`, with at least the entitlements and attributes that `wanted` names. Changes nothing.
    fn observe<'a>(&'a self, key: &'a Key, wanted: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>>;

    /// Takes one step, once. "Already so" is success; whether it is so, the next look tells. Returns the target's
    /// own id of an account that it created, where the answer says it: a look by that id sees it sooner than a search.
    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>>;

    /// The calls that `step` takes, as an operator reads them before they are made. What is looked up on the way, such
    /// as the id of a group, is named instead.
    fn calls(&self, step: &Step) -> Vec<Call>;

    /// The accounts that `by` finds, whosesoever they are. Asked only where [`Abilities::link`] says so.
    fn matching<'a>(&'a self, by: &'a By) -> BoxFuture<'a, Result<Vec<Candidate>, Fault>> {
        Box::pin(
            async move { Err(Fault::refused(Refusal::Invalid, format!("cannot be searched by {by:?}"))) },
        )
    }

    /// One page of all accounts that are there, whosesoever: the first, or the one that `after` names. Asked only where
    /// [`Abilities::list`] says so.
    fn list<'a>(&'a self, after: Option<&'a str>) -> BoxFuture<'a, Result<Page, Fault>> {
        let _ = after;
        Box::pin(async { Err(Fault::refused(Refusal::Invalid, "cannot list its accounts")) })
    }
}

/// What a target can be asked beyond making, changing, closing and opening accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// [`Step::Delete`].
    pub delete: bool,
    /// [`Step::EndSessions`].
    pub sessions: bool,
    /// [`Step::HandOver`].
    pub hand_over: bool,
    /// [`Connector::matching`] and [`Step::Adopt`].
    pub link: bool,
    /// [`Connector::list`].
    pub list: bool,
    /// Its accounts have no room for our external id, or not for good: once one was seen it is ours as the store remembers
    /// its id, which makes that a [`Key`]'s better half.
    pub unmarked: bool,
    /// An account that is to be closed is found by its id alone: nothing of ours is in it by which it could be.
    pub only_by_id: bool,
}

/// By what an account is looked for that does not carry our external id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// An attribute, by its name in the target's words, has this value.
    Attribute(String, String),
    /// The name to sign in with, without case.
    UserName(String),
    /// One of its e-mail addresses, without case.
    Email(String),
}

/// Some of a target's accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The accounts.
    pub accounts: Vec<Candidate>,
    /// What names the next page; `None` after the last.
    pub next: Option<String>,
}

/// One call that would change something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The method, or the target's word for what is done.
    pub method: String,
    /// To what: below the target's base URL, or the target's name for it.
    pub path: String,
    /// What it changes, in words.
    pub what: String,
}

impl Call {
    /// A call that does `method` to `path`, to the effect of `what`.
    pub fn new(method: impl Into<String>, path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { method: method.into(), path: path.into(), what: what.into() }
    }
}

/// By what an account is recognised as ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The mark that we leave in the target. An account without it is never touched.
    pub external_id: String,
    /// The target's own id, once known: immutable, and so the better way to look it up.
    pub native_id: Option<String>,
}

/// Why a call did not succeed, as far as it matters for what to do next. Words are the target's own where it
/// found any, made by [`words`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not now: nothing was changed, and trying again may help.
    #[error("{words}")]
    Transient {
        /// What happened.
        words: String,
        /// When the target asked to be tried again.
        after: Option<RetryAfter>,
    },
    /// Too fast: nothing was changed, and nothing is wrong with the account.
    #[error("asks us to slow down")]
    Throttled(Option<RetryAfter>),
    /// A write was sent and its answer lost: neither a failure nor a success.
    #[error("the answer was lost: {0}")]
    Unknown(String),
    /// The target does not know us: so it is for every account in it.
    #[error("does not accept our credentials: {0}")]
    AuthFailed(String),
    /// Accounts are there of which one may be the person's, and it is not ours to say which. Of none, there may be one that no
    /// look can find.
    #[error("{}", undecided(.0))]
    Undecided(Vec<Candidate>),
    /// It will say the same until somebody changes something.
    #[error("refused: {words}")]
    Refused {
        /// In which way.
        why: Refusal,
        /// What it said.
        words: String,
    },
}

/// In which way a target refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It does not understand, or does not like a value.
    Invalid,
    /// We may not.
    Forbidden,
    /// Somebody else's account or group is in the way.
    Conflict,
    /// There is no seat or licence left.
    Capacity,
}

/// When to come again (RFC 9110, section 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// So long after the answer.
    In(SignedDuration),
    /// Not before this.
    At(Timestamp),
}

impl Fault {
    /// A refusal for reason `why`, in these words.
    pub fn refused(why: Refusal, said: impl AsRef<str>) -> Self {
        Self::Refused { why, words: words(said.as_ref()) }
    }

    /// Whether it says when to come again.
    pub(super) fn asks_to_wait(&self) -> bool {
        matches!(self, Self::Throttled(_) | Self::Transient { after: Some(_), .. })
    }

    /// Something that may pass, in these words.
    pub fn transient(said: impl AsRef<str>) -> Self {
        Self::Transient { words: words(said.as_ref()), after: None }
    }
}

fn undecided(candidates: &[Candidate]) -> String {
    if candidates.is_empty() {
        return "one was asked for, and nobody knows what came of it: an operator is to say which account it is, or \
                that a new one is to be made"
            .to_owned();
    }
    let one = |candidate: &Candidate| format!("{} ({})", candidate.native_id, candidate.user_name);
    let them = candidates.iter().map(one).collect::<Vec<_>>().join(", ");
    words(&format!("an operator is to say whose these are: {them}"))
}

/// What a target said, fit for a log line and an operator's eye: one line, at most 300 characters.
pub fn words(said: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let line = said.chars().take(4096).map(plain).collect::<String>();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_short_line() {
        assert_eq!(words(" no\r\n such\tthing\u{1b}[31m "), "no such thing [31m");
        assert_eq!(words(&"ä".repeat(5000)).chars().count(), 303);
    }
}
