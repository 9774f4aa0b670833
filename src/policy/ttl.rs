//! How long something lasts: `30d`, `12h`, `1h30m`.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize, Serializer};
use std::str::FromStr;

/// A span above zero. A day is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Ttl(pub(super) SignedDuration);

const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl FromStr for Ttl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not a span like 30d, 12h, 1h30m or 5s");
        let mut seconds = 0_i64;
        let mut rest = text;
        for (unit, length) in UNITS {
            let Some((number, after)) = rest.split_once(unit) else { continue };
            // `+` and `-` would parse as well.
            if !number.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong());
            }
            let span =
                number.parse::<i64>().ok().and_then(|number| number.checked_mul(length)).ok_or_else(wrong)?;
            seconds = seconds.checked_add(span).ok_or_else(wrong)?;
            rest = after;
        }
        match seconds {
            _ if !rest.is_empty() || text.is_empty() => Err(wrong()),
            0 => Err(format!("\"{text}\" is no time at all")),
            seconds => Ok(Self(SignedDuration::from_secs(seconds))),
        }
    }
}

impl TryFrom<String> for Ttl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        for (text, seconds) in [("30d", 2_592_000), ("12h", 43_200), ("2m", 120), ("5s", 5), ("1h30m", 5_400)]
        {
            assert_eq!(text.parse::<Ttl>(), Ok(Ttl(SignedDuration::from_secs(seconds))));
        }
        for bad in
            ["", "0d", "0h0s", "-5s", "+5s", "5", "d", "30m1h", "1.5h", "5 s", "1h1h", "99999999999999999d"]
        {
            assert!(bad.parse::<Ttl>().is_err(), "{bad:?} passed for a span");
        }
    }
}
