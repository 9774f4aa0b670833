//! What every target can be asked, and the few ways in which that goes wrong.

use crate::account::{Actual, Desired, Step};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

/// A target's accounts. An implementation looks and does what it is told: whether and when is the worker's.
pub trait Connector: Send + Sync {
    /// Looks up the account of `key`, with at least the groups and attributes that `wanted` names. Changes nothing.
    fn observe<'a>(&'a self, key: &'a Key, wanted: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>>;

    /// Takes one step, once. "Already so" is success; whether it is so, the next look tells. Returns the target's
    /// own id of an account that it created, where the answer says it: a look by that id sees it sooner than a search.
    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>>;
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

    /// Something that may pass, in these words.
    pub fn transient(said: impl AsRef<str>) -> Self {
        Self::Transient { words: words(said.as_ref()), after: None }
    }
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
