//! Lengths of time as people write them: `30d`, `12h`, `1h30m`, `5s`. A day is 24 hours.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// A length of time, in whole seconds, longer than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^([0-9]+[dhms])+$"))]
pub struct Span(i64);

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a length of time: write it like 30d, 12h, 1h30m or 5s")]
pub struct NotASpan(String);

impl Span {
    /// So many hours; at least a second, whatever is asked for.
    pub const fn hours(hours: u32) -> Self {
        Self(if hours == 0 { 1 } else { hours as i64 * 3_600 })
    }

    /// So many seconds; at least one, whatever is asked for.
    pub const fn seconds(seconds: u32) -> Self {
        Self(if seconds == 0 { 1 } else { seconds as i64 })
    }

    /// How long that is.
    pub const fn length(self) -> SignedDuration {
        SignedDuration::from_secs(self.0)
    }
}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let bad = || NotASpan(text.to_owned());
        let (mut total, mut rest, mut units) = (0_i64, text, &UNITS[..]);
        while !rest.is_empty() {
            let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(bad)?;
            let number: i64 = rest[..digits].parse().map_err(|_| bad())?;
            let letter = rest[digits..].chars().next().ok_or_else(bad)?;
            // From the largest unit to the smallest, each at most once, as people say it.
            let at = units.iter().position(|(unit, _)| *unit == letter).ok_or_else(bad)?;
            total =
                number.checked_mul(units[at].1).and_then(|part| total.checked_add(part)).ok_or_else(bad)?;
            units = &units[at + 1..];
            rest = &rest[digits + letter.len_utf8()..];
        }
        if total > 0 { Ok(Self(total)) } else { Err(bad()) }
    }
}

impl TryFrom<String> for Span {
    type Error = NotASpan;

    fn try_from(text: String) -> Result<Self, NotASpan> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

/// As short as it can be said without loss; what is less than a second is left out.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_words(self.length()))
    }
}

/// A length of time as it would be written in a policy: `30d`, `1h30m`.
pub fn in_words(length: SignedDuration) -> String {
    let mut rest = length.as_secs().max(0);
    let mut words = String::new();
    for (unit, seconds) in &UNITS {
        if rest >= *seconds {
            words += &format!("{}{unit}", rest / seconds);
            rest %= seconds;
        }
    }
    if words.is_empty() { "0s".to_owned() } else { words }
}

/// The same as it is said to a person: `30 days`, `1 hour 30 minutes`.
pub fn spoken(length: SignedDuration) -> String {
    let mut rest = length.as_secs().max(0);
    let mut words = Vec::new();
    for (name, (_, seconds)) in ["day", "hour", "minute", "second"].into_iter().zip(&UNITS) {
        match rest / seconds {
            0 => {}
            1 => words.push(format!("1 {name}")),
            many => words.push(format!("{many} {name}s")),
        }
        rest %= seconds;
    }
    if words.is_empty() { "no time".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_are_written_as_people_say_them() {
        for (text, seconds) in
            [("30d", 2_592_000), ("12h", 43_200), ("1h30m", 5_400), ("5s", 5), ("15d", 1_296_000)]
        {
            assert_eq!(text.parse::<Span>().map(|span| span.length().as_secs()), Ok(seconds), "{text}");
        }
        for bad in [
            "",
            "30",
            "d",
            "-1d",
            "0s",
            "1m1h",
            "1h1h",
            "1.5h",
            "1 d",
            "99999999999999999999d",
            "9999999999999999d",
            "1ä",
        ] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?} passed for a length of time");
        }
    }

    #[test]
    fn spans_are_said_in_words() {
        let said = |text: &str| spoken(text.parse::<Span>().unwrap().length());
        assert_eq!(said("30d"), "30 days");
        assert_eq!(said("1h30m"), "1 hour 30 minutes");
        assert_eq!(said("1s"), "1 second");
    }

    proptest! {
        #[test]
        fn what_is_said_is_read_again(seconds in 1_i64..1_000_000_000) {
            prop_assert_eq!(Span(seconds).to_string().parse(), Ok(Span(seconds)));
        }
    }
}
