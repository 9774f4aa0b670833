//! The examples that policy files carry, run as their tests.

use super::explain::ends;
use super::raw::When;
use super::{Decision, Found, Origin, Outcome, Policy};
use crate::account::Terms;
use crate::identity::{ClaimSet, GroupsSettings};
use crate::names::{AppName, ProviderName, RoleName};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
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
    pub(super) roles: BTreeSet<RoleName>,
    pub(super) apps: BTreeMap<AppName, ExpectAccess>,
}

/// What is said of one app; what is left out is not looked at.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectAccess {
    /// Exactly these groups of the account.
    groups: Option<BTreeSet<String>>,
    /// Exactly these roles of the target.
    roles: Option<BTreeSet<String>>,
    /// Exactly these attributes of the account.
    attributes: Option<BTreeMap<String, String>>,
    /// When access ends.
    #[schemars(with = "Option<String>")]
    ends: Option<Timestamp>,
    /// What ends it: `ttl`, `at-most`, `idle`, `until`, or the name of a claim.
    because: Option<String>,
}

/// How one example went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseOutcome {
    /// The file it stands in.
    pub file: String,
    /// The line it starts at.
    pub line: usize,
    /// What was expected and what was got, a line each; none where it passed.
    pub differences: Vec<String>,
    /// What had an effect in it: `role guest`, `deny leavers`, `separate duties`.
    #[serde(skip)]
    touched: BTreeSet<String>,
}

/// A rule that no example touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Untouched {
    /// The file it stands in.
    pub file: String,
    /// Its line.
    pub line: usize,
    /// Its kind and name: `role guest`, `deny leavers`, `separate duties`.
    pub rule: String,
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
                differences: case.expect.compare(self, &claims, &decision),
                touched: decision.found.iter().flat_map(touched).collect(),
            }
        };
        self.cases.iter().map(run).collect()
    }

    /// Why `role` is not granted, in words.
    fn why_not(&self, role: &RoleName, claims: &ClaimSet, decision: &Decision) -> String {
        let of_role = || decision.found.iter().filter(|found| found.role == *role);
        match of_role().find(|found| found.terms().is_none()).or(of_role().next()) {
            Some(Found { outcome: Outcome::Granted(_), .. }) => "it is over already".to_owned(),
            Some(found) => found.outcome.to_string(),
            None => self
                .roles
                .iter()
                .find(|known| known.name == *role)
                .map_or_else(|| "there is no such role".to_owned(), |known| known.why_no_match(claims)),
        }
    }

    /// The rules that none of `outcomes` touches, and how many rules there are.
    pub fn untouched(&self, outcomes: &[CaseOutcome]) -> (Vec<Untouched>, usize) {
        let roles = self.roles.iter().map(|role| (format!("role {}", role.name), &role.origin));
        let denials = self.denials.iter().map(|denial| (format!("deny {}", denial.name), &denial.origin));
        let separations =
            self.separations.iter().map(|rule| (format!("separate {}", rule.name), &rule.origin));
        let rules: Vec<_> = roles.chain(denials).chain(separations).collect();
        let all = rules.len();
        let is_touched = |rule: &String| outcomes.iter().any(|outcome| outcome.touched.contains(rule));
        let untouched = rules.into_iter().filter(|(rule, _)| !is_touched(rule));
        let told = untouched.map(|(rule, Origin { file, place })| Untouched {
            file: file.as_ref().to_owned(),
            line: place.line,
            rule,
        });
        (told.collect(), all)
    }
}

/// The rules that had an effect on `found`.
fn touched(found: &Found) -> Vec<String> {
    let role = format!("role {}", found.role);
    match &found.outcome {
        Outcome::Denied(rule) => vec![role, format!("deny {rule}")],
        Outcome::Separated { rule, .. } => vec![role, format!("separate {rule}")],
        _ => vec![role],
    }
}

impl Expect {
    fn compare(&self, policy: &Policy, claims: &ClaimSet, decision: &Decision) -> Vec<String> {
        let live: Vec<_> = decision.granted().filter(|terms| !is_over(terms, decision.at)).collect();
        let mut differences = Vec::new();
        let got: BTreeSet<_> = live.iter().map(|terms| terms.role.clone()).collect();
        if got != self.roles {
            differences.push(format!("roles: expected {}, got {}", list(&self.roles), list(&got)));
            differences.extend(
                self.roles
                    .difference(&got)
                    .map(|role| format!("role {role}: {}", policy.why_not(role, claims, decision))),
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
        let mut all =
            |what: &str, expected: &Option<BTreeSet<String>>, of: fn(&Terms) -> &BTreeSet<String>| {
                if let Some(expected) = expected {
                    let got: BTreeSet<_> = live.iter().flat_map(|terms| of(terms)).collect();
                    differ(what, list(expected), list(got));
                }
            };
        all("groups", &self.groups, |terms| &terms.groups);
        all("roles", &self.roles, |terms| &terms.roles);
        if let Some(attributes) = &self.attributes {
            let got: BTreeMap<_, _> = live.iter().flat_map(|terms| &terms.attributes).collect();
            differ("attributes", format!("{attributes:?}"), format!("{got:?}"));
        }
        // Access lasts as long as any role gives it; one without an end outlasts all others.
        let ends: Option<Vec<_>> = live.iter().map(|terms| end(terms, at)).collect();
        let last = ends.and_then(|ends| ends.into_iter().max_by_key(|(end, _)| *end));
        let (ends, because) = last
            .map_or_else(|| ("never".to_owned(), "nothing".to_owned()), |(end, why)| (end.to_string(), why));
        if let Some(expected) = &self.ends {
            differ("ends", expected.to_string(), ends);
        }
        if let Some(expected) = &self.because {
            differ("because", expected.clone(), because);
        }
    }
}

/// When terms granted first at `at` end, if they do, and what says so: a key of `for`, or the claim's name.
fn end(terms: &Terms, at: Timestamp) -> Option<(Timestamp, String)> {
    ends(terms, at).into_iter().next().map(|end| (end.at, end.because))
}

fn is_over(terms: &Terms, at: Timestamp) -> bool {
    end(terms, at).is_some_and(|(end, _)| end <= at)
}

fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

impl JsonSchema for Expect {
    fn schema_name() -> Cow<'static, str> {
        "Expect".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (roles, access) =
            (generator.subschema_for::<BTreeSet<RoleName>>(), generator.subschema_for::<ExpectAccess>());
        json_schema!({
            "description": "What should come of it: exactly these roles, and what is said of an app by its name.",
            "type": "object",
            "properties": { "roles": roles },
            "required": ["roles"],
            "additionalProperties": access,
        })
    }
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
