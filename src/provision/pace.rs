//! How fast a target may be asked: as fast as the operator says, and never faster than its own answers allow.
//!
//! Targets tell their limits in headers of several dialects. Whoever reads them before the limit is reached uses all of
//! it and is never refused.

use super::budget::Budget;
use super::connector::{Fault, RetryAfter};
use super::http::retry_after;
use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap};
use schemars::JsonSchema;
use serde::Deserialize;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The longest that a request waits for its turn; what would wait longer is done later.
const PATIENCE: Duration = Duration::from_secs(3);

/// How fast a target may be asked, as the operator says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Limits {
    /// So many requests in a second, spread evenly.
    pub per_second: Option<NonZeroU32>,
    /// So many requests in a day, counted from the first.
    pub per_day: Option<NonZeroU32>,
}

/// The turns of the requests to one target.
#[derive(Default)]
pub struct Pace {
    per_second: Option<NonZeroU32>,
    budget: Option<Budget>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the next request may go.
    next: Option<Instant>,
    /// What the target said it would still take, less what was sent since, and until when that counts.
    window: Option<(Instant, u32)>,
}

impl Pace {
    /// So many requests in a second, and no more in a day than `budget` has.
    pub fn new(per_second: Option<NonZeroU32>, budget: Option<Budget>) -> Self {
        Self { per_second, budget, state: Mutex::default() }
    }

    /// Waits for the turn of a request, and takes it.
    ///
    /// # Errors
    /// [`Fault::Throttled`] where it would take too long, [`Fault::Transient`] where nobody can say: nothing was sent.
    pub(super) async fn turn(&self) -> Result<(), Fault> {
        loop {
            let now = Instant::now();
            let Err(at) = self.take(now) else { break };
            if at.duration_since(now) > PATIENCE {
                return Err(Fault::Throttled(Some(RetryAfter::In(signed(at.duration_since(now))))));
            }
            sleep_until(at).await;
        }
        match &self.budget {
            Some(budget) => budget.take().await,
            None => Ok(()),
        }
    }

    /// Takes the turn of a request that wants to go `now`, or says when to come again.
    fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut state = self.state();
        let State { next, window } = &mut *state;
        let early = next.filter(|next| *next > now);
        let shut = window.filter(|(until, left)| *left == 0 && *until > now).map(|(until, _)| until);
        if let Some(at) = early.max(shut) {
            return Err(at);
        }
        if let Some((_, left)) = window {
            *left = left.saturating_sub(1);
        }
        if let Some(per_second) = self.per_second {
            *next = Some(now + Duration::from_secs(1) / per_second.get());
        }
        Ok(())
    }

    /// Takes note of what an answer says of the target's limits.
    pub(super) fn told(&self, status: StatusCode, headers: &HeaderMap) {
        let Some(Told { left, reset }) = Told::by(status, headers) else { return };
        let now = Instant::now();
        let until = now + reset;
        let mut state = self.state();
        // Answers overtake one another, and requests are under way: within a window the lowest number is the latest.
        let left = match state.window {
            Some((known, known_left)) if known > now => left.min(known_left),
            _ => left,
        };
        state.window = Some((until, left));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a target says of its limits: so many requests are left until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    left: u32,
    reset: Duration,
}

impl Told {
    /// Reads `RateLimit-*` (draft-ietf-httpapi-ratelimit-headers-03), `X-RateLimit-*` and `X-Rate-Limit-*`; a reset may be
    /// seconds from now, seconds since 1970, or a date. A refusal for haste without a number of what is left leaves nothing.
    pub(super) fn by(status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        let said = |name: &str| {
            let named = |prefix: &str| headers.get(format!("{prefix}{name}"))?.to_str().ok().map(str::trim);
            ["ratelimit-", "x-ratelimit-", "x-rate-limit-"].into_iter().find_map(named)
        };
        let refused = status == StatusCode::TOO_MANY_REQUESTS;
        let left = said("remaining").and_then(|left| left.parse().ok());
        let left = if refused { Some(0) } else { left }?;
        let asked = || match retry_after(headers)? {
            RetryAfter::In(span) => span.try_into().ok(),
            RetryAfter::At(at) => at.duration_since(sent(headers)?).try_into().ok(),
        };
        let reset = if refused {
            asked().or_else(|| said("reset").and_then(|at| until(at, headers)))
        } else {
            said("reset").and_then(|at| until(at, headers))
        };
        Some(Self { left, reset: reset? })
    }

