//! The end that a claim gives.

use crate::identity::ClaimSet;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The path of a claim, written `claims.PATH`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct ClaimName(pub(super) String);

impl TryFrom<String> for ClaimName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix("claims.") {
            Some(path) if !path.is_empty() => Ok(Self(path.to_owned())),
            _ => Err(format!("\"{text}\" is not a claim, write claims.NAME")),
        }
    }
}

/// A time zone by its name, such as `Europe/Berlin`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Zone(TimeZone, String);

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

/// An end that a claim gives.
#[derive(Debug, Clone)]
pub(super) struct Until {
    pub(super) claim: String,
    /// The zone in which a date ends; UTC if none.
    pub(super) zone: Option<Zone>,
}

impl Until {
    /// The moment at which it is over, or why that cannot be said. The claim may hold a date (over at the end of
    /// that day), a date and time with its offset (RFC 3339), or seconds since 1970.
    pub(super) fn moment(&self, claims: &ClaimSet) -> Result<Timestamp, String> {
        let claim = &self.claim;
        let value = claims.get(claim).ok_or_else(|| format!("claim {claim} is absent"))?;
        let moment = match value {
            Value::String(text) => text.parse().ok().or_else(|| self.end_of_day(text)),
            Value::Number(seconds) => whole(seconds).and_then(|seconds| Timestamp::from_second(seconds).ok()),
            _ => None,
        };
        moment.ok_or_else(|| {
            format!("claim {claim} is not a date, a time with its offset, or seconds since 1970")
        })
    }

    fn end_of_day(&self, text: &str) -> Option<Timestamp> {
        // A date also parses out of a local time, whose meaning nobody knows.
        let date: Date = (text.len() == "2026-03-09".len()).then(|| text.parse().ok()).flatten()?;
        let zone = self.zone.as_ref().map_or(TimeZone::UTC, |zone| zone.0.clone());
        Some(date.tomorrow().ok()?.to_zoned(zone).ok()?.timestamp())
    }
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

    fn moment(value: Value, zone: Option<&str>) -> Result<String, String> {
        let claims = json!({ "end": value }).as_object().unwrap().clone();
        let claims = ClaimSet::new("staff".parse().unwrap(), claims, &GroupsSettings::default());
        let zone = zone.map(|name| Zone::try_from(name.to_owned()).unwrap());
        Until { claim: "end".to_owned(), zone }.moment(&claims).map(|moment| moment.to_string())
    }

    #[test]
    fn a_date_ends_with_its_day() {
        let ends = |value, zone| moment(value, zone).unwrap();
        assert_eq!(ends(json!("2026-03-09"), None), "2026-03-10T00:00:00Z");
        assert_eq!(ends(json!("2026-03-29"), Some("Europe/Berlin")), "2026-03-29T22:00:00Z");
        assert_eq!(ends(json!("2026-03-09T10:00:00+01:00"), Some("Europe/Berlin")), "2026-03-09T09:00:00Z");
        assert_eq!(ends(json!(1_772_442_000), None), "2026-03-02T09:00:00Z");
        assert_eq!(ends(json!(1_772_442_000.9), None), "2026-03-02T09:00:00Z");
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
            json!(""),
        ];
        for value in values {
            assert!(moment(value.clone(), None).is_err(), "{value}");
        }
        assert_eq!(moment(Value::Null, None), Err("claim end is absent".to_owned()));
        assert!(moment(json!("9999-12-31"), None).is_err());
        assert!(Zone::try_from("Europe/Berln".to_owned()).is_err());
    }
}
