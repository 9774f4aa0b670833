//! What another policy would do to everybody who is known, as values: who gains, loses or has something else, where and
//! when. Asked before it holds; nothing here is written.

use super::Rules;
use super::follow::{after_reload, after_sign_in};
use crate::account::{Because, Grant};
use crate::identity::{ClaimSet, GroupsSettings};
use crate::names::{AppName, IdentityId, ProviderName, RoleName, UserId};
use crate::policy::{Policy, asks};
use crate::span::in_words;
use crate::store::Holder;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One identity, and all that decides what it has.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// Whose.
    pub user: UserId,
    /// Which identity.
    pub identity: IdentityId,
    /// As `subject@provider`.
    pub person: String,
    /// The provider, as the configuration calls it.
    pub provider: ProviderName,
    /// The claims as last verified.
    pub claims: Map<String, Value>,
    /// What it holds and held, as the store keeps it.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub grants: Vec<Grant>,
    /// Whether the person is shut out, and so has nothing.
    pub revoked: bool,
}

/// A policy, and what it goes by.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Who gets what.
    pub policy: &'a Policy,
    /// How each provider tells groups.
    pub groups: &'a BTreeMap<ProviderName, GroupsSettings>,
    /// After how long without a word from the provider access without a `ttl` ends.
    pub lapse: SignedDuration,
}

/// What differs for one identity in one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Who, as `subject@provider`.
    pub person: String,
    /// The app.
    pub app: AppName,
    /// The role.
    pub role: RoleName,
    /// Whether it is gained, lost or changed.
    pub turn: Turn,
    /// From when on.
    pub when: When,
    /// What exactly.
    pub details: Vec<Detail>,
}

/// Which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Turn {
    /// Somebody has the role who did not.
    Gains,
    /// Somebody no longer has it.
    Loses,
    /// They have it on other terms.
    Changes,
}

/// When somebody notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// As soon as the policy holds.
    AtOnce,
    /// With the next sign-in.
    AtSignIn,
}

/// One thing that a role gives or asks for, on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Detail {
    /// Such as `groups`, `ends`, `asks`.
    pub what: String,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The differences of all who were looked at, and how many people they concern.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// How many people are known.
    pub people: usize,
    /// How many of them gain something.
    pub gaining: usize,
    /// How many lose something.
    pub losing: usize,
    /// How many have something on other terms.
    pub changing: usize,
    /// By person, in the order of their ids, app and role.
    pub differences: Vec<Difference>,
}

impl Holder {
    /// Their identities, each as one that is known.
    pub fn known(self) -> impl Iterator<Item = Known> {
        let revoked = self.identities.iter().any(|(identity, _)| identity.revoked.is_some());
        self.identities.into_iter().map(move |(identity, grants)| Known {
            user: identity.user,
            identity: identity.id,
            person: format!("{}@{}", identity.subject.sub, identity.provider),
            provider: identity.provider,
            claims: identity.claims,
            grants,
            revoked,
        })
    }
}

impl<'a> From<&'a Rules> for Side<'a> {
    fn from(rules: &'a Rules) -> Self {
        Self { policy: &rules.policy, groups: &rules.groups, lapse: rules.settings.lapse }
    }
}

/// What lies in an app by a role.
type Place = (AppName, RoleName);

impl Side<'_> {
    /// The grants of an identity once this policy holds; nothing new among them.
    pub fn held(&self, known: &Known, now: Timestamp) -> Vec<Grant> {
        after_reload(&self.claims(known), &known.grants, self.policy, now, self.lapse)
    }

    /// All that an identity has, and what its next sign-in would add.
    fn has(&self, known: &Known, now: Timestamp) -> BTreeMap<Place, (When, Grant)> {
        if known.revoked {
            return BTreeMap::new();
        }
        let decision = self.policy.evaluate(&self.claims(known), now);
        let later = after_sign_in(known.identity, &known.grants, &decision, now, self.lapse);
        let live = |when: When, grants: Vec<Grant>| {
            let live = grants.into_iter().filter(move |grant| grant.is_live(now));
            live.map(move |grant| ((grant.terms.app.clone(), grant.terms.role.clone()), (when, grant)))
        };
        // What is held already comes last, and so counts.
        live(When::AtSignIn, later).chain(live(When::AtOnce, self.held(known, now))).collect()
    }

    fn claims(&self, known: &Known) -> ClaimSet {
        let usual = GroupsSettings::default();
        let groups = self.groups.get(&known.provider).unwrap_or(&usual);
        ClaimSet::new(known.provider.clone(), known.claims.clone(), groups)
    }
}