    /// How long to wait, where nothing is left.
    pub(super) fn wait(&self) -> Option<RetryAfter> {
        (self.left == 0).then(|| RetryAfter::In(signed(self.reset)))
    }
}

/// How long after the answer the moment is that a reset names. By the server's own clock, where it says what time it has.
fn until(text: &str, headers: &HeaderMap) -> Option<Duration> {
    const LONG_AGO: i64 = 1_000_000_000;
    let at = match text.parse::<i64>() {
        Ok(seconds) if seconds < LONG_AGO => return u64::try_from(seconds).ok().map(Duration::from_secs),
        Ok(since_1970) => Timestamp::from_second(since_1970).ok()?,
        // Jira writes no seconds.
        Err(_) => text.parse().or_else(|_| text.replace('Z', ":00Z").parse()).ok()?,
    };
    Some(Duration::try_from(at.duration_since(sent(headers)?)).unwrap_or(Duration::ZERO))
}

fn sent(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderValue, RETRY_AFTER};

    fn told(status: u16, headers: &[(&'static str, &'static str)]) -> Option<Told> {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Told::by(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn limits_are_read_in_every_dialect() {
        let date = ("date", "Mon, 02 Mar 2026 09:00:00 GMT");
        let told = |status, headers: &[(&'static str, &'static str)]| {
            told(status, headers).map(|told| (told.left, told.reset.as_secs()))
        };
        assert_eq!(told(200, &[("ratelimit-remaining", "7"), ("ratelimit-reset", "30")]), Some((7, 30)));
        let okta = [date, ("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "1772442030")];
        assert_eq!(told(200, &okta), Some((0, 30)));
        let jira = [date, ("x-ratelimit-remaining", "2"), ("x-ratelimit-reset", "2026-03-02T09:01Z")];
        assert_eq!(told(200, &jira), Some((2, 60)));
        assert_eq!(told(429, &[("retry-after", "9")]), Some((0, 9)));
        assert_eq!(told(429, &[("ratelimit-remaining", "5"), ("ratelimit-reset", "3")]), Some((0, 3)));
        assert_eq!(told(429, &[]), None);
        assert_eq!(told(200, &[("retry-after", "9")]), None);
        // Without the time that the server has, a moment says nothing.
        assert_eq!(told(200, &okta[1..]), None);
    }

    #[test]
    fn nobody_goes_before_their_turn() {
        let (pace, began) = (Pace::new(NonZeroU32::new(10), None), Instant::now());
        let mut now = began;
        for _ in 0..25 {
            while let Err(at) = pace.take(now) {
                now = at;
            }
        }
        assert_eq!(now - began, Duration::from_millis(2400));
    }

    #[tokio::test]
    async fn what_would_wait_long_is_not_sent() {
        let pace = Pace::default();
        pace.told(
            StatusCode::TOO_MANY_REQUESTS,
            &[(RETRY_AFTER, HeaderValue::from(7))].into_iter().collect(),
        );
        let throttled = pace.turn().await;
        assert!(
            matches!(throttled, Err(Fault::Throttled(Some(RetryAfter::In(span)))) if span.as_secs() >= 6)
        );
    }

    #[test]
    fn what_a_target_allows_is_used_up_and_no_more() {
        let (pace, began) = (Pace::default(), Instant::now());
        let told = |left: &'static str| {
            let headers = [("ratelimit-remaining", left), ("ratelimit-reset", "2")];
            let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            pace.told(StatusCode::OK, &headers.into_iter().collect());
        };
        assert_eq!(pace.take(began), Ok(()));
        told("3");
        for _ in 0..3 {
            assert_eq!(pace.take(began), Ok(()));
        }
        // An answer that was under way tells of what was left before.
        told("2");
        let again = pace.take(began).unwrap_err();
        assert!(again - began >= Duration::from_secs(2));
        assert_eq!(pace.take(again), Ok(()));
    }
}
