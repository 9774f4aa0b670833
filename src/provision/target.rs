//! A target as a whole: its connector, how it is to be treated, and how it is doing.

use super::connector::{Abilities, Connector};
use super::converge::Record;
use super::link::Link;
use super::pace::Limits;
use crate::clock::from_micros;
use crate::names::TargetName;
use crate::percent::Percent;
use crate::span::Span;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};

/// The targets by name.
pub type Targets = BTreeMap<TargetName, Arc<Target>>;

/// How a target is to be treated, whatever it speaks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Treatment {
    /// Which accounts that were there before us are people's.
    pub link: Link,
    /// How much may be taken from how many without an operator's word.
    pub guard: Guard,
    /// How many accounts are worked on at a time.
    pub parallel: Parallel,
    /// How fast it may be asked.
    pub pace: Limits,
    /// Groups and roles by which one may do much: who has them loses them first.
    pub privileged: BTreeSet<String>,
    /// What a seat costs, as the licence report says it: a number and a currency, such as `12.50 EUR`.
    pub seat: Option<Seat>,
}

/// From how many people a target's accounts may be taken, or part of what they may do, before an operator confirms it.
/// What a written end takes is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Guard {
    /// Within how long.
    within: Span,
    /// A share of the target's accounts.
    share: Percent,
    /// Fewer accounts than this are never too many.
    at_least: u64,
}

/// From how few accounts on all of them at once are not too many.
const HANDFUL: u64 = 10;

impl Default for Guard {
    fn default() -> Self {
        Self { within: Span::hours(1), share: Percent::new(10), at_least: 50 }
    }
}

impl Guard {
    /// Since when it counts.
    pub fn since(&self, now: Timestamp) -> Timestamp {
        now.checked_sub(self.within.length()).unwrap_or(Timestamp::MIN)
    }

    /// Whether `taken` are so few that nobody needs to ask how many there are.
    pub(super) fn is_few(&self, taken: u64) -> bool {
        taken < self.at_least.clamp(1, HANDFUL)
    }

    /// Whether so much may be taken from `of` accounts.
    pub(super) fn lets_pass(&self, taken: u64, of: u64) -> bool {
        let all = taken >= of && of >= HANDFUL;
        let many = taken > self.at_least && !self.share.holds(taken, of);
        !many && !all
    }
}

/// A number of accounts, from 1 to 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u64")]
#[schemars(with = "u64", extend("minimum" = 1, "maximum" = 64))]
pub struct Parallel(pub(super) usize);

impl Default for Parallel {
    fn default() -> Self {
        Self(8)
    }
}

impl TryFrom<u64> for Parallel {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        let number = usize::try_from(number).ok().filter(|number| (1..=64).contains(number));
        number.map(Self).ok_or_else(|| "a number from 1 to 64 is wanted".to_owned())
    }
}

/// What a seat costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Seat {
    /// In hundredths.
    pub hundredths: u64,
    /// The currency, as it is written.
    pub currency: String,
}

impl TryFrom<String> for Seat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parse = || {
            let (amount, currency) = text.trim().split_once(' ')?;
            let (whole, part) = amount.split_once('.').unwrap_or((amount, "00"));
            let part = (part.len() == 2).then(|| part.parse::<u64>().ok()).flatten()?;
            let whole = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(100))?;
            Some(Self { hundredths: whole + part, currency: currency.trim().to_owned() })
        };
        parse().ok_or_else(|| format!("\"{text}\" is no price: write it like 12.50 EUR"))
    }
}

impl From<Seat> for String {
    fn from(seat: Seat) -> Self {
        let Seat { hundredths, currency } = seat;
        format!("{}.{:02} {currency}", hundredths / 100, hundredths % 100)
    }
}

/// A target: what speaks to it, how it is treated, and how it is doing.
pub struct Target {
    /// What speaks to it.
    pub connector: Arc<dyn Connector>,
    /// How it is treated.
    pub treatment: Treatment,
    /// Until when it is left alone, in microseconds since 1970.
    paused_until: AtomicI64,
    /// Failures in a row, over all accounts, of the kind that a target has as a whole.
    failures: AtomicU32,
    held: AtomicBool,
    /// How often work on an account came to what, in the order of [`OUTCOMES`].
    outcomes: [AtomicU64; OUTCOMES.len()],
}