/// What differs for an identity if `after` comes to hold where `before` held.
pub fn differences(known: &Known, before: Side<'_>, after: Side<'_>, now: Timestamp) -> Vec<Difference> {
    let (before, after) = (before.has(known, now), after.has(known, now));
    let places: BTreeSet<&Place> = before.keys().chain(after.keys()).collect();
    let difference = |place: &Place| {
        let (old, new) = (before.get(place), after.get(place));
        let (turn, when) = match (old, new) {
            (None, Some((when, _))) => (Turn::Gains, *when),
            (Some((when, _)), None) => (Turn::Loses, *when),
            (Some((old, _)), Some((new, _))) => (Turn::Changes, *old.max(new)),
            (None, None) => return None,
        };
        let terms = |side: Option<&(When, Grant)>| side.map(|(_, grant)| facts(grant)).unwrap_or_default();
        let mut details = details(&terms(old), &terms(new));
        // Taken away now, given again by the next sign-in: between the two it is not there.
        if let (Some((When::AtOnce, _)), Some((When::AtSignIn, _))) = (old, new) {
            details.insert(
                0,
                Detail {
                    what: "held".to_owned(),
                    before: Some("now".to_owned()),
                    after: Some("from the next sign-in".to_owned()),
                },
            );
        }
        (turn != Turn::Changes || !details.is_empty()).then(|| Difference {
            person: known.person.clone(),
            app: place.0.clone(),
            role: place.1.clone(),
            turn,
            when,
            details,
        })
    };
    places.into_iter().filter_map(difference).collect()
}

