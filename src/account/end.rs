//! When access ends, and why then.

use crate::span::{in_words, spoken};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why an end is when it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// The time that policy gives ran out.
    Ttl(SignedDuration),
    /// The claim of this name said so.
    Claim(String),
    /// So long after the first grant it ends whatever happens.
    AtMost(SignedDuration),
    /// It was not used for so long.
    Idle(SignedDuration),
    /// The provider has not confirmed it for so long: nothing rests on old claims for ever.
    Lapse(SignedDuration),
    /// An operator set this end.
    Operator,
    /// Policy no longer gives the role.
    Policy,
}

/// A moment at which access ends or ended, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Half-open: at this moment it is over.
    pub at: Timestamp,
    /// Why then.
    pub because: Because,
}

impl Because {
    /// One word or two for a table: `ttl 30d`, `contract_end`, `operator`.
    pub fn short(&self) -> String {
        match self {
            Self::Ttl(ttl) => format!("ttl {}", in_words(*ttl)),
            Self::Claim(claim) => claim.clone(),
            Self::AtMost(span) => format!("at most {}", in_words(*span)),
            Self::Idle(idle) => format!("idle {}", in_words(*idle)),
            Self::Lapse(lapse) => format!("unconfirmed {}", in_words(*lapse)),
            Self::Operator => "operator".to_owned(),
            Self::Policy => "policy".to_owned(),
        }
    }

    /// A sentence for the person: why access ends, or ended.
    pub fn sentence(&self) -> String {
        match self {
            Self::Ttl(ttl) => format!("It was given for {}.", spoken(*ttl)),
            Self::Claim(claim) => {
                format!("It was given until the date that your organisation set ({claim}).")
            }
            Self::AtMost(span) => format!("It is given for {} at the most.", spoken(*span)),
            Self::Idle(idle) => format!("You had not used it for {}.", spoken(*idle)),
            Self::Lapse(lapse) => format!("You had not signed in for {}.", spoken(*lapse)),
            Self::Operator => "An operator set this end.".to_owned(),
            Self::Policy => "Your organisation no longer gives you this role.".to_owned(),
        }
    }

    /// Whether a sign-in that policy still grants opens access again. Time that ran out stays out: only an
    /// operator's extension starts it anew.
    pub(super) fn reopens(&self) -> bool {
        matches!(self, Self::Lapse(_) | Self::Idle(_) | Self::Policy)
    }

    /// Whether the person themselves puts this end off, by signing in or by going on as they do.
    pub fn is_put_off(&self) -> bool {
        matches!(self, Self::Lapse(_) | Self::Idle(_))
    }
}

impl End {
    /// So long after `start`. Ends fall on whole seconds, the earlier one: that is how tokens can say them (RFC 7519,
    /// `NumericDate`), and gate and app are to close together.
    pub(super) fn after(
        start: Timestamp,
        span: SignedDuration,
        because: impl FnOnce(SignedDuration) -> Because,
    ) -> Self {
        let at = start.checked_add(span).map_or(Timestamp::MAX, whole);
        Self { at, because: because(span) }
    }

    /// At `at`, on a whole second.
    pub(super) fn at(at: Timestamp, because: Because) -> Self {
        Self { at: whole(at), because }
    }
}

fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