/// What work on an account comes to: nothing is left to do; a step was taken, and there may be more; it failed and is tried
/// again; an operator is needed.
const OUTCOMES: [&str; 4] = ["settled", "stepped", "failed", "stuck"];

/// How a target is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Until when it is left alone: it asked for that, or has failed too often.
    pub paused_until: Option<Timestamp>,
    /// Failures in a row, over all accounts.
    pub failures: u32,
    /// Whether its guard keeps things from being taken until an operator confirms it.
    pub held: bool,
}

/// So many failures in a row, over all accounts, and a target is asked by one account at a time, until one succeeds.
const BROKEN: u32 = 8;

impl Target {
    /// A target that `connector` speaks to.
    pub fn new(connector: Arc<dyn Connector>, treatment: Treatment) -> Self {
        Self {
            connector,
            treatment,
            paused_until: AtomicI64::new(i64::MIN),
            failures: AtomicU32::new(0),
            held: AtomicBool::new(false),
            outcomes: Default::default(),
        }
    }

    /// What the target can be asked.
    pub fn abilities(&self) -> Abilities {
        self.connector.abilities()
    }

    /// How it is doing at `now`.
    pub fn condition(&self, now: Timestamp) -> Condition {
        Condition {
            paused_until: Some(self.paused_until()).filter(|until| *until > now),
            failures: self.failures.load(Ordering::Acquire),
            held: self.held.load(Ordering::Acquire),
        }
    }

    /// How often work on an account came to what, since its settings are what they are.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        OUTCOMES.into_iter().zip(&self.outcomes).map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }

    /// Notes what work on an account came to.
    pub(super) fn note(&self, record: &Record<'_>) {
        let outcome = match record {
            Record::Looked(look) if look.settled => 0,
            Record::Looked(_) => 1,
            Record::Failed(failure) if !failure.stuck => 2,
            Record::Failed(_) => 3,
            Record::Released => return,
        };
        self.outcomes[outcome].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn paused_until(&self) -> Timestamp {
        from_micros(self.paused_until.load(Ordering::Acquire))
    }

    /// Whether a call may begin at `now`.
    pub(super) fn may_be_asked(&self, now: Timestamp) -> bool {
        now >= self.paused_until()
    }

    pub(super) fn pause(&self, until: Timestamp) {
        self.paused_until.fetch_max(until.as_microsecond(), Ordering::AcqRel);
    }

    /// Notes how work on one account went. Returns how many failed in a row.
    pub(super) fn went(&self, well: bool) -> u32 {
        if well {
            self.failures.store(0, Ordering::Release);
            return 0;
        }
        self.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1)
    }

    /// How many accounts may be worked on at a time now.
    pub(super) fn room(&self) -> usize {
        if self.failures.load(Ordering::Acquire) >= BROKEN { 1 } else { self.treatment.parallel.0 }
    }

    /// Says whether the guard holds it. Returns whether that is news.
    pub(super) fn hold(&self, held: bool) -> bool {
        self.held.swap(held, Ordering::AcqRel) != held
    }
}

/// Whether so many failures in a row mean that the target is broken, rather than an account.
pub(super) fn is_broken(failures: u32) -> bool {
    failures >= BROKEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_a_share_and_a_number_and_never_all() {
        let usual = Guard::default();
        for (taken, of, passes) in [
            (0, 0, true),
            (3, 3, true),
            (10, 10, false),
            (50, 60, true),
            (50, 50, false),
            (51, 400, false),
            (51, 510, true),
            (2_001, 20_000, false),
        ] {
            assert_eq!(usual.lets_pass(taken, of), passes, "{taken} of {of}");
            assert!(!usual.is_few(taken) || passes, "{taken} of {of}");
        }
        let off: Guard = serde_json::from_str(r#"{ "share": "100%", "at-least": 1000 }"#).unwrap();
        assert!(off.lets_pass(9, 9) && off.lets_pass(900, 901));
    }

    #[test]
    fn a_price_is_read_as_it_is_written() {
        let seat = |text: &str| Seat::try_from(text.to_owned());
        assert_eq!(String::from(seat("12.50 EUR").unwrap()), "12.50 EUR");
        assert_eq!(seat("7 USD").unwrap().hundredths, 700);
        for wrong in ["12,50 EUR", "12.5 EUR", "EUR", "-1 EUR", "12.50"] {
            assert!(seat(wrong).is_err(), "{wrong}");
        }
    }
}
