//! The matchers. Three-valued: what is not known is neither true nor false, and what cannot be worked out is told.

use super::expression::{Expression, Facts};
use super::raw::{Glob, Matcher as Written, OneOf, Pattern, Tests, Who};
use crate::document::{Document, Place, Segment};
use crate::identity::{ClaimSet, Groups};
use crate::names::ProviderName;
use serde_json::{Number, Value};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Conditions of which all have to hold, cheap ones first.
#[derive(Debug, Default)]
pub(super) struct Clause(pub(super) Vec<Condition>);

/// Something that has to be true of a person, and how one says it.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) matcher: Matcher,
    /// Such as `groups has any of wiki-guests`.
    pub(super) words: Arc<str>,
    /// Where it is written.
    pub(super) place: Place,
}

#[derive(Debug)]
pub(super) enum Matcher {
    Provider(BTreeSet<ProviderName>),
    AnyGroup(BTreeSet<String>),
    AllGroups(BTreeSet<String>),
    GroupPrefix(BTreeSet<String>),
    GroupGlob(BTreeSet<Glob>),
    EmailDomain(BTreeSet<String>),
    Claim { path: String, test: Test },
    When(Expression),
}

/// What a claim has to be.
#[derive(Debug)]
pub(super) enum Test {
    OneOf(Vec<Value>),
    Has(Vec<Value>),
    Prefix(BTreeSet<String>),
    Glob(BTreeSet<Glob>),
    Regex(Pattern),
    AtLeast(Number),
    AtMost(Number),
    Present,
}

/// Whether something holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    Holds,
    Fails,
    /// The provider did not say; why.
    Unknown(&'a str),
    /// It cannot be worked out; why.
    Failed(String),
}

impl Clause {
    /// Whether all of it holds. What is false stays false, whatever else is not known.
    pub(super) fn judge<'a>(&self, facts: &Facts<'a>) -> Verdict<'a> {
        let mut open = Verdict::Holds;
        for condition in &self.0 {
            match condition.judge(facts) {
                Verdict::Holds => {}
                Verdict::Fails => return Verdict::Fails,
                // That a rule is broken weighs more than that something is not known.
                failed @ Verdict::Failed(_) => open = failed,
                unknown @ Verdict::Unknown(_) if open == Verdict::Holds => open = unknown,
                Verdict::Unknown(_) => {}
            }
        }
        open
    }
}

impl Condition {
    /// Whether it holds.
    pub(super) fn judge<'a>(&self, facts: &Facts<'a>) -> Verdict<'a> {
        let claims = facts.claims;
        let groups = match claims.groups() {
            Groups::Unknown(why) if self.matcher.is_of_groups() => return Verdict::Unknown(why),
            Groups::Unknown(_) => None,
            Groups::Known(groups) => Some(groups),
        };
        let some_group =
            |fits: &dyn Fn(&String) -> bool| groups.is_some_and(|groups| groups.iter().any(fits));
        let holds = match &self.matcher {
            Matcher::Provider(providers) => providers.contains(claims.provider()),
            Matcher::AnyGroup(any) => groups.is_some_and(|groups| !any.is_disjoint(groups)),
            Matcher::AllGroups(all) => groups.is_some_and(|groups| all.is_subset(groups)),
            Matcher::GroupPrefix(prefixes) => some_group(&|group| starts_with_one(group, prefixes)),
            Matcher::GroupGlob(globs) => some_group(&|group| globs.iter().any(|glob| glob.matches(group))),
            Matcher::EmailDomain(domains) => {
                email_domain(claims).is_some_and(|domain| domains.contains(&domain))
            }
            Matcher::Claim { path, test } => claims.get(path).is_some_and(|value| test.holds(value)),
            Matcher::When(expression) => return expression.judge(facts),
        };
        if holds { Verdict::Holds } else { Verdict::Fails }
    }

    /// What `claims` hold of what it looks at, in words.
    pub(super) fn seen(&self, claims: &ClaimSet) -> String {
        let value = |path: &str| {
            claims.get(path).map_or_else(|| format!("{path} is absent"), |value| format!("{path} is {value}"))
        };
        match &self.matcher {
            Matcher::Provider(_) => format!("provider is {}", claims.provider()),
            matcher if matcher.is_of_groups() => match claims.groups() {
                Groups::Known(groups) if groups.is_empty() => "no groups".to_owned(),
                Groups::Known(groups) => {
                    // A person may be in hundreds: those that matter come first.
                    let (fit, other): (Vec<_>, Vec<_>) =
                        groups.iter().partition(|group| matcher.names(group));
                    format!("groups are {}", listed(fit.into_iter().chain(other)))
                }
                Groups::Unknown(why) => why.clone(),
            },
            Matcher::EmailDomain(_) => match claims.verified_email() {
                Some(email) => format!("verified e-mail is {email}"),
                None => "no verified e-mail".to_owned(),
            },
            Matcher::Claim { path, .. } => value(path),
            Matcher::When(expression) => {
                let claims: Vec<_> = expression.claims().iter().map(|path| value(path)).collect();
                claims.join(", ")
            }
            _ => String::new(),
        }
    }
}

