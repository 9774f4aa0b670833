//! What must hold at each request for a role to open anything: when, from where, how strongly signed in. Judged by
//! what is known at that moment; what is not known denies.

use super::hours::{self, Hours, Zone};
use super::strength::Strength;
use ipnet::IpNet;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How often the hours of several limits are laid over one another to find when all of them are open.
const ROUNDS: usize = 64;

/// What is asked of one request. An empty limit asks nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// On these days; on any if there are none.
    #[serde(with = "hours::days", skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Weekday>,
    /// From the first to before the second. They may cross midnight (22:00 to 06:00); then the day is the one on
    /// which they began. From and to the same hour is a whole day from then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<(Time, Time)>,
    /// Where days and hours are told; UTC if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// From one of these networks; from anywhere if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<IpNet>,
    /// With one of these classes of authentication; with any if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acr: Vec<String>,
    /// With all of these methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// No longer ago than this since the person proved who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<SignedDuration>,
}

/// What a request is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// When it came.
    pub now: Timestamp,
    /// Who sent it.
    pub address: IpAddr,
    /// How its person has signed in.
    pub strength: &'a Strength,
}

/// What does not hold. In the order of how much a person can do about it, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// It is not one of the days, or not within the hours.
    OutsideHours {
        /// When it is again, if ever.
        next: Option<Timestamp>,
    },
    /// The address is in none of the networks.
    Network,
    /// The sign-in is not of one of the classes.
    Acr,
    /// The sign-in lacks one of the methods.
    Amr,
    /// The sign-in is too long ago, or nobody knows how long.
    TooLongAgo,
}

impl Limits {
    /// Whether it asks how somebody has signed in.
    pub fn asks_strength(&self) -> bool {
        !self.acr.is_empty() || !self.amr.is_empty() || self.max_age.is_some()
    }

    /// How long this answer holds: the earliest moment at which time alone changes it, [`Timestamp::MAX`] if never.
    ///
    /// # Errors
    /// What does not hold; of several, what a person can do the least about, so that nobody is sent to sign in for
    /// nothing.
    pub fn judge(&self, circumstances: &Circumstances<'_>) -> Result<Timestamp, Limit> {
        let Circumstances { now, address, strength } = circumstances;
        let mut until = Timestamp::MAX;
        if let Some(hours) = self.open_hours() {
            let closed = |next| Limit::OutsideHours { next };
            let hours = hours.ok_or(closed(None))?;
            if !hours.is_open(*now) {
                return Err(closed(hours.opens(*now)));
            }
            until = hours.changes_after(*now);
        }
        // An IPv4 client on a socket for both is an IPv4 client.
        let address = address.to_canonical();
        if !self.networks.is_empty() && !self.networks.iter().any(|network| network.contains(&address)) {
            return Err(Limit::Network);
        }
        if !self.acr.is_empty() && !strength.acr.as_ref().is_some_and(|acr| self.acr.contains(acr)) {
            return Err(Limit::Acr);
        }
        if !self.amr.iter().all(|method| strength.amr.contains(method)) {
            return Err(Limit::Amr);
        }
        if let Some(max_age) = self.max_age {
            let auth_time = strength.auth_time.ok_or(Limit::TooLongAgo)?;
            let end = auth_time.checked_add(max_age).unwrap_or(Timestamp::MAX);
            if *now >= end {
                return Err(Limit::TooLongAgo);
            }
            until = until.min(end);
        }
        Ok(until)
    }

    /// The hours, if it has any; `Some(None)` where nobody knows when they are.
    fn open_hours(&self) -> Option<Option<Hours<'_>>> {
        if self.days.is_empty() && self.hours.is_none() {
            return None;
        }
        static UTC: TimeZone = TimeZone::UTC;
        let zone = self.zone.as_ref().map_or(Some(&UTC), Zone::zone);
        Some(zone.map(|zone| Hours { days: &self.days, of_day: self.hours, zone }))
    }
}

