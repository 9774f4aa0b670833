//! The examples that policy files carry, run as their tests.

use super::raw::When;
use super::{Decision, Outcome, Policy};
use crate::account::Terms;
use crate::identity::{ClaimSet, GroupsSettings};
use crate::names::{AppName, ProviderName, RoleName};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One example.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) when: When,
    pub(super) expect: Expect,
}

/// What should come of it: exactly these roles, and what is said of an app.
#[derive(Debug)]
pub(super) struct Expect {
    roles: BTreeSet<RoleName>,
    pub(super) apps: BTreeMap<AppName, ExpectAccess>,
}

/// What is said of one app; what is left out is not looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectAccess {
    groups: Option<BTreeSet<String>>,
    attributes: Option<BTreeMap<String, String>>,
    ends: Option<Timestamp>,
    because: Option<String>,
}

/// How one example went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseOutcome {
    /// The file it stands in.
    pub file: String,
    /// The line it starts at.
    pub line: usize,
    /// What was expected and what was got, a line each; none where it passed.
    pub differences: Vec<String>,
}

impl fmt::Display for CaseOutcome {
    /// Where it stands and what differs, each on a line of its own; nothing where it passed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.passed() {
            return Ok(());
        }
        writeln!(f, "FAIL {}:{}", self.file, self.line)?;
        self.differences.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

impl CaseOutcome {
    /// Whether it went as expected.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

impl Policy {
    /// Runs all examples, as first sign-ins. `at` is the moment of those that name none; `groups` says how
    /// providers tell groups, where not in the usual way.
    pub fn run_cases(
        &self,
        at: Timestamp,
        groups: &BTreeMap<ProviderName, GroupsSettings>,
    ) -> Vec<CaseOutcome> {
        let usual = GroupsSettings::default();
        let run = |case: &Case| {
            let When { at: own, provider, claims } = &case.when;
            let claims =
                ClaimSet::new(provider.clone(), claims.clone(), groups.get(provider).unwrap_or(&usual));
            let decision = self.evaluate(&claims, own.unwrap_or(at));
            CaseOutcome {
                file: case.file.clone(),
                line: case.line,
                differences: case.expect.compare(&decision),
            }
        };
        self.cases.iter().map(run).collect()
    }
}

impl Expect {
    fn compare(&self, decision: &Decision) -> Vec<String> {
        let live: Vec<_> = decision.granted().filter(|terms| !is_over(terms, decision.at)).collect();
        let mut differences = Vec::new();
        let got: BTreeSet<_> = live.iter().map(|terms| terms.role.clone()).collect();
        if got != self.roles {
            differences.push(format!("roles: expected {}, got {}", list(&self.roles), list(&got)));
            differences.extend(
                self.roles.difference(&got).map(|role| format!("role {role}: {}", why_not(role, decision))),
            );
        }
        for (app, expected) in &self.apps {
            let live: Vec<_> = live.iter().copied().filter(|terms| terms.app == *app).collect();
            if live.is_empty() {
                differences.push(format!("{app}: expected access, got none"));
            } else {
                expected.compare(app, &live, decision.at, &mut differences);
            }
        }
        differences
    }
}

impl ExpectAccess {
    /// `live`: what is granted for the app, at least one.
    fn compare(&self, app: &AppName, live: &[&Terms], at: Timestamp, differences: &mut Vec<String>) {
        let mut differ = |what: &str, expected: String, got: String| {
            if expected != got {
                differences.push(format!("{app}: {what}: expected {expected}, got {got}"));
            }
        };
        if let Some(groups) = &self.groups {
            differ(
                "groups",
                list(groups),
                list(live.iter().flat_map(|terms| &terms.groups).collect::<BTreeSet<_>>()),
            );
        }
        if let Some(attributes) = &self.attributes {
            let got: BTreeMap<_, _> = live.iter().flat_map(|terms| &terms.attributes).collect();
            differ("attributes", format!("{attributes:?}"), format!("{got:?}"));
        }
        // Access lasts as long as any role gives it; one without an end outlasts all others.
        let ends: Option<Vec<_>> = live.iter().map(|terms| end(terms, at)).collect();
        let last = ends.and_then(|ends| ends.into_iter().max_by_key(|(end, _)| *end));
        let (ends, because) =
            last.map_or(("never".to_owned(), "nothing"), |(end, why)| (end.to_string(), why));
        if let Some(expected) = &self.ends {
            differ("ends", expected.to_string(), ends);
        }
        if let Some(expected) = &self.because {
            differ("because", expected.clone(), because.to_owned());
        }
    }
}

/// When terms granted first at `at` end, if they do, and what says so: `ttl` or the claim's name.
fn end(terms: &Terms, at: Timestamp) -> Option<(Timestamp, &str)> {
    let ttl = terms.ttl.map(|ttl| (at.checked_add(ttl).unwrap_or(Timestamp::MAX), "ttl"));
    let until = terms.until.as_ref().map(|(until, claim)| (*until, claim.as_str()));
    ttl.into_iter().chain(until).min_by_key(|(end, _)| *end)
}

fn is_over(terms: &Terms, at: Timestamp) -> bool {
    end(terms, at).is_some_and(|(end, _)| end <= at)
}

fn why_not(role: &RoleName, decision: &Decision) -> String {
    let outcome = decision.roles.iter().find(|(name, _)| name == role).map(|(_, outcome)| outcome);
    match outcome {
        Some(Outcome::NoMatch(condition)) => format!("it is not so that {condition}"),
        Some(Outcome::Unknown(why)) => format!("not known: {why}"),
        Some(Outcome::Failed(why)) => why.clone(),
        Some(Outcome::Granted(terms)) => match (terms.first(), decision.conflicts.first()) {
            (Some(_), _) | (None, None) => "it is over already".to_owned(),
            (None, Some(conflict)) => conflict.to_string(),
        },
        None => "there is no such role".to_owned(),
    }
}

fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

// By hand, since serde's `flatten` forgets where in the file it is.
impl<'de> Deserialize<'de> for Expect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Expect;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of roles and apps")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expect, A::Error> {
                let (mut roles, mut apps) = (None, BTreeMap::new());
                while let Some(key) = map.next_key::<String>()? {
                    if key == "roles" {
                        roles = Some(map.next_value()?);
                    } else {
                        let access = map.next_value()?;
                        apps.insert(key.parse().map_err(A::Error::custom)?, access);
                    }
                }
                Ok(Expect { roles: roles.ok_or_else(|| A::Error::missing_field("roles"))?, apps })
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_earliest_end_wins_and_is_named(
            ttl in prop::option::of(1..9_000_000_000_i64),
            until in prop::option::of(-9_000_000_000..9_000_000_000_i64),
        ) {
            let (role, app) = ("guest".parse().unwrap(), "wiki".parse().unwrap());
            let terms = Terms {
                ttl: ttl.map(SignedDuration::from_secs),
                until: until.map(|at| (Timestamp::from_second(at).unwrap(), "contract_end".to_owned())),
                ..Terms::plain(role, app)
            };
            let end = end(&terms, Timestamp::UNIX_EPOCH).map(|(end, why)| (end.as_second(), why));
            prop_assert_eq!(end.map(|(end, _)| end), [ttl, until].into_iter().flatten().min());
            let ttl_first = ttl.is_some_and(|ttl| until.is_none_or(|until| ttl <= until));
            prop_assert_eq!(end.map(|(_, why)| why == "ttl"), end.map(|_| ttl_first));
        }
    }
}
