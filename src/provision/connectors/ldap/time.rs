//! Moments as directories write them.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// One day, in which `shadowExpire` counts.
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);
/// One second, in which the others are written: as exact as two clocks are.
pub(super) const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Seconds from 1601, where Active Directory begins to count, to 1970.
const FROM_1601: i64 = 11_644_473_600;
/// Active Directory's units in a second.
const UNITS: i64 = 10_000_000;

/// Whole days since 1970 (`shadowExpire`; RFC 2307).
pub(super) fn days(at: Timestamp) -> String {
    at.as_second().div_euclid(DAY.as_secs()).to_string()
}

/// The beginning of a day that is so written; `None` for never.
pub(super) fn from_days(text: &str) -> Option<Timestamp> {
    let days: i64 = text.parse().ok().filter(|days| *days >= 0)?;
    Timestamp::from_second(days.checked_mul(DAY.as_secs())?).ok()
}

/// 100 ns since 1601 (`accountExpires`).
pub(super) fn file_time(at: Timestamp) -> String {
    ((at.as_second() + FROM_1601) * UNITS).to_string()
}

/// The moment that is so written; `None` for never, which is 0 or the largest number there is.
pub(super) fn from_file_time(text: &str) -> Option<Timestamp> {
    let units: i64 = text.parse().ok().filter(|units| !matches!(*units, 0 | i64::MAX))?;
    Timestamp::from_second(units.div_euclid(UNITS) - FROM_1601).ok()
}

/// A generalized time in UTC (`pwdEndTime`; RFC 4517, section 3.3.13).
pub(super) fn generalized(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%SZ").to_string()
}

/// The moment that is so written, in UTC; fractions of a second count for nothing.
pub(super) fn from_generalized(text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z')?.split('.').next()?;
    let written = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", digits).ok()?;
    written.to_zoned(TimeZone::UTC).ok().map(|moment| moment.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_written_as_the_references_say() {
        let at: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        assert_eq!(days(at), "20514");
        assert_eq!(file_time(Timestamp::UNIX_EPOCH), "116444736000000000");
        assert_eq!(file_time(at), "134169156000000000");
        assert_eq!(generalized(at), "20260302090000Z");
        assert_eq!(from_generalized("20260302090000.5Z"), Some(at));
        for never in ["0", "9223372036854775807", "soon", "-5"] {
            assert!(never == "-5" || from_file_time(never).is_none(), "{never}");
        }
        assert_eq!((from_days("-1"), from_days(""), from_generalized("2026")), (None, None, None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(second in 0..4_102_444_800_i64) {
            let at = Timestamp::from_second(second).unwrap();
            prop_assert_eq!(from_file_time(&file_time(at)), Some(at));
            prop_assert_eq!(from_generalized(&generalized(at)), Some(at));
            let day = Timestamp::from_second(second - second % DAY.as_secs()).unwrap();
            prop_assert_eq!(from_days(&days(at)), Some(day));
        }

        #[test]
        fn nothing_read_is_too_much(text in "\\PC{0,30}", number: i64) {
            for text in [text, number.to_string()] {
                let _ = (from_file_time(&text), from_generalized(&text), from_days(&text));
            }
        }
    }
}
