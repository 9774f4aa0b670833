//! Which rules may be about somebody. Each rule hangs on one of its conditions, one that few people meet; a person's
//! groups and claims find the rules that hang on them, so that what an evaluation costs follows the person, not the
//! number of rules.

use super::rule::{Clause, Matcher, Test};
use crate::identity::{ClaimSet, Groups};
use crate::names::ProviderName;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// The rules of one kind, by what they hang on. A rule is a number.
#[derive(Debug, Default)]
pub(super) struct Index {
    groups: HashMap<String, Vec<usize>>,
    /// Those that hang on a group: all of them may be about somebody whose groups are not known.
    of_groups: Vec<usize>,
    claims: BTreeMap<String, HashMap<Scalar, Vec<usize>>>,
    providers: HashMap<ProviderName, Vec<usize>>,
    others: Vec<usize>,
}

/// A value that can be looked up. What is the same to a matcher is the same here.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Scalar {
    Text(String),
    Whole(i64),
    Bool(bool),
}

impl Index {
    /// Adds `rule`, which asks for all of `clause`.
    pub(super) fn add(&mut self, rule: usize, clause: &Clause) {
        let matchers = || clause.0.iter().map(|condition| &condition.matcher);
        let claim = |matcher| match matcher {
            &Matcher::Claim { ref path, test: Test::OneOf(ref values) } => {
                Some((path, values.iter().map(scalar).collect::<Option<Vec<_>>>()?))
            }
            _ => None,
        };
        let groups = |matcher: &Matcher| match matcher {
            Matcher::AnyGroup(any) => Some(any.iter().cloned().collect::<Vec<_>>()),
            // Whoever is in all of them is in the first.
            Matcher::AllGroups(all) => Some(all.first().into_iter().cloned().collect()),
            _ => None,
        };
        if let Some(groups) = matchers().find_map(groups) {
            self.of_groups.push(rule);
            groups.into_iter().for_each(|group| self.groups.entry(group).or_default().push(rule));
        } else if let Some((path, values)) = matchers().find_map(claim) {
            let of_path = self.claims.entry(path.clone()).or_default();
            values.into_iter().for_each(|value| of_path.entry(value).or_default().push(rule));
        } else if let Some(providers) = matchers().find_map(|matcher| match matcher {
            Matcher::Provider(providers) => Some(providers),
            _ => None,
        }) {
            providers.iter().for_each(|name| self.providers.entry(name.clone()).or_default().push(rule));
        } else {
            self.others.push(rule);
        }
    }

    /// The rules that may be about somebody with these claims, in order, each once. No other is.
    pub(super) fn candidates(&self, claims: &ClaimSet) -> Vec<usize> {
        let mut found = self.others.clone();
        found.extend(self.providers.get(claims.provider()).into_iter().flatten());
        match claims.groups() {
            Groups::Known(groups) if !self.groups.is_empty() => {
                found.extend(groups.iter().filter_map(|group| self.groups.get(group)).flatten());
            }
            Groups::Known(_) => {}
            Groups::Unknown(_) => found.extend(&self.of_groups),
        }
        for (path, values) in &self.claims {
            found.extend(
                claims.get(path).and_then(scalar).and_then(|value| values.get(&value)).into_iter().flatten(),
            );
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// `None` for what cannot be looked up: lists, mappings, numbers with parts or beyond what a float can tell apart.
fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::String(text) => Some(Scalar::Text(text.clone())),
        Value::Bool(value) => Some(Scalar::Bool(*value)),
        Value::Number(number) => {
            const TOLD_APART: u64 = 1 << 53;
            let whole = number.as_i64().or_else(|| whole(number.as_f64()?))?;
            (whole.unsigned_abs() < TOLD_APART).then_some(Scalar::Whole(whole))
        }
        _ => None,
    }
}

fn whole(number: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is beyond i64 is cut to its ends, which are not looked up"
    )]
    (number.fract() == 0.0).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::identity::GroupsSettings;
    use crate::policy::expression::Facts;
    use crate::policy::raw::Who;
    use crate::policy::rule::Verdict;
    use proptest::prelude::*;
    use serde_json::json;

    fn any_who() -> impl Strategy<Value = Value> {
        let group = || prop::sample::subsequence(vec!["a", "b", "c"], 1..3);
        let value = || {
            prop::sample::select(vec![
                json!("x"),
                json!(1),
                json!(1.0),
                json!(1.5),
                json!(true),
                json!(u64::MAX),
            ])
        };
        let part = prop_oneof![
            group().prop_map(|any| json!({ "groups": { "any": any } })),
            group().prop_map(|all| json!({ "groups": { "all": all } })),
            prop::collection::vec(value(), 1..3).prop_map(|values| json!({ "claims": { "k": values } })),
            Just(json!({ "claims": { "k": { "present": true } } })),
            Just(json!({ "provider": "staff" })),
            Just(json!({ "provider": ["partners", "staff"] })),
        ];
        prop::collection::vec(part, 1..3).prop_map(|parts| {
            let mut who = json!({});
            for part in parts {
                who.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
            }
            who
        })
    }

    proptest! {
        #[test]
        fn nobody_is_overlooked(
            rules in prop::collection::vec(any_who(), 1..12),
            groups in prop::option::of(prop::sample::subsequence(vec!["a", "b", "c"], 0..3)),
            value in prop::sample::select(vec![json!("x"), json!(1), json!(1.0), json!(1.5), json!(true), json!(u64::MAX), json!(["x"]), json!(null)]),
            staff in any::<bool>(),
        ) {
            let document = Document::parse("p", "{}").unwrap();
            let clauses: Vec<_> = rules
                .iter()
                .map(|who| serde_json::from_value::<Who>(who.clone()).unwrap().clause(&document, &[]))
                .collect();
            let mut index = Index::default();
            clauses.iter().enumerate().for_each(|(rule, clause)| index.add(rule, clause));
            let mut claims = json!({ "k": value });
            if let Some(groups) = groups {
                claims["groups"] = json!(groups);
            }
            let provider = if staff { "staff" } else { "partners" };
            let claims = ClaimSet::new(provider.parse().unwrap(), claims.as_object().unwrap().clone(), &GroupsSettings::default());
            let facts = Facts::of(&claims);
            let found = index.candidates(&claims);
            prop_assert!(found.is_sorted());
            for (rule, clause) in clauses.iter().enumerate() {
                let concerned = clause.judge(&facts) != Verdict::Fails;
                prop_assert!(!concerned || found.contains(&rule), "{:?} is overlooked", rules[rule]);
            }
        }
    }
}
