use super::*;
use crate::policy::tests::properties::{any_person, any_rules, read};
use crate::policy::tests::{claims, now, parse};
use proptest::prelude::*;
use serde_json::json;

fn explain(policy: &Policy, claims: &ClaimSet, app: Option<&str>) -> Explanation {
    let app = app.map(|app| app.parse().unwrap());
    policy.explain(claims, now(), app.as_ref(), &mut || Duration::ZERO)
}

fn names(explanation: &Explanation) -> Vec<&str> {
    explanation.roles.iter().map(|role| role.role.as_str()).collect()
}

const POLICY: &str = "\
version: 1
roles:
  far: { who: { provider: partners, groups: { any: [x] }, claims: { level: 1 } }, gets: { wiki: {} } }
  near: { who: { provider: staff, groups: { any: [x] }, claims: { level: 5 } }, gets: { wiki: {} } }
  lead:
    who: { provider: staff, groups: { any: [leads] } }
    includes: [writer]
    for: { ttl: 10d }
  writer:
    gets: { notes: { groups: [w] } }
    for: { ttl: 30d, until: claims.end }
deny:
  leavers: { who: { claims: { leaving: true } }, unless: { claims: { level: { min: 9 } } }, apps: [wiki] }
separate:
  duties: { roles: [near, writer] }
";

fn lead() -> ClaimSet {
    claims("staff", json!({ "groups": ["a", "leads"], "level": 5, "end": "2026-03-09" }))
}

#[test]
fn what_comes_of_something_is_told_first_and_what_lacks_least_next() {
    let explanation = explain(&parse(&[("p.yaml", POLICY)]).unwrap(), &lead(), None);
    assert_eq!(names(&explanation), ["lead", "writer", "near", "far"]);
    let [lead, writer, near, far] = &explanation.roles[..] else { panic!("{explanation:?}") };
    assert_eq!((lead.brings[0].as_str(), writer.by[0].as_str()), ("writer", "lead"));
    assert_eq!((lead.spot.line, lead.spot.column, far.spot.line), (5, 3, 3));
    let ends: Vec<_> =
        writer.comes[0].ends.iter().map(|end| (end.because.as_str(), end.at.to_string())).collect();
    assert_eq!(
        ends,
        [("end", "2026-03-10T00:00:00Z".to_owned()), ("ttl", "2026-03-12T09:00:00Z".to_owned())]
    );
    let failing = near.who.iter().find(|condition| condition.answer == Answer::Fails).unwrap();
    assert_eq!((&*failing.condition, &*failing.seen), ("groups has any of x", "groups are a, leads"));
    assert_eq!((failing.line, failing.column), (4, 45));
    assert_eq!(explanation.separate.len(), 1);
    assert_eq!(explanation.deny[0].unless.len(), 1);
}

#[test]
fn of_one_app_only_what_concerns_it_is_told() {
    let policy = parse(&[("p.yaml", POLICY)]).unwrap();
    let notes = explain(&policy, &lead(), Some("notes"));
    assert_eq!(names(&notes), ["lead", "writer"]);
    assert!(notes.deny.is_empty());
    let wiki = explain(&policy, &lead(), Some("wiki"));
    assert_eq!((names(&wiki), wiki.deny.len()), (vec!["near", "far"], 1));
}

#[test]
fn whom_idle_spares_is_told_condition_by_condition() {
    let text = "version: 1
roles:
  a: { who: { provider: staff }, gets: { wiki: {} }, for: { idle: { after: 30d, unless: { groups: { any: [leads] } } } } }
";
    let explanation = explain(&parse(&[("p.yaml", text)]).unwrap(), &lead(), None);
    let spares = &explanation.roles[0].idle_unless;
    assert_eq!((spares.len(), &spares[0].answer, spares[0].line), (1, &Answer::Holds, 3));
    assert!(explanation.roles[0].comes[0].ends.is_empty());
}

#[test]
fn what_costs_more_than_a_look_is_measured() {
    let text =
        "version: 1\nroles:\n  a: { who: { provider: staff, when: claims.level > 1 }, gets: { wiki: {} } }\n";
    let policy = parse(&[("p.yaml", text)]).unwrap();
    let mut told = Duration::ZERO;
    let mut watch = || {
        told += Duration::from_micros(64);
        told
    };
    let explanation = policy.explain(&lead(), now(), None, &mut watch);
    let costs: Vec<_> = explanation.roles[0].who.iter().map(|condition| condition.ns).collect();
    assert_eq!(costs, [None, Some(1_000)]);
}

proptest! {
    #[test]
    fn the_decision_is_the_very_one(policy in any_rules(true), person in any_person()) {
        let policy = read(&policy);
        let decision = policy.evaluate(&person, now());
        let explanation = explain(&policy, &person, None);
        let mut found: Vec<_> =
            explanation.roles.iter().flat_map(|role| &role.comes).map(|comes| comes.found.clone()).collect();
        found.sort_by(|one, other| (&one.role, &one.app).cmp(&(&other.role, &other.app)));
        prop_assert_eq!(found, decision.found);
        // Each condition says what the rule as a whole says.
        let all = |conditions: &[Judged]| conditions.iter().all(|condition| condition.answer == Answer::Holds);
        for role in &explanation.roles {
            let excepted = !role.unless.is_empty() && all(&role.unless);
            if role.answer == Answer::Holds {
                prop_assert!(all(&role.who) && !excepted, "{:?}", role);
            }
            if role.answer == Answer::Fails {
                let fails = |condition: &Judged| condition.answer == Answer::Fails;
                prop_assert!(role.who.iter().any(fails) || excepted, "{:?}", role);
            }
            let reached = role.answer != Answer::Fails || !role.by.is_empty();
            prop_assert_eq!(reached, !role.comes.is_empty(), "{:?}", role);
        }
        let taken = |rule: &RuleName| explanation.deny.iter().find(|denial| denial.rule == *rule).map(|denial| &denial.takes);
        for comes in explanation.roles.iter().flat_map(|role| &role.comes) {
            if let Outcome::Denied(rule) = &comes.found.outcome {
                prop_assert!(taken(rule).is_some_and(|roles| roles.contains(&comes.found.role)));
            }
        }
    }
}
