//! What is counted nowhere but in the store: it is asked whenever somebody looks. What cannot be read is left out, which
//! alarms; an old number would not.

use crate::metrics::Metrics;
use crate::names::{TargetName, TokenName};
use crate::store::{Store, Work};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// What was read last. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Read>>);

#[derive(Default)]
struct Read {
    accounts: Vec<(TargetName, String, i64)>,
    /// What is to be done in each target; since when the oldest of it, in seconds.
    work: Vec<(TargetName, i64, i64)>,
    sign_ins: Option<i64>,
    /// For how long an end has come that is not recorded, in seconds.
    overdue: Option<i64>,
    tokens: Vec<(TokenName, Timestamp)>,
}

impl Kept {
    /// Tells of it from now on.
    pub(super) fn new(metrics: &Metrics) -> Self {
        let kept = Self::default();
        let help = "Accounts in apps by what they are or wait to be";
        let accounts = |(target, state, accounts): &(TargetName, String, i64)| {
            ([target.to_string(), state.clone()], *accounts)
        };
        kept.tell(metrics, "accounts", help, ["app", "state"], move |read| {
            read.accounts.iter().map(accounts).collect()
        });
        kept.tell(metrics, "target_due", "Accounts that are to be worked on now", ["target"], |read| {
            read.work.iter().map(|(target, due, _)| ([target.to_string()], *due)).collect()
        });
        let help = "For how long the account has been due that waits longest";
        kept.tell(metrics, "target_oldest_due_seconds", help, ["target"], |read| {
            read.work.iter().map(|(target, _, oldest)| ([target.to_string()], *oldest)).collect()
        });
        kept.tell(metrics, "sessions", "Sign-ins that are live", [], |read| {
            read.sign_ins.map(|sign_ins| ([], sign_ins)).into_iter().collect()
        });
        let help = "For how long an end has come that is not recorded yet";
        kept.tell(metrics, "ends_overdue_seconds", help, [], |read| {
            read.overdue.map(|seconds| ([], seconds)).into_iter().collect()
        });
        let help = "When a token for the admin API ends";
        kept.tell(metrics, "token_expires_timestamp_seconds", help, ["token"], |read| {
            read.tokens.iter().map(|(token, until)| ([token.to_string()], until.as_second())).collect()
        });
        kept
    }

    /// Reads it anew, as of `now`; each part may take so long.
    pub(super) async fn refresh(&self, store: &Store, now: Timestamp, patience: Duration) {
        let seconds = |since: Timestamp| now.duration_since(since).as_secs().max(0);
        let (accounts, work, sign_ins, end, tokens) = tokio::join!(
            timeout(patience, store.accounts_by_state()),
            timeout(patience, store.work(now)),
            timeout(patience, store.live_sign_ins(now)),
            timeout(patience, store.next_end()),
            timeout(patience, store.tokens()),
        );
        let work = work.ok().and_then(Result::ok).unwrap_or_default().into_iter();
        let work = work.map(|Work { target, due, oldest }| (target, due, oldest.map_or(0, seconds)));
        let end = end.ok().and_then(Result::ok);
        let tokens = tokens.ok().and_then(Result::ok).unwrap_or_default().into_iter();
        let tokens = tokens.filter(|token| token.revoked.is_none() && token.until > now);
        let read = Read {
            accounts: accounts.ok().and_then(Result::ok).unwrap_or_default(),
            work: work.collect(),
            sign_ins: sign_ins.ok().and_then(Result::ok),
            overdue: end.map(|end| end.map_or(0, seconds)),
            tokens: tokens.map(|token| (token.name, token.until)).collect(),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = read;
    }

    fn tell<const N: usize>(
        &self,
        metrics: &Metrics,
        name: &'static str,
        help: &'static str,
        labels: [&'static str; N],
        of: impl Fn(&Read) -> Vec<([String; N], i64)> + Send + Sync + 'static,
    ) {
        let read = self.0.clone();
        metrics.measure(name, help, labels, move || of(&read.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}
