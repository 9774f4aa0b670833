//! The second lock: when a target is to close an account by itself, as nobody may be there to tell it.

use jiff::{SignedDuration, Timestamp};

/// `deadline` in units of `unit`, rounded up, and one of them more: whatever the target makes of it, it is never before
/// access ends.
pub(super) fn after(deadline: Timestamp, unit: SignedDuration) -> Timestamp {
    let nanos = unit.as_nanos().max(1);
    let up = (deadline.as_nanosecond() + nanos - 1).div_euclid(nanos) * nanos + nanos;
    Timestamp::from_nanosecond(up).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_later_than_the_deadline_and_by_no_more_than_two_units() {
        let day = SignedDuration::from_hours(24);
        for (deadline, lock) in [
            ("2026-03-02T09:00:00Z", "2026-03-04T00:00:00Z"),
            ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"),
            ("1969-12-31T09:00:00Z", "1970-01-02T00:00:00Z"),
        ] {
            assert_eq!(after(deadline.parse().unwrap(), day).to_string(), lock);
        }
        let second = "2026-03-02T09:00:00.000001Z".parse().unwrap();
        assert_eq!(after(second, SignedDuration::from_secs(1)).to_string(), "2026-03-02T09:00:02Z");
    }
}