fn details(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Detail> {
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let detail = |what: &String| Detail {
        what: what.clone(),
        before: before.get(what).cloned(),
        after: after.get(what).cloned(),
    };
    all.into_iter().map(detail).filter(|detail| detail.before != detail.after).collect()
}

/// What a grant gives and asks for, each by its name.
fn facts(grant: &Grant) -> BTreeMap<String, String> {
    let terms = &grant.terms;
    let listed = |items: &BTreeSet<String>| items.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let span = |span: Option<SignedDuration>| span.map(in_words).unwrap_or_default();
    let ends = match &grant.end.because {
        // That moment says when somebody signed in last, nothing about the policy.
        Because::Lapse(_) | Because::Idle(_) => String::new(),
        because => format!("{} ({})", grant.end.at, because.short()),
    };
    let named = [
        ("groups", listed(&terms.groups)),
        ("roles", listed(&terms.roles)),
        ("routes", listed(&terms.routes)),
        ("ends", ends),
        ("ttl", span(terms.ttl)),
        ("at-most", span(terms.at_most)),
        ("idle", span(terms.idle)),
        ("session", span(terms.session)),
        ("asks", asks(terms).join("; ")),
        ("sponsor", terms.sponsor.clone().unwrap_or_default()),
        ("heir", terms.heir.clone().unwrap_or_default()),
        ("delete-after", span(terms.delete_after)),
    ];
    let attributes =
        terms.attributes.iter().map(|(name, value)| (format!("attribute {name}"), value.clone()));
    let named = named.into_iter().map(|(name, words)| (name.to_owned(), words));
    named.chain(attributes).filter(|(_, words)| !words.is_empty()).collect()
}

impl Comparison {
    /// Compares everybody in `known`, where the identities of one person follow one another.
    pub fn of(known: &[Known], before: Side<'_>, after: Side<'_>, now: Timestamp) -> Self {
        let mut comparison = Self::default();
        for person in known.chunk_by(|one, other| one.user == other.user) {
            comparison.add(person, before, after, now);
        }
        comparison
    }

    /// Adds one person, with all their identities.
    pub(super) fn add(&mut self, person: &[Known], before: Side<'_>, after: Side<'_>, now: Timestamp) {
        let found: Vec<_> = person.iter().flat_map(|known| differences(known, before, after, now)).collect();
        let any = |turn| usize::from(found.iter().any(|difference| difference.turn == turn));
        self.people += 1;
        self.gaining += any(Turn::Gains);
        self.losing += any(Turn::Loses);
        self.changing += any(Turn::Changes);
        self.differences.extend(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::tests::{HOUR, LAPSE, policy, rules};
    use proptest::prelude::*;
    use serde_json::json;

    fn start() -> Timestamp {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    /// Somebody in these groups, who holds what this policy gave an hour before the start.
    fn known(groups: &[&str], held: &Rules) -> Known {
        let claims = json!({ "sub": "c-17", "groups": groups }).as_object().unwrap().clone();
        let mut known = Known {
            user: UserId::random(),
            identity: IdentityId::random(),
            person: "c-17@staff".to_owned(),
            provider: "staff".parse().unwrap(),
            claims,
            grants: Vec::new(),
            revoked: false,
        };
        let then = start() - HOUR;
        let decision = held.policy.evaluate(&Side::from(held).claims(&known), then);
        known.grants = after_sign_in(known.identity, &[], &decision, then, LAPSE);
        known
    }

    fn turns(known: &Known, before: &Rules, after: &Rules) -> Vec<(Turn, When, String)> {
        let all = differences(known, before.into(), after.into(), start());
        all.into_iter().map(|one| (one.turn, one.when, one.role.to_string())).collect()
    }

    #[test]
    fn what_is_held_goes_at_once_and_what_is_new_comes_with_a_sign_in() {
        let old = rules(policy(&[("guests", "10d"), ("staff", "10d")]));
        let new = rules(policy(&[("guests", "20d"), ("readers", "10d")]));
        let person = known(&["guests", "staff", "readers"], &old);
        let expected = [
            (Turn::Changes, When::AtOnce, "guests".to_owned()),
            (Turn::Gains, When::AtSignIn, "readers".to_owned()),
            (Turn::Loses, When::AtOnce, "staff".to_owned()),
        ];
        assert_eq!(turns(&person, &old, &new), expected);
        let revoked = Known { revoked: true, ..person.clone() };
        assert_eq!(turns(&revoked, &old, &new), []);
        // What has run out is neither there to be lost nor given again.
        let shorter = rules(policy(&[("guests", "10d")]));
        let ended = Known {
            grants: person.grants.iter().cloned().map(|grant| grant.close_if_over(start() + LAPSE)).collect(),
            ..person
        };
        assert_eq!(turns(&ended, &old, &shorter), []);
        let comparison = Comparison::of(&[ended.clone(), ended], (&old).into(), (&new).into(), start());
        assert_eq!((comparison.people, comparison.gaining, comparison.losing), (1, 1, 0));
    }

    proptest! {
        #[test]
        fn what_is_gained_one_way_is_lost_the_other_way(
            sides in prop::collection::vec(prop::sample::subsequence(vec!["guests", "staff", "readers"], 1..=3), 3),
            groups in prop::sample::subsequence(vec!["guests", "staff", "readers"], 0..=3),
        ) {
            let rules = |roles: &Vec<&str>| rules(policy(&roles.iter().map(|role| (*role, "10d")).collect::<Vec<_>>()));
            let (held, one, other) = (rules(&sides[0]), rules(&sides[1]), rules(&sides[2]));
            let person = known(&groups, &held);
            let mut there = turns(&person, &one, &other);
            let back = turns(&person, &other, &one);
            for (turn, ..) in &mut there {
                *turn = match turn {
                    Turn::Gains => Turn::Loses,
                    Turn::Loses => Turn::Gains,
                    Turn::Changes => Turn::Changes,
                };
            }
            prop_assert_eq!(there, back);
            prop_assert_eq!(turns(&person, &one, &one), vec![]);
        }
    }
}
