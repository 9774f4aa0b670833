//! How many people another policy may take access from before somebody has to say that it is meant.

use crate::percent::Percent;
use crate::store::Holder;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;

/// How many names are told of those who would lose access.
const NAMES: usize = 10;

/// What may happen unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Guard {
    /// From how many of those who have access it may be taken.
    people: Percent,
    /// Fewer people than this are never too many.
    at_least: usize,
}

impl Default for Guard {
    fn default() -> Self {
        Self { people: Percent::new(10), at_least: 5 }
    }
}

/// What another policy would do to those who have access.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effect {
    /// How many people have access to anything.
    pub people: usize,
    /// Those who would lose access to something, as `subject@provider`.
    pub losing: BTreeSet<String>,
}

impl Effect {
    /// Counts one person who has access, and what they would lose.
    pub(super) fn count(&mut self, holder: &Holder, loses: bool) {
        self.people += 1;
        if let Some((identity, _)) = holder.identities.first().filter(|_| loses) {
            self.losing.insert(format!("{}@{}", identity.subject.sub, identity.provider));
        }
    }
}

impl fmt::Display for Effect {
    /// `takes access from 7 of 20 people: c-17@partners, ...`, as after "policy 5f0c1b2a9e47".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { people, losing } = self;
        let names: Vec<_> = losing.iter().take(NAMES).map(String::as_str).collect();
        write!(f, "takes access from {} of {people} people: {}", losing.len(), names.join(", "))?;
        match losing.len().saturating_sub(NAMES) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Guard {
    /// Whether nobody needs to say that `effect` is meant.
    pub fn lets_pass(&self, effect: &Effect) -> bool {
        let losing = effect.losing.len();
        losing < self.at_least.max(1) || self.people.holds(losing as u64, effect.people as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(losing: usize, people: usize) -> Effect {
        Effect { people, losing: (0..losing).map(|number| format!("p-{number:02}@staff")).collect() }
    }

    #[test]
    fn many_are_a_share_and_a_number() {
        let guard = |text: &str| serde_json::from_str::<Guard>(text);
        let usual = Guard::default();
        for (losing, people, passes) in [
            (0, 0, true),
            (4, 4, true),
            (5, 50, true),
            (5, 49, false),
            (100, 1_000, true),
            (101, 1_000, false),
        ] {
            assert_eq!(usual.lets_pass(&effect(losing, people)), passes, "{losing} of {people}");
        }
        let strict = guard(r#"{ "people": "0%", "at-least": 0 }"#).unwrap();
        assert!(strict.lets_pass(&effect(0, 9)) && !strict.lets_pass(&effect(1, 9)));
        let off = guard(r#"{ "people": "100%" }"#).unwrap();
        assert!(off.lets_pass(&effect(9, 9)));
        for wrong in [r#"{ "people": "101%" }"#, r#"{ "people": "10" }"#, r#"{ "share": "10%" }"#] {
            assert!(guard(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_says_who_and_how_many() {
        assert_eq!(effect(2, 9).to_string(), "takes access from 2 of 9 people: p-00@staff, p-01@staff");
        assert!(effect(12, 90).to_string().ends_with("p-09@staff and 2 more"));
    }
}
