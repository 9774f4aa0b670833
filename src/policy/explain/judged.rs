//! One condition and one person.

use super::super::Origin;
use super::super::expression::Facts;
use super::super::rule::{Condition, Verdict};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// How often a costly condition is judged to measure it.
const ROUNDS: u32 = 64;

/// Where something is written. Line and column count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Spot {
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Whether something is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// It is.
    Holds,
    /// It is not.
    Fails,
    /// The provider did not say.
    Unknown {
        /// Why that is not known.
        why: String,
    },
    /// It cannot be worked out.
    Failed {
        /// Why not.
        why: String,
    },
}

/// A condition, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Judged {
    /// Such as `groups has any of wiki-guests`.
    pub condition: String,
    /// Whether it holds.
    #[serde(flatten)]
    pub answer: Answer,
    /// What the claims hold of what it looks at, in words.
    pub seen: String,
    /// The line, in the file of its rule.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// What judging it once takes, in nanoseconds; for those only that cost more than a look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns: Option<u64>,
}

impl From<&Origin> for Spot {
    fn from(origin: &Origin) -> Self {
        Self { file: origin.file.as_ref().to_owned(), line: origin.place.line, column: origin.place.column }
    }
}

impl From<Verdict<'_>> for Answer {
    fn from(verdict: Verdict<'_>) -> Self {
        match verdict {
            Verdict::Holds => Self::Holds,
            Verdict::Fails => Self::Fails,
            Verdict::Unknown(why) => Self::Unknown { why: why.to_owned() },
            Verdict::Failed(why) => Self::Failed { why },
        }
    }
}

/// Judges one condition, and measures by `watch` what that takes where it is costly.
pub(super) fn judged(
    condition: &Condition,
    facts: &Facts<'_>,
    watch: &mut dyn FnMut() -> Duration,
) -> Judged {
    // Whatever is made once for all conditions is made before the watch runs.
    let answer = condition.judge(facts).into();
    let ns = condition.matcher.is_costly().then(|| {
        let start = watch();
        (0..ROUNDS).for_each(|_| drop(std::hint::black_box(condition.judge(facts))));
        let took = watch().saturating_sub(start) / ROUNDS;
        took.as_nanos().try_into().unwrap_or(u64::MAX)
    });
    Judged {
        condition: condition.words.as_ref().to_owned(),
        answer,
        seen: condition.seen(facts.claims),
        line: condition.place.line,
        column: condition.place.column,
        ns,
    }
}
