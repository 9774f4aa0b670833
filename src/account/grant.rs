//! A role in an app, until a moment.

use crate::names::{AppName, RoleName};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What policy gives for one role in one app, evaluated for one person at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The role.
    pub role: RoleName,
    /// The app that the role opens.
    pub app: AppName,
    /// Groups in the app's target.
    pub groups: BTreeSet<String>,
    /// Attributes of the account, by their name in the target's words, templates filled in.
    pub attributes: BTreeMap<String, String>,
    /// How long it lasts from when it was first granted; `None` as long as the provider confirms it.
    pub ttl: Option<SignedDuration>,
    /// The end that a claim gives, and the claim's name.
    pub until: Option<(Timestamp, String)>,
}

/// Why an end is when it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// The time that policy gives ran out.
    Ttl(SignedDuration),
    /// The claim of this name said so.
    Claim(String),
    /// The provider has not confirmed it for so long (`decisions.md`: nothing rests on old claims for ever).
    Lapse(SignedDuration),
    /// An operator set this end.
    Operator,
    /// Policy no longer gives the role.
    Policy,
}

impl Because {
    /// Why it ends, or ended, as a sentence for the person.
    pub fn words(&self) -> String {
        match self {
            Self::Ttl(span) => format!("It was given for {}.", length(*span)),
            Self::Claim(claim) => format!("Your sign-in service set that end (claim {claim})."),
            Self::Lapse(span) => {
                format!("Your sign-in service had not confirmed it for {}.", length(*span))
            }
            Self::Operator => "An operator set that end.".to_owned(),
            Self::Policy => "The rules that gave it no longer apply to you.".to_owned(),
        }
    }
}

/// A span in its largest whole unit: `30 days`, `90 minutes`.
fn length(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let whole = units.into_iter().find(|(unit, _)| seconds >= *unit && seconds % unit == 0);
    let (unit, name) = whole.unwrap_or((1, "second"));
    let count = seconds / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_largest_whole_unit() {
        let words = |seconds| Because::Ttl(SignedDuration::from_secs(seconds)).words();
        assert_eq!(words(30 * 86_400), "It was given for 30 days.");
        assert_eq!(words(5_400), "It was given for 90 minutes.");
        assert_eq!(words(1), "It was given for 1 second.");
    }
}
