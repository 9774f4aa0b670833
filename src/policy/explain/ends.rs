//! When what is granted now would end.

use crate::account::Terms;
use crate::span::in_words;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// An end that applies, and what says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PossibleEnd {
    /// When.
    pub at: Timestamp,
    /// A key of `for`, or the claim's name.
    pub because: String,
    /// The length of time that the policy says, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
}

/// All ends of terms that are granted for the first time at `at`, the earliest first; of equals, the one that is named
/// first here. None where access lasts as long as the provider confirms it.
pub(in crate::policy) fn ends(terms: &Terms, at: Timestamp) -> Vec<PossibleEnd> {
    let after = |because: &str, span: Option<SignedDuration>| {
        span.map(|span| PossibleEnd {
            at: at.checked_add(span).unwrap_or(Timestamp::MAX),
            because: because.to_owned(),
            span: Some(in_words(span)),
        })
    };
    let until = |(at, name): &(Timestamp, String)| PossibleEnd { at: *at, because: name.clone(), span: None };
    let ends = [
        after("ttl", terms.ttl),
        after("at-most", terms.at_most),
        after("idle", terms.idle),
        terms.until.as_ref().map(until),
    ];
    let mut ends: Vec<_> = ends.into_iter().flatten().collect();
    ends.sort_by_key(|end| end.at);
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_earliest_comes_first_and_is_named(
            ttl in prop::option::of(1..9_000_000_000_i64),
            idle in prop::option::of(1..9_000_000_000_i64),
            until in prop::option::of(-9_000_000_000..9_000_000_000_i64),
        ) {
            let terms = Terms {
                ttl: ttl.map(SignedDuration::from_secs),
                idle: idle.map(SignedDuration::from_secs),
                until: until.map(|at| (Timestamp::from_second(at).unwrap(), "contract_end".to_owned())),
                ..Terms::plain("guest".parse().unwrap(), "wiki".parse().unwrap())
            };
            let ends = ends(&terms, Timestamp::UNIX_EPOCH);
            let first = ends.first().map(|end| end.at.as_second());
            prop_assert_eq!(first, [ttl, idle, until].into_iter().flatten().min());
            let named = ends.first().map(|end| match end.because.as_str() {
                "ttl" => ttl,
                "idle" => idle,
                _ => until,
            });
            prop_assert_eq!(named.flatten(), first);
        }
    }
}
