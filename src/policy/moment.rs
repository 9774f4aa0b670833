//! The moments at which something begins or ends: written down, or said by a claim.

use super::raw::ClaimName;
use crate::identity::ClaimSet;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A time zone by its name, such as `Europe/Berlin`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub(super) struct Zone(TimeZone, String);

impl Zone {
    /// Its name.
    pub(super) fn as_str(&self) -> &str {
        &self.1
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let zone = TimeZone::get(&name).map_err(|_| format!("\"{name}\" is not a time zone known here"))?;
        Ok(Self(zone, name))
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.1
    }
}

/// A moment: a date, a date and time with its offset, or a claim that holds one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub(super) enum Moment {
    /// What the claim at this path says.
    Claim(String),
    /// A day: its beginning, or its end.
    Day(Date),
    /// This very moment.
    At(Timestamp),
}

/// Which end of a day is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Begins,
    Ends,
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with("claims.") {
            return ClaimName::try_from(text).map(|name| Self::Claim(name.0));
        }
        let written = text.parse().ok().map(Self::At).or_else(|| day(&text).map(Self::Day));
        written.ok_or_else(|| format!("\"{text}\" is not a moment, write claims.NAME, a date like 2026-03-09, or a time like 2026-03-09T17:00Z"))
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        match moment {
            Moment::Claim(path) => format!("claims.{path}"),
            Moment::Day(day) => day.to_string(),
            Moment::At(at) => at.to_string(),
        }
    }
}

impl Moment {
    /// When that is for somebody with these claims, or why nobody can say. A claim may hold a date, a date and time
    /// with its offset (RFC 3339), or seconds since 1970. A date begins and ends in `zone`; in UTC without one.
    pub(super) fn of(&self, claims: &ClaimSet, zone: Option<&Zone>, edge: Edge) -> Result<Timestamp, String> {
        let in_zone = |day: Date| edge_of(day, zone, edge);
        match self {
            Self::At(at) => Ok(*at),
            Self::Day(day) => in_zone(*day).ok_or_else(|| format!("{day} is beyond all calendars")),
            Self::Claim(path) => {
                let moment = match claims.get(path).ok_or_else(|| format!("claim {path} is absent"))? {
                    Value::String(text) => text.parse().ok().or_else(|| day(text).and_then(in_zone)),
                    Value::Number(seconds) => {
                        whole(seconds).and_then(|seconds| Timestamp::from_second(seconds).ok())
                    }
                    _ => None,
                };
                moment.ok_or_else(|| {
                    format!("claim {path} is not a date, a time with its offset, or seconds since 1970")
                })
            }
        }
    }

    /// What an end that it gives is called: the claim's name, or `until`.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Claim(path) => path,
            Self::Day(_) | Self::At(_) => "until",
        }
    }
}

/// A date, and nothing but one: a date also parses out of a local time, whose meaning nobody knows.
fn day(text: &str) -> Option<Date> {
    (text.len() == "2026-03-09".len()).then(|| text.parse().ok()).flatten()
}

fn edge_of(day: Date, zone: Option<&Zone>, edge: Edge) -> Option<Timestamp> {
    let zone = zone.map_or(TimeZone::UTC, |zone| zone.0.clone());
    let day = match edge {
        Edge::Begins => day,
        Edge::Ends => day.tomorrow().ok()?,
    };
    Some(day.to_zoned(zone).ok()?.timestamp())
}

/// The seconds that a number says; parts of one are cut, so that an end comes no later than said.
fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let seconds = number.as_f64()?.floor();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float beyond i64 is cut to its ends, which no calendar holds"
        )]
        let seconds = seconds as i64;
        Some(seconds)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::GroupsSettings;
    use serde_json::json;

    fn moment(value: Value, zone: Option<&str>, edge: Edge) -> Result<String, String> {
        let claims = json!({ "end": value }).as_object().unwrap().clone();
        let claims = ClaimSet::new("staff".parse().unwrap(), claims, &GroupsSettings::default());
        let zone = zone.map(|name| Zone::try_from(name.to_owned()).unwrap());
        let written = Moment::Claim("end".to_owned());
        written.of(&claims, zone.as_ref(), edge).map(|moment| moment.to_string())
    }

    #[test]
    fn a_date_begins_and_ends_with_its_day() {
        let ends = |value, zone| moment(value, zone, Edge::Ends).unwrap();
        assert_eq!(ends(json!("2026-03-09"), None), "2026-03-10T00:00:00Z");
        assert_eq!(ends(json!("2026-03-29"), Some("Europe/Berlin")), "2026-03-29T22:00:00Z");
        assert_eq!(ends(json!("2026-03-09T10:00:00+01:00"), Some("Europe/Berlin")), "2026-03-09T09:00:00Z");
        assert_eq!(ends(json!(1_772_442_000), None), "2026-03-02T09:00:00Z");
        assert_eq!(ends(json!(1_772_442_000.9), None), "2026-03-02T09:00:00Z");
        let begins = moment(json!("2026-03-09"), Some("Europe/Berlin"), Edge::Begins);
        assert_eq!(begins.unwrap(), "2026-03-08T23:00:00Z");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        let values = [
            json!("soon"),
            json!("2026-03-09T10:00"),
            json!("20260309"),
            json!(true),
            json!([]),
            json!(1e300),
            json!(null),
        ];
        for value in values {
            assert!(moment(value.clone(), None, Edge::Ends).is_err(), "{value}");
        }
        for written in ["contract_end", "claims.", "2026-3-9", "2026-03-09T10:00"] {
            assert!(Moment::try_from(written.to_owned()).is_err(), "{written}");
        }
        for written in ["claims.contract_end", "2026-03-09", "2026-03-09T10:00:00Z"] {
            assert_eq!(String::from(Moment::try_from(written.to_owned()).unwrap()), written);
        }
    }
}
