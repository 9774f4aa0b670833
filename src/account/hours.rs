//! Days and hours as a clock on the wall shows them. Where that clock is put forward or back, what it shows counts:
//! nothing is ever open while it shows an hour outside.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Days around a moment in which most changes lie.
const NEAR: RangeInclusive<i64> = -1..=2;

/// Days around a moment in which every change lies: two weeks, since a zone may leave a day out.
const FAR: RangeInclusive<i64> = -1..=15;

/// A time zone by its IANA name, such as `Europe/Berlin`. One that was known once and is not known here is no mistake
/// in a store: nothing is open in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: Option<TimeZone>,
}

/// A name of no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a time zone known here")]
pub struct NotAZone(String);

impl Zone {
    /// The zone, if this machine knows it.
    pub(super) fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }
}

impl FromStr for Zone {
    type Err = NotAZone;

    fn from_str(name: &str) -> Result<Self, NotAZone> {
        let zone = Self::from(name.to_owned());
        if zone.zone.is_some() { Ok(zone) } else { Err(NotAZone(zone.name)) }
    }
}

impl From<String> for Zone {
    fn from(name: String) -> Self {
        let zone = TimeZone::get(&name).ok();
        Self { name, zone }
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// When something is open.
pub(super) struct Hours<'a> {
    /// On these days; on any if there are none.
    pub(super) days: &'a [Weekday],
    /// From the first to before the second; the day is the one on which that began. All day if there are none.
    pub(super) of_day: Option<(Time, Time)>,
    /// Where the clock hangs.
    pub(super) zone: &'a TimeZone,
}

impl Hours<'_> {
    pub(super) fn is_open(&self, at: Timestamp) -> bool {
        let shown = self.zone.to_datetime(at);
        let (date, time) = (shown.date(), shown.time());
        match self.of_day {
            None => self.is_on(date),
            Some((from, to)) if from < to => from <= time && time < to && self.is_on(date),
            Some((from, to)) => {
                (from <= time && self.is_on(date))
                    || (time < to && date.yesterday().is_ok_and(|date| self.is_on(date)))
            }
        }
    }

    /// The first moment after `at` at which it opens or closes; the end of time if it never does.
    pub(super) fn changes_after(&self, at: Timestamp) -> Timestamp {
        let is_open = self.is_open(at);
        let first = |days| self.boundaries(at, days).into_iter().find(|then| self.is_open(*then) != is_open);
        // What lies further than a day ahead might come after a boundary that was not looked at.
        let near = first(NEAR).filter(|then| *then <= at.checked_add(24.hours()).unwrap_or(Timestamp::MAX));
        near.or_else(|| first(FAR)).unwrap_or(Timestamp::MAX)
    }

    /// The first moment from `at` on at which it is open.
    pub(super) fn opens(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) {
            return Some(at);
        }
        Some(self.changes_after(at)).filter(|then| *then < Timestamp::MAX)
    }

    fn is_on(&self, date: Date) -> bool {
        self.days.is_empty() || self.days.contains(&date.weekday())
    }

    /// Every moment after `at`, within these days around it, at which something may change, in order: where the
    /// clock shows the first or the last hour, and where it is put forward or back.
    fn boundaries(&self, at: Timestamp, days: RangeInclusive<i64>) -> Vec<Timestamp> {
        let today = self.zone.to_datetime(at).date();
        let (from, to) = self.of_day.unwrap_or((Time::midnight(), Time::midnight()));
        let mut boundaries = Vec::new();
        for day in days {
            let Ok(date) = today.checked_add(day.days()) else { continue };
            for time in [from, to] {
                let shown = date.to_datetime(time);
                let offsets = match self.zone.to_ambiguous_timestamp(shown).offset() {
                    AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
                    AmbiguousOffset::Fold { before, after } => [Some(before), Some(after)],
                    // It is never shown; the clock passes over it where it is put forward.
                    AmbiguousOffset::Gap { .. } => [None, None],
                };
                let moments =
                    offsets.into_iter().flatten().filter_map(|offset| offset.to_timestamp(shown).ok());
                boundaries.extend(moments);
            }
        }
        let last = boundaries.iter().max().copied().unwrap_or(at);
        let put = self.zone.following(at).map(|transition| transition.timestamp());
        boundaries.extend(put.take_while(|then| *then <= last));
        boundaries.retain(|then| at < *then);
        boundaries.sort_unstable();
        boundaries
    }
}