/// The same for several limits, all of which must hold. [`Limit::OutsideHours`] names when all their hours are open.
///
/// # Errors
/// As [`Limits::judge`].
pub fn judge_all(limits: &[Limits], circumstances: &Circumstances<'_>) -> Result<Timestamp, Limit> {
    let mut until = Timestamp::MAX;
    let mut worst: Option<Limit> = None;
    for judged in limits.iter().map(|limits| limits.judge(circumstances)) {
        match judged {
            Ok(end) => until = until.min(end),
            Err(limit) => worst = Some(worst.map_or(limit, |worst| worst.min(limit))),
        }
    }
    match worst {
        None => Ok(until),
        Some(Limit::OutsideHours { .. }) => {
            Err(Limit::OutsideHours { next: all_open(limits, circumstances.now) })
        }
        Some(limit) => Err(limit),
    }
}

/// The first moment from `at` on at which the hours of all of them are open.
fn all_open(limits: &[Limits], at: Timestamp) -> Option<Timestamp> {
    let mut then = at;
    for _ in 0..ROUNDS {
        let before = then;
        for hours in limits.iter().filter_map(Limits::open_hours) {
            then = hours?.opens(then)?;
        }
        if then == before {
            return Some(then);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn limits(json: serde_json::Value) -> Limits {
        serde_json::from_value(json).unwrap()
    }

    fn judged(limits: &Limits, now: &str, address: &str, strength: &Strength) -> Result<Timestamp, Limit> {
        limits.judge(&Circumstances { now: at(now), address: address.parse().unwrap(), strength })
    }

    fn strength() -> Strength {
        Strength {
            acr: Some("silver".to_owned()),
            amr: vec!["pwd".to_owned(), "otp".to_owned()],
            auth_time: Some(at("2026-03-02T08:00:00Z")),
        }
    }

    const MONDAY: &str = "2026-03-02T09:00:00Z";

    #[test]
    fn each_is_asked_and_named() {
        let none = Strength::default();
        let judge = |json: Value, strength: &Strength| judged(&limits(json), MONDAY, "10.1.2.3", strength);
        use serde_json::{Value, json};
        assert_eq!(judge(json!({}), &none), Ok(Timestamp::MAX));
        assert_eq!(
            judge(json!({ "hours": ["08:00:00", "18:00:00"] }), &none),
            Ok(at("2026-03-02T18:00:00Z"))
        );
        let next = Some(at("2026-03-03T00:00:00Z"));
        assert_eq!(judge(json!({ "days": ["tue", "wed"] }), &none), Err(Limit::OutsideHours { next }));
        let nowhere = json!({ "days": ["mon"], "zone": "Mars/Base" });
        assert_eq!(judge(nowhere, &none), Err(Limit::OutsideHours { next: None }));
        assert_eq!(judge(json!({ "networks": ["10.0.0.0/8", "fd00::/8"] }), &none), Ok(Timestamp::MAX));
        assert_eq!(judge(json!({ "networks": ["10.2.0.0/16"] }), &none), Err(Limit::Network));
        assert_eq!(judge(json!({ "acr": ["gold", "silver"] }), &strength()), Ok(Timestamp::MAX));
        assert_eq!(judge(json!({ "acr": ["gold"] }), &strength()), Err(Limit::Acr));
        assert_eq!(judge(json!({ "amr": ["otp", "pwd"] }), &strength()), Ok(Timestamp::MAX));
        assert_eq!(judge(json!({ "amr": ["otp", "hwk"] }), &strength()), Err(Limit::Amr));
        let age = |seconds: i64| json!({ "max_age": SignedDuration::from_secs(seconds) });
        assert_eq!(judge(age(3601), &strength()), Ok(at("2026-03-02T09:00:01Z")));
        assert_eq!(judge(age(3600), &strength()), Err(Limit::TooLongAgo));
        for unknown in [json!({ "acr": ["gold"] }), json!({ "amr": ["otp"] }), age(1_000_000)] {
            assert!(judge(unknown, &none).is_err());
        }
    }

    #[test]
    fn an_ipv4_client_is_one_however_it_is_written() {
        let office = limits(serde_json::json!({ "networks": ["192.0.2.0/24"] }));
        let from = |address| judged(&office, MONDAY, address, &Strength::default()).is_ok();
        assert!(from("192.0.2.7") && from("::ffff:192.0.2.7"));
        assert!(!from("::ffff:192.0.3.7") && !from("2001:db8::c000:207"));
    }

    #[test]
    fn of_several_that_which_helps_the_least_is_named_with_the_hours_of_all() {
        let many = [
            limits(serde_json::json!({ "acr": ["gold"], "days": ["mon", "tue", "wed"] })),
            limits(serde_json::json!({ "hours": ["18:00:00", "06:00:00"] })),
            limits(serde_json::json!({ "days": ["wed"], "networks": ["10.0.0.0/8"] })),
        ];
        let judge = |now: &str| {
            let strength = Strength::default();
            judge_all(&many, &Circumstances { now: at(now), address: HERE, strength: &strength })
        };
        let next = Some(at("2026-03-04T18:00:00Z"));
        assert_eq!(
            judge("2026-03-02T20:00:00Z"),
            Err(Limit::OutsideHours { next: Some(at("2026-03-04T00:00:00Z")) })
        );
        assert_eq!(judge("2026-03-04T07:00:00Z"), Err(Limit::OutsideHours { next }));
        assert_eq!(judge("2026-03-04T19:00:00Z"), Err(Limit::Acr));
        let never =
            [limits(serde_json::json!({ "days": ["mon"] })), limits(serde_json::json!({ "days": ["tue"] }))];
        let strength = Strength::default();
        let circumstances = Circumstances { now: at(MONDAY), address: HERE, strength: &strength };
        assert_eq!(judge_all(&never, &circumstances), Err(Limit::OutsideHours { next: None }));
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let all = serde_json::json!({
            "days": ["mon", "sun"], "hours": ["22:00:00", "06:30:00"], "zone": "Europe/Berlin",
            "networks": ["10.0.0.0/8"], "acr": ["gold"], "amr": ["otp"], "max_age": "PT1H",
        });
        let read = limits(all.clone());
        assert_eq!(serde_json::to_value(&read).unwrap(), all);
        assert_eq!(serde_json::to_string(&Limits::default()).unwrap(), "{}");
    }

    proptest! {
        /// Asking more never opens more, nor for longer; and until the moment that is named the answer stays.
        #[test]
        fn another_limit_never_opens_anything(
            first in (0_i8..24, 0_i8..24, 0_i64..100_000),
            second in (0_i8..24, 0_i8..24, 0_i64..100_000),
            (now, later) in (1_760_000_000_i64..1_800_000_000, 0_i64..90_000),
        ) {
            let of = |(from, to, age)| Limits {
                hours: Some((Time::constant(from, 0, 0, 0), Time::constant(to, 0, 0, 0))),
                zone: Some("Europe/Berlin".parse().unwrap()),
                max_age: Some(SignedDuration::from_secs(age)),
                ..Limits::default()
            };
            let both = [of(first), of(second)];
            let strength = Strength { auth_time: Timestamp::from_second(now - 30_000).ok(), ..Strength::default() };
            let when = |second| Timestamp::from_second(second).unwrap();
            let judge = |limits: &[Limits], second| {
                judge_all(limits, &Circumstances { now: when(second), address: HERE, strength: &strength })
            };
            if let Ok(until) = judge(&both, now) {
                prop_assert!(judge(&both[..1], now).is_ok_and(|one| until <= one));
                prop_assert!(until > when(now));
                let again = judge(&both, now + later);
                prop_assert_eq!(again.is_ok_and(|again| again == until), when(now + later) < until);
            }
        }
    }
}