impl Matcher {
    /// Whether it is about groups and nothing else.
    fn is_of_groups(&self) -> bool {
        matches!(self, Self::AnyGroup(_) | Self::AllGroups(_) | Self::GroupPrefix(_) | Self::GroupGlob(_))
    }

    /// Whether it asks for this group.
    fn names(&self, group: &str) -> bool {
        match self {
            Self::AnyGroup(groups) | Self::AllGroups(groups) => groups.contains(group),
            Self::GroupPrefix(prefixes) => starts_with_one(group, prefixes),
            Self::GroupGlob(globs) => globs.iter().any(|glob| glob.matches(group)),
            _ => false,
        }
    }

    /// Whether looking is not all: an expression or a pattern has to be worked out.
    pub(super) fn is_costly(&self) -> bool {
        self.cost() >= 3
    }

    /// The cheapest first: whatever follows one that fails is not looked at.
    fn cost(&self) -> u8 {
        match self {
            Self::Provider(_) => 0,
            Self::AnyGroup(_) | Self::AllGroups(_) => 1,
            Self::Claim { test: Test::Glob(_) | Test::Regex(_), .. } | Self::GroupGlob(_) => 3,
            Self::Claim { .. } | Self::EmailDomain(_) | Self::GroupPrefix(_) => 2,
            Self::When(_) => 4,
        }
    }
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        let text = |fits: &dyn Fn(&str) -> bool| value.as_str().is_some_and(fits);
        let number = |fits: &dyn Fn(f64, f64) -> bool, bound: &Number| {
            value.as_f64().zip(bound.as_f64()).is_some_and(|(value, bound)| fits(value, bound))
        };
        match self {
            Self::OneOf(values) => values.iter().any(|one| same(one, value)),
            Self::Has(values) => value
                .as_array()
                .is_some_and(|list| list.iter().any(|item| values.iter().any(|one| same(one, item)))),
            Self::Prefix(prefixes) => text(&|text| starts_with_one(text, prefixes)),
            Self::Glob(globs) => text(&|text| globs.iter().any(|glob| glob.matches(text))),
            Self::Regex(pattern) => text(&|text| pattern.matches(text)),
            Self::AtLeast(bound) => number(&|value, bound| value >= bound, bound),
            Self::AtMost(bound) => number(&|value, bound| value <= bound, bound),
            // What is null is absent.
            Self::Present => true,
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(providers) => write!(f, "provider is {}", one_of(providers)),
            Self::AnyGroup(groups) => write!(f, "groups has any of {}", listed(groups)),
            Self::AllGroups(groups) => write!(f, "groups has all of {}", listed(groups)),
            Self::GroupPrefix(prefixes) => write!(f, "a group begins with {}", one_of(prefixes)),
            Self::GroupGlob(globs) => write!(f, "a group is like {}", one_of(globs.iter().map(Glob::as_str))),
            Self::EmailDomain(domains) => write!(f, "verified e-mail is at {}", one_of(domains)),
            Self::Claim { path, test } => write!(f, "claims.{path} {test}"),
            Self::When(expression) => f.write_str(expression.as_str()),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneOf(values) if values.len() > 1 => write!(f, "is one of {}", listed(values)),
            Self::OneOf(values) => write!(f, "is {}", listed(values)),
            Self::Has(values) => write!(f, "has {}", one_of(values)),
            Self::Prefix(prefixes) => write!(f, "begins with {}", one_of(prefixes)),
            Self::Glob(globs) => write!(f, "is like {}", one_of(globs.iter().map(Glob::as_str))),
            Self::Regex(pattern) => write!(f, "matches {}", pattern.as_str()),
            Self::AtLeast(bound) => write!(f, "is at least {bound}"),
            Self::AtMost(bound) => write!(f, "is at most {bound}"),
            Self::Present => f.write_str("is present"),
        }
    }
}