/// Weekdays in JSON: `["mon", "sat"]`.
pub(super) mod days {
    use jiff::civil::Weekday;
    use serde::de::{Deserializer, Error};
    use serde::{Deserialize, Serializer};

    const NAMES: [(&str, Weekday); 7] = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];

    pub(in super::super) fn serialize<S: Serializer>(days: &[Weekday], to: S) -> Result<S::Ok, S::Error> {
        let named = |day: &Weekday| NAMES.iter().find(|(_, known)| known == day).map(|(name, _)| *name);
        to.collect_seq(days.iter().filter_map(named))
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Weekday>, D::Error> {
        let named = |name: String| {
            let known = NAMES.iter().find(|(known, _)| *known == name);
            known.map(|(_, day)| *day).ok_or_else(|| D::Error::custom(format!("\"{name}\" is not a day")))
        };
        Vec::<String>::deserialize(from)?.into_iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ZONES: [&str; 7] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        // Half an hour of summer time, midnight summer time, and a day that was left out.
        "Australia/Lord_Howe",
        "Africa/Cairo",
        "Pacific/Apia",
        // Put back at a minute past midnight, so that the date goes back, too.
        "America/St_Johns",
    ];

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn berlin(days: &[Weekday], hours: Option<(&str, &str)>, check: impl Fn(&Hours<'_>)) {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let of_day = hours.map(|(from, to)| (from.parse().unwrap(), to.parse().unwrap()));
        check(&Hours { days, of_day, zone: &zone });
    }

    const WEEK: [Weekday; 5] =
        [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

    #[test]
    fn an_office_is_open_from_its_first_hour_to_before_its_last() {
        berlin(&WEEK, Some(("08:00", "18:00")), |office| {
            // A Monday in winter: an hour ahead of UTC.
            assert!(!office.is_open(at("2026-03-02T06:59:59.999Z")));
            assert_eq!(office.opens(at("2026-03-02T06:00:00Z")), Some(at("2026-03-02T07:00:00Z")));
            assert!(office.is_open(at("2026-03-02T07:00:00Z")));
            assert_eq!(office.changes_after(at("2026-03-02T07:00:00Z")), at("2026-03-02T17:00:00Z"));
            assert!(!office.is_open(at("2026-03-02T17:00:00Z")));
            // Over the weekend on which summer time begins.
            assert_eq!(office.changes_after(at("2026-03-27T17:00:00Z")), at("2026-03-30T06:00:00Z"));
        });
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_began() {
        berlin(&[Weekday::Friday], Some(("22:00", "06:00")), |night| {
            assert!(!night.is_open(at("2026-03-06T04:00:00Z")), "the end of Thursday's");
            assert!(night.is_open(at("2026-03-06T21:00:00Z")) && night.is_open(at("2026-03-07T04:59:59Z")));
            assert_eq!(night.changes_after(at("2026-03-06T21:00:00Z")), at("2026-03-07T05:00:00Z"));
            assert_eq!(night.opens(at("2026-03-07T05:00:00Z")), Some(at("2026-03-13T21:00:00Z")));
        });
    }

    #[test]
    fn an_hour_that_comes_twice_is_open_twice_and_one_that_never_comes_is_not() {
        berlin(&[], Some(("01:00", "02:30")), |hours| {
            let (closes, again, last) =
                (at("2026-10-25T00:30:00Z"), at("2026-10-25T01:00:00Z"), at("2026-10-25T01:30:00Z"));
            assert_eq!(hours.changes_after(at("2026-10-25T00:00:00Z")), closes);
            assert_eq!((hours.changes_after(closes), hours.changes_after(again)), (again, last));
            // 02:00 to 03:00 is left out: it is over when the clock is put forward.
            assert_eq!(hours.changes_after(at("2026-03-29T00:30:00Z")), at("2026-03-29T01:00:00Z"));
        });
        berlin(&[], Some(("02:10", "02:50")), |hours| {
            assert_eq!(hours.opens(at("2026-03-28T12:00:00Z")), Some(at("2026-03-30T00:10:00Z")));
        });
    }

    #[test]
    fn what_is_always_open_never_changes() {
        let all = [Weekday::Saturday, Weekday::Sunday];
        let all: Vec<_> = WEEK.into_iter().chain(all).collect();
        for hours in [None, Some(("09:00", "09:00"))] {
            berlin(&all, hours, |always| {
                assert!(always.is_open(at("2026-10-25T00:30:00Z")));
                assert_eq!(always.changes_after(at("2026-10-25T00:30:00Z")), Timestamp::MAX);
            });
        }
    }

    #[test]
    fn a_zone_that_is_not_known_is_kept_and_told() {
        assert!("Europe/Berlin".parse::<Zone>().is_ok());
        assert_eq!(
            "Mars/Base".parse::<Zone>().unwrap_err().to_string(),
            "\"Mars/Base\" is not a time zone known here"
        );
        let kept: Zone = serde_json::from_str("\"Mars/Base\"").unwrap();
        assert!(kept.zone().is_none());
        assert_eq!(serde_json::to_string(&kept).unwrap(), "\"Mars/Base\"");
    }

    fn day(number: i8) -> Weekday {
        Weekday::from_monday_zero_offset(number).unwrap()
    }

    proptest! {
        /// Nothing changes before the moment that is named, and at that moment it does: probed at each quarter of an
        /// hour, and right before and at each time the clock is put forward or back.
        #[test]
        fn the_moment_of_the_next_change_is_exact(
            zone in prop::sample::select(&ZONES[..]),
            days in prop::collection::vec((0_i8..7).prop_map(day), 0..4),
            hours in prop::option::of((0_i8..24, 0_i8..4, 0_i8..24, 0_i8..4)),
            // 2005 to 2031: zones change their minds.
            start in 1_104_537_600_i64..1_924_991_999,
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let of_day = hours.map(|(from, quarter, to, other)| {
                (Time::constant(from, quarter * 15, 0, 0), Time::constant(to, other * 15, 0, 0))
            });
            let hours = Hours { days: &days, of_day, zone: &zone };
            let start = Timestamp::from_second(start).unwrap();
            let (open, then) = (hours.is_open(start), hours.changes_after(start));
            prop_assert!(then > start);
            if then < Timestamp::MAX {
                prop_assert_ne!(hours.is_open(then), open);
                prop_assert_eq!(hours.is_open(then - 1.nanosecond()), open);
            }
            let last = then.min(start + (24 * 20).hours());
            let mut probe = Timestamp::from_second(start.as_second() / 900 * 900 + 900).unwrap();
            while probe < last {
                prop_assert_eq!(hours.is_open(probe), open, "{} before {}", probe, then);
                probe += 15.minutes();
            }
            for put in zone.following(start).map(|put| put.timestamp()).take_while(|put| *put < last) {
                prop_assert_eq!(hours.is_open(put), open);
            }
        }

        /// Whoever looks later is told the same moment, until it comes.
        #[test]
        fn waiting_does_not_move_it(start in 1_104_537_600_i64..1_924_991_999, wait in 0_i64..200_000) {
            let zone = TimeZone::get("America/St_Johns").unwrap();
            let of_day = Some((Time::constant(22, 30, 0, 0), Time::constant(0, 15, 0, 0)));
            let hours = Hours { days: &[Weekday::Saturday, Weekday::Sunday], of_day, zone: &zone };
            let start = Timestamp::from_second(start).unwrap();
            let (then, later) = (hours.changes_after(start), start + wait.seconds());
            prop_assert!(later >= then || hours.changes_after(later) == then);
        }
    }
}
