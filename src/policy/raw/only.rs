//! When, from where and how strongly signed in something holds, as it is written.

use super::super::moment::Zone;
use super::who::Several;
use crate::span::Span;
use ipnet::IpNet;
use jiff::civil::{self, Weekday};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When, from where and how strongly signed in. All that is written must hold, at every request.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("minProperties" = 1))]
pub(in crate::policy) struct Only {
    /// Days of the week.
    pub(in crate::policy) days: Option<Several<Day>>,
    /// Hours of the day, such as 08:00-18:00. What ends before it begins ends on the next day.
    pub(in crate::policy) hours: Option<Hours>,
    /// The time zone of days and hours, such as Europe/Berlin; UTC if none.
    pub(in crate::policy) zone: Option<Zone>,
    /// Networks that the request comes from, such as 10.0.0.0/8.
    #[schemars(with = "Option<Several<String>>")]
    pub(in crate::policy) networks: Option<Several<IpNet>>,
    /// How the person signed in: one of these values of `acr`.
    pub(in crate::policy) acr: Option<Several<String>>,
    /// How the person signed in: all of these values of `amr`.
    pub(in crate::policy) amr: Option<Several<String>>,
    /// How long ago the person signed in at the provider, at most.
    pub(in crate::policy) max_age: Option<Span>,
}

impl Only {
    /// Whether it asks for nothing.
    pub(in crate::policy) fn is_empty(&self) -> bool {
        let Self { days, hours, zone: _, networks, acr, amr, max_age } = self;
        days.is_none()
            && hours.is_none()
            && networks.is_none()
            && acr.is_none()
            && amr.is_none()
            && max_age.is_none()
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::policy) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<Day> for Weekday {
    fn from(day: Day) -> Self {
        match day {
            Day::Mon => Self::Monday,
            Day::Tue => Self::Tuesday,
            Day::Wed => Self::Wednesday,
            Day::Thu => Self::Thursday,
            Day::Fri => Self::Friday,
            Day::Sat => Self::Saturday,
            Day::Sun => Self::Sunday,
        }
    }
}

/// Hours of the day, `08:00-18:00`; the second is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$"))]
pub(in crate::policy) struct Hours {
    pub(in crate::policy) from: civil::Time,
    pub(in crate::policy) to: civil::Time,
}

impl TryFrom<String> for Hours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time =
            |text: &str| (text.len() == "08:00".len()).then(|| text.parse::<civil::Time>().ok()).flatten();
        // A day ends where the next begins.
        let end = |text: &str| if text == "24:00" { Some(civil::Time::midnight()) } else { time(text) };
        let hours =
            text.split_once('-').and_then(|(from, to)| Some(Self { from: time(from)?, to: end(to)? }));
        match hours {
            Some(hours) if hours.from == hours.to => {
                Err(format!("\"{text}\" is no time or the whole day: leave it out for the whole day"))
            }
            Some(hours) => Ok(hours),
            None => Err(format!("\"{text}\" is not a part of a day, write it like 08:00-18:00")),
        }
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        format!("{}-{}", hours.from.strftime("%H:%M"), hours.to.strftime("%H:%M"))
    }
}