impl Who {
    /// All that has to be true. `at` is where it is written in `document`.
    pub(super) fn clause(&self, document: &Document, at: &[Segment<'_>]) -> Clause {
        let mut conditions = Vec::new();
        let mut add = |rest: &[&str], matcher: Matcher| {
            let path: Vec<_> = at.iter().copied().chain(rest.iter().map(|&key| Segment::Key(key))).collect();
            let words = matcher.to_string().into();
            conditions.push(Condition { matcher, words, place: document.at_key(&path) });
        };
        let Self { provider, groups, claims, email_domain, when } = self;
        if let Some(provider) = provider {
            add(&["provider"], Matcher::Provider(provider.0.clone()));
        }
        if let Some(groups) = groups {
            let super::raw::Groups { any, all, prefix, glob } = groups;
            if let Some(any) = any {
                add(&["groups", "any"], Matcher::AnyGroup(any.0.clone()));
            }
            if let Some(all) = all {
                add(&["groups", "all"], Matcher::AllGroups(all.0.clone()));
            }
            if let Some(prefix) = prefix {
                add(&["groups", "prefix"], Matcher::GroupPrefix(prefix.0.clone()));
            }
            if let Some(glob) = glob {
                add(&["groups", "glob"], Matcher::GroupGlob(glob.0.clone()));
            }
        }
        for (path, written) in claims {
            for (key, test) in tests(written) {
                let matcher = Matcher::Claim { path: path.clone(), test };
                match key {
                    Some(key) => add(&["claims", path, key], matcher),
                    None => add(&["claims", path], matcher),
                }
            }
        }
        if let Some(domains) = email_domain {
            let domains = domains.0.iter().map(|domain| domain.0.clone()).collect();
            add(&["email-domain"], Matcher::EmailDomain(domains));
        }
        if let Some(expression) = when {
            add(&["when"], Matcher::When(expression.clone()));
        }
        conditions.sort_by_key(|condition| condition.matcher.cost());
        Clause(conditions)
    }
}

/// The tests of a claim, with the key under which each is written.
fn tests(written: &Written) -> Vec<(Option<&'static str>, Test)> {
    let tests = match written {
        Written::OneOf(OneOf(values)) => return vec![(None, Test::OneOf(values.clone()))],
        Written::Tests(tests) => tests,
    };
    let Tests { has, prefix, glob, regex, min, max, present } = &**tests;
    [
        ("has", has.as_ref().map(|values| Test::Has(values.0.clone()))),
        ("prefix", prefix.as_ref().map(|prefixes| Test::Prefix(prefixes.0.clone()))),
        ("glob", glob.as_ref().map(|globs| Test::Glob(globs.0.clone()))),
        ("regex", regex.clone().map(Test::Regex)),
        ("min", min.clone().map(Test::AtLeast)),
        ("max", max.clone().map(Test::AtMost)),
        ("present", present.as_ref().map(|_| Test::Present)),
    ]
    .into_iter()
    .filter_map(|(key, test)| Some((Some(key), test?)))
    .collect()
}

fn starts_with_one(text: &str, prefixes: &BTreeSet<String>) -> bool {
    prefixes.iter().any(|prefix| text.starts_with(prefix.as_str()))
}

/// The domain of the verified e-mail address, in lower case.
fn email_domain(claims: &ClaimSet) -> Option<String> {
    let (_, domain) = claims.verified_email()?.rsplit_once('@')?;
    Some(domain.to_lowercase())
}

/// Whether two scalars are the same: never across types, but 1 is 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() != b.is_f64() => a.as_f64() == b.as_f64(),
        _ => one == other,
    }
}

fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

