//! The matchers. Three-valued: what is not known is neither true nor false.

use super::raw::Who;
use crate::identity::{ClaimSet, Groups};
use crate::names::ProviderName;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Something that has to be true of a person, and how one says it.
#[derive(Debug)]
pub(super) struct Condition {
    matcher: Matcher,
    /// Such as `groups has any of wiki-guests`.
    pub(super) words: Arc<str>,
}

#[derive(Debug)]
enum Matcher {
    Provider(ProviderName),
    AnyGroup(BTreeSet<String>),
    AllGroups(BTreeSet<String>),
    Claim { path: String, one_of: Vec<Value> },
}

/// Whether a condition holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    Holds,
    Fails,
    /// The provider did not say; why.
    Unknown(&'a str),
}

impl Condition {
    fn new(matcher: Matcher) -> Self {
        let list =
            |groups: &BTreeSet<String>| groups.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let words = match &matcher {
            Matcher::Provider(provider) => format!("provider is {provider}"),
            Matcher::AnyGroup(groups) => format!("groups has any of {}", list(groups)),
            Matcher::AllGroups(groups) => format!("groups has all of {}", list(groups)),
            Matcher::Claim { path, one_of } => {
                let values: Vec<_> = one_of.iter().map(Value::to_string).collect();
                let is = if values.len() > 1 { "is one of" } else { "is" };
                format!("claims.{path} {is} {}", values.join(", "))
            }
        };
        Self { matcher, words: words.into() }
    }

    /// Whether it holds for `claims`.
    pub(super) fn judge<'a>(&self, claims: &'a ClaimSet) -> Verdict<'a> {
        let holds = match (&self.matcher, claims.groups()) {
            (Matcher::Provider(provider), _) => claims.provider() == provider,
            (Matcher::Claim { path, one_of }, _) => {
                claims.get(path).is_some_and(|value| one_of.iter().any(|one| same(one, value)))
            }
            (Matcher::AnyGroup(_) | Matcher::AllGroups(_), Groups::Unknown(why)) => {
                return Verdict::Unknown(why);
            }
            (Matcher::AnyGroup(any), Groups::Known(groups)) => !any.is_disjoint(groups),
            (Matcher::AllGroups(all), Groups::Known(groups)) => all.is_subset(groups),
        };
        if holds { Verdict::Holds } else { Verdict::Fails }
    }
}

impl Who {
    /// All that has to be true; cheap conditions first.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        let groups = self.groups.as_ref();
        let provider = self.provider.clone().map(Matcher::Provider);
        let claims = self.claims.iter();
        let claims =
            claims.map(|(path, one_of)| Matcher::Claim { path: path.clone(), one_of: one_of.0.clone() });
        let any = groups.and_then(|groups| groups.any.clone()).map(|any| Matcher::AnyGroup(any.0));
        let all = groups.and_then(|groups| groups.all.clone()).map(|all| Matcher::AllGroups(all.0));
        provider.into_iter().chain(claims).chain(any).chain(all).map(Condition::new).collect()
    }
}

/// Whether two scalars are the same: never across types, but 1 is 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() != b.is_f64() => a.as_f64() == b.as_f64(),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::GroupsSettings;
    use serde_json::json;

    fn judge(who: &Value, claims: &Value) -> Vec<bool> {
        let who: Who = serde_json::from_value(who.clone()).unwrap();
        let settings = GroupsSettings::default();
        let claims = ClaimSet::new("staff".parse().unwrap(), claims.as_object().unwrap().clone(), &settings);
        who.conditions().iter().map(|condition| condition.judge(&claims) == Verdict::Holds).collect()
    }

    #[test]
    fn matchers_are_typed() {
        let claims = json!({ "n": 1, "t": "1", "b": true, "deep": { "x": "y" }, "list": ["1"] });
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
            (json!({ "absent": false }), false),
        ] {
            assert_eq!(judge(&json!({ "claims": who }), &claims), [holds], "{who}");
        }
    }

    #[test]
    fn groups_are_any_or_all() {
        let claims = json!({ "groups": ["a", "b"] });
        assert_eq!(
            judge(&json!({ "groups": { "any": ["b", "c"], "all": ["a", "b"] } }), &claims),
            [true, true]
        );
        assert_eq!(judge(&json!({ "groups": { "any": ["c"], "all": ["a", "c"] } }), &claims), [false, false]);
        assert_eq!(judge(&json!({ "provider": "partners" }), &claims), [false]);
    }
}
