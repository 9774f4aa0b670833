//! An end that a target keeps by itself: the second lock, which shuts where we cannot reach the target any more. It never
//! shuts before our own, and so is one unit of the target's clock later.

use crate::account::Expiry;
use jiff::{SignedDuration, Timestamp};

/// What is written for an account that ends at `end` into a target that counts in `unit`s since 1970: the first moment it
/// can say that is not before the end, and one unit more.
pub(super) fn second_lock(end: Timestamp, unit: SignedDuration) -> Timestamp {
    let unit = unit.as_nanos().max(1);
    let units =
        end.as_nanosecond().div_euclid(unit) + i128::from(end.as_nanosecond().rem_euclid(unit) > 0) + 1;
    Timestamp::from_nanosecond(units * unit).unwrap_or(Timestamp::MAX)
}

/// What a target that holds `held` is said to keep: `wanted`, where that is what would have been written for it.
pub(super) fn seen(held: Option<Timestamp>, wanted: Option<Timestamp>, unit: SignedDuration) -> Expiry {
    match held {
        None => Expiry::Never,
        Some(held) => {
            let same = wanted.filter(|wanted| second_lock(*wanted, unit) == held);
            Expiry::At(same.unwrap_or(held))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_day_ends_on_the_day_after() {
        let day = SignedDuration::from_hours(24);
        let lock = |end: &str| second_lock(end.parse().unwrap(), day).to_string();
        assert_eq!(lock("2026-03-02T09:00:00Z"), "2026-03-04T00:00:00Z");
        assert_eq!(lock("2026-03-03T00:00:00Z"), "2026-03-04T00:00:00Z");
        assert_eq!(lock("1969-12-31T12:00:00Z"), "1970-01-02T00:00:00Z");
        assert_eq!(second_lock(Timestamp::MAX, day), Timestamp::MAX);
    }

    proptest! {
        #[test]
        fn the_second_lock_shuts_after_the_first_and_at_most_two_units(
            second in -1_000_000_000..4_000_000_000_i64, nanos in 0..1_000_000_000, unit in 1..100_000_i64,
        ) {
            let (end, unit) = (Timestamp::new(second, nanos).unwrap(), SignedDuration::from_secs(unit));
            let lock = second_lock(end, unit);
            let later = lock.duration_since(end);
            prop_assert!(later >= unit && later < unit * 2);
            prop_assert_eq!(seen(Some(lock), Some(end), unit), Expiry::At(end));
            prop_assert_eq!(seen(Some(lock), None, unit), Expiry::At(lock));
            prop_assert_eq!(seen(None, Some(end), unit), Expiry::Never);
        }
    }
}