fn one_of<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::GroupsSettings;
    use serde_json::json;

    fn judge(who: &Value, claims: &Value) -> bool {
        let written = serde_json::to_string(who).unwrap();
        let document = Document::parse("p.yaml", &written).unwrap();
        let who: Who = serde_json::from_value(who.clone()).unwrap();
        let settings = GroupsSettings::default();
        let claims = ClaimSet::new("staff".parse().unwrap(), claims.as_object().unwrap().clone(), &settings);
        who.clause(&document, &[]).judge(&Facts::of(&claims)) == Verdict::Holds
    }

    #[test]
    fn matchers_are_typed() {
        let claims =
            json!({ "n": 1, "t": "1", "b": true, "deep": { "x": "y" }, "list": ["1", 2], "nothing": null });
        for (who, holds) in [
            (json!({ "n": 1 }), true),
            (json!({ "n": 1.0 }), true),
            (json!({ "n": "1" }), false),
            (json!({ "t": "1" }), true),
            (json!({ "t": 1 }), false),
            (json!({ "b": true }), true),
            (json!({ "b": "true" }), false),
            (json!({ "t": ["0", "1"] }), true),
            (json!({ "deep.x": "y" }), true),
            (json!({ "list": "1" }), false),
            (json!({ "list": { "has": "1" } }), true),
            (json!({ "list": { "has": [2, 3] } }), true),
            (json!({ "list": { "has": "2" } }), false),
            (json!({ "t": { "has": "1" } }), false),
            (json!({ "absent": false }), false),
            (json!({ "absent": { "present": true } }), false),
            (json!({ "nothing": { "present": true } }), false),
            (json!({ "b": { "present": true } }), true),
            (json!({ "n": { "min": 1, "max": 1.5 } }), true),
            (json!({ "n": { "min": 2 } }), false),
            (json!({ "t": { "min": 0 } }), false),
        ] {
            assert_eq!(judge(&json!({ "claims": who }), &claims), holds, "{who}");
        }
    }

    #[test]
    fn texts_match_as_a_whole() {
        let claims = json!({ "id": "team-a\nteam-b", "team": "team-a" });
        for (test, holds) in [
            (json!({ "prefix": "team-" }), true),
            (json!({ "prefix": ["x", "team"] }), true),
            (json!({ "glob": "team-?" }), true),
            (json!({ "glob": "team" }), false),
            (json!({ "glob": "*-a" }), true),
            (json!({ "regex": "team-[ab]" }), true),
            (json!({ "regex": "eam-[ab]" }), false),
            (json!({ "regex": "x|team-a" }), true),
            (json!({ "regex": "team-" }), false),
        ] {
            assert_eq!(judge(&json!({ "claims": { "team": test } }), &claims), holds, "{test}");
        }
        // A line break lets nothing through.
        assert!(!judge(&json!({ "claims": { "id": { "regex": "team-a" } } }), &claims));
        assert!(!judge(&json!({ "claims": { "id": { "glob": "team-?" } } }), &claims));
    }

    #[test]
    fn groups_are_any_or_all_or_alike() {
        let claims = json!({ "groups": ["a", "team-b"] });
        for (groups, holds) in [
            (json!({ "any": ["a", "c"], "all": ["a", "team-b"] }), true),
            (json!({ "any": ["c"] }), false),
            (json!({ "all": ["a", "c"] }), false),
            (json!({ "prefix": "team-" }), true),
            (json!({ "glob": "t*b" }), true),
            (json!({ "glob": "team" }), false),
        ] {
            assert_eq!(judge(&json!({ "groups": groups }), &claims), holds, "{groups}");
        }
        assert!(!judge(&json!({ "provider": "partners" }), &claims));
        assert!(judge(&json!({ "provider": ["partners", "staff"] }), &claims));
    }

    #[test]
    fn only_a_verified_address_has_a_domain() {
        let who = json!({ "email-domain": "Example.com" });
        for (claims, holds) in [
            (json!({ "email": "a@example.com", "email_verified": true }), true),
            (json!({ "email": "a@EXAMPLE.COM", "email_verified": true }), true),
            (json!({ "email": "a@example.com", "email_verified": false }), false),
            (json!({ "email": "a@example.com" }), false),
            (json!({ "email": "a@sub.example.com", "email_verified": true }), false),
            (json!({ "email": "a@notexample.com", "email_verified": true }), false),
            (json!({ "email": "a@example.com@evil.com", "email_verified": true }), false),
            (json!({ "email": "a@evil.com@example.com", "email_verified": true }), false),
            (json!({ "email": "\"a@evil.com\"@example.com", "email_verified": true }), false),
            (json!({ "email": "a@evil.com\u{0}@example.com", "email_verified": true }), false),
            (json!({ "email": "a@evil.com,b@example.com", "email_verified": true }), false),
            (json!({ "email": "@example.com", "email_verified": true }), false),
            (json!({ "email": "a@ｅxample.com", "email_verified": true }), false),
            (json!({ "email": "jörg.o'neil+x@example.com", "email_verified": true }), true),
        ] {
            assert_eq!(judge(&who, &claims), holds, "{claims}");
        }
    }
}
