pub(super) mod properties;

use super::*;
use crate::document::Mistakes;
use crate::identity::{ClaimSet, GroupsSettings};
use crate::names::ProviderName;
use serde_json::{Map, Value, json};

fn names<T: std::str::FromStr + Ord>(all: &[&str]) -> BTreeSet<T> {
    all.iter().filter_map(|name| name.parse().ok()).collect()
}

pub(super) fn parse(files: &[(&str, &str)]) -> Result<Policy, Vec<String>> {
    let known = Known {
        providers: names::<ProviderName>(&["staff", "partners"]),
        apps: names::<AppName>(&["wiki", "notes", "dashboard"]),
    };
    let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let mut mistakes = Mistakes::default();
    let policy = Policy::parse(&files, &known, &mut mistakes);
    let told = || {
        mistakes.sorted().iter().map(|mistake| format!("{mistake}{}", hint(mistake.hint.as_ref()))).collect()
    };
    policy.ok_or_else(told)
}

fn hint(hint: Option<&String>) -> String {
    hint.map_or_else(String::new, |hint| format!(" ({hint})"))
}

pub(super) fn claims(provider: &str, values: Value) -> ClaimSet {
    let Value::Object(values) = values else { panic!("claims are a mapping") };
    ClaimSet::new(provider.parse().unwrap(), values, &GroupsSettings::default())
}

pub(super) fn now() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn outcome(policy: &Policy, role: &str, claims: &ClaimSet) -> Option<Outcome> {
    let decision = policy.evaluate(claims, now());
    decision.found.into_iter().find(|found| found.role.as_str() == role).map(|found| found.outcome)
}

fn has_unknown(decision: &Decision) -> bool {
    decision.found.iter().any(|found| matches!(found.outcome, Outcome::Unknown(_)))
}

fn has_failed(decision: &Decision) -> bool {
    let failed = |found: &Found| matches!(found.outcome, Outcome::Failed(_) | Outcome::Contradicted { .. });
    decision.found.iter().any(failed)
}

const CONTRACTORS: &str = include_str!("../../policies/examples/contractors.yaml");
const EMPLOYEES: &str = include_str!("../../policies/examples/employees.yaml");

fn both() -> Policy {
    parse(&[("contractors.yaml", CONTRACTORS), ("employees.yaml", EMPLOYEES)]).unwrap()
}

#[test]
fn the_examples_do_what_they_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/examples");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let policy = parse(&[(&name, &std::fs::read_to_string(&path).unwrap())]).unwrap();
        let cases = policy.run_cases(now(), &BTreeMap::new());
        assert!(!cases.is_empty(), "{name} has no examples");
        for case in cases {
            assert!(case.passed(), "{}:{}: {:#?}", case.file, case.line, case.differences);
        }
    }
}

#[test]
fn idle_spares_whom_it_is_told_to_and_nothing_is_given_where_nobody_can_say() {
    let text = "\
version: 1
roles:
  guest:
    who: { provider: staff }
    gets: { wiki: {} }
    for: { ttl: 90d, idle: { after: 30d, unless: { groups: { any: [on-call] }, when: claims.level > 3 } } }
  short: { who: { provider: staff }, includes: [guest], for: { idle: 7d } }
";
    let policy = parse(&[("p.yaml", text)]).unwrap();
    let given = |values| match outcome(&policy, "guest", &claims("staff", values)) {
        Some(Outcome::Granted(terms)) => Ok(terms.idle.map(|idle| idle.as_hours() / 24)),
        other => Err(other),
    };
    assert_eq!(given(json!({ "groups": ["on-call"], "level": 5 })), Ok(None));
    assert_eq!(given(json!({ "groups": ["on-call"], "level": 2 })), Ok(Some(30)));
    assert_eq!(given(json!({ "groups": [] })), Ok(Some(30)));
    let unknown = given(json!({ "groups": 7, "level": 5 }));
    assert!(
        matches!(&unknown, Err(Some(Outcome::Unknown(why))) if why.ends_with("which idle asks for")),
        "{unknown:?}"
    );
    let failed = given(json!({ "groups": ["on-call"] }));
    assert!(matches!(&failed, Err(Some(Outcome::Failed(why))) if why.starts_with("idle: ")), "{failed:?}");
    // Whom one role spares, another one that brings it need not.
    let short = text.replace("    who: { provider: staff }\n    gets", "    gets");
    let policy = parse(&[("p.yaml", &short)]).unwrap();
    let spared = claims("staff", json!({ "groups": ["on-call"], "level": 5 }));
    let Some(Outcome::Granted(terms)) = outcome(&policy, "guest", &spared) else { panic!("not granted") };
    assert_eq!(terms.idle.map(|idle| idle.as_hours()), Some(7 * 24));
}

#[test]
fn an_exemption_from_idle_says_whom_it_is_for() {
    let role = |idle: &str| {
        let text = format!(
            "version: 1\nroles:\n  a: {{ who: {{ provider: staff }}, gets: {{ wiki: {{}} }}, for: {{ idle: {idle} }} }}\n"
        );
        parse(&[("p.yaml", &text)]).map(|_| ()).unwrap_err()
    };
    let hint = "for all people of one provider, write unless: { provider: NAME }";
    let told = role("{ after: 30d, unless: {} }");
    assert!(told[0].ends_with(&format!(": idle of role \"a\" would end nothing ({hint})")), "{told:?}");
    assert_eq!(role("{ after: 30 days, unless: { provider: staff } }").len(), 1);
    let told = role("{ after: 30d, unless: { provider: stuff } }");
    assert!(told[0].ends_with(": unknown provider \"stuff\" (did you mean \"staff\"?)"), "{told:?}");
    for (written, said) in [
        ("30", "a length of time like 30d"),
        ("{ after: 30d }", "unless"),
        ("{ unless: { provider: staff } }", "after"),
        ("{ after: 30d, for: { provider: staff } }", "\"for\""),
    ] {
        let told = role(written);
        assert!(told.iter().any(|one| one.starts_with("p.yaml:3:") && one.contains(said)), "{told:?}");
    }
}

#[test]
fn a_failing_example_tells_the_difference() {
    let text = "\
version: 1
roles:
  guest: { who: { provider: partners, claims: { ok: true } }, gets: { wiki: { groups: [a] } }, for: { ttl: 1h } }
examples:
  - when: { provider: partners, claims: { ok: true } }
    expect: { roles: [guest], wiki: { groups: [b], because: contract_end } }
  - when: { provider: partners, claims: {} }
    expect: { roles: [guest] }
";
    let cases = parse(&[("p.yaml", text)]).unwrap().run_cases(now(), &BTreeMap::new());
    let expected = ["wiki: groups: expected b, got a", "wiki: because: expected contract_end, got ttl"];
    assert_eq!((cases[0].line, cases[0].differences.as_slice()), (5, expected.map(str::to_owned).as_slice()));
    let expected = ["roles: expected guest, got none", "role guest: it is not so that claims.ok is true"];
    assert_eq!((cases[1].line, cases[1].differences.as_slice()), (7, expected.map(str::to_owned).as_slice()));
}

#[test]
fn all_mistakes_are_told() {
    let text = r#"version: 1
roles:
  everybody:
    who: {}
    gets: { wikki: {} }
    for: { ttl: 0d, until: contract_end }
  guest:
    who: { provider: partner, groups: { any: [] }, claims: { a: {} } }
    gets: { wiki: { groops: [], attributes: { title: "${env:HOME}" } } }
    for: { idel: 3d, zone: Europe/Berlin }
examples:
  - when: { provider: staff, claims: {} }
    expect: { roles: [], wiki: { end: 1 } }
"#;
    let told = parse(&[("p.yaml", text)]).unwrap_err();
    assert_eq!(
        told,
        [
            "p.yaml:6:17: \"0d\" is not a length of time: write it like 30d, 12h, 1h30m or 5s",
            "p.yaml:6:28: \"contract_end\" is not a moment, write claims.NAME, a date like 2026-03-09, or a time like 2026-03-09T17:00Z",
            "p.yaml:8:46: an empty list says nothing",
            "p.yaml:8:65: a claim without a test says nothing",
            "p.yaml:9:21: unknown key \"groops\" (did you mean \"groups\"?)",
            "p.yaml:9:54: \"${env:HOME}\" is not a claim, write ${claims.NAME}",
            "p.yaml:10:12: unknown key \"idel\" (did you mean \"idle\"?)",
            "p.yaml:13:34: unknown key \"end\" (did you mean \"ends\"?)",
        ]
    );
}

#[test]
fn names_are_checked_against_the_configuration() {
    let text = "\
version: 1
roles:
  everybody: { who: {}, gets: { wikki: {} } }
  guest: { who: { provider: partner }, gets: {} }
  zoned: { who: { provider: staff, groups: {} }, gets: { notes: {} }, for: { zone: UTC } }
  loose: { who: { claims: { a: 1 } }, gets: { notes: {} } }
examples:
  - when: { provider: nobody, claims: {} }
    expect: { roles: [], mail: {} }
";
    let told = parse(&[("p.yaml", text)]).unwrap_err();
    assert_eq!(
        told,
        [
            "p.yaml:3:16: role \"everybody\" would be for everybody (for all people of one provider, write who: { provider: NAME })",
            "p.yaml:3:33: unknown app \"wikki\" (did you mean \"wiki\"?)",
            "p.yaml:4:29: unknown provider \"partner\" (did you mean \"partners\"?)",
            "p.yaml:4:40: role \"guest\" gives nothing (say what it gives: gets: { APP: {} })",
            "p.yaml:5:36: groups without any name (write groups: { any: [NAME] } or groups: { all: [NAME, NAME] })",
            "p.yaml:5:78: a zone without a date to read in it (a zone says where the days of until and from begin and end)",
            "p.yaml:6:12: role \"loose\" believes every provider (say which one it is: who: { provider: NAME, .. })",
            "p.yaml:8:23: unknown provider \"nobody\" (providers are partners, staff)",
            "p.yaml:9:26: unknown app \"mail\" (apps are dashboard, notes, wiki)",
        ]
    );
    assert_eq!(
        parse(&[("a.yaml", EMPLOYEES), ("b.yaml", EMPLOYEES)]).unwrap_err()[0],
        "b.yaml:5:3: role \"employee\" is defined twice"
    );
    assert_eq!(
        parse(&[("p.yaml", "version: 2\n")]).unwrap_err(),
        ["p.yaml:1:10: version 2 is not known, write version: 1"]
    );
    assert_eq!(parse(&[("p.yaml", "roles: {}\n")]).unwrap_err(), ["p.yaml:1:1: \"version\" is missing"]);
}

fn contradiction(one: &str, other: &str) -> String {
    format!(
        "version: 1\nroles:\n  one: {{ who: {one}, gets: {{ wiki: {{ attributes: {{ title: A }} }}, notes: {{}} }} }}\n  \
         other: {{ who: {other}, gets: {{ wiki: {{ attributes: {{ title: B }} }} }} }}\n"
    )
}

#[test]
fn roles_that_contradict_each_other_are_a_mistake_unless_nobody_can_have_both() {
    let staff = "{ provider: staff, claims: { a: 1 } }";
    let told = parse(&[("p.yaml", &contradiction(staff, "{ claims: { b: 1 } }"))]).unwrap_err();
    assert!(
        told[0].starts_with("p.yaml:4:") || told[1].contains("set title of wiki differently"),
        "{told:?}"
    );
    assert!(parse(&[("p.yaml", &contradiction(staff, "{ provider: partners }"))]).is_ok());
}

#[test]
fn roles_that_contradict_each_other_open_neither() {
    let text = contradiction("{ provider: staff }", "{ provider: staff }")
        .replace("title: A", "title: \"${claims.a}\"")
        .replace("title: B", "title: \"${claims.a}\"");
    let mut policy = parse(&[("p.yaml", &text)]).unwrap();
    // What `parse` refuses is refused here too, should it slip through.
    policy.roles[1].gets[0].attributes.insert("title".to_owned(), "B".parse().unwrap());
    let decision = policy.evaluate(&claims("staff", json!({ "a": "A" })), now());
    let apps: Vec<_> = decision.granted().map(|terms| terms.app.as_str()).collect();
    assert_eq!(apps, ["notes"]);
    assert!(has_failed(&decision));
}

#[test]
fn unknown_groups_are_neither_a_match_nor_none() {
    let policy = both();
    let unknown = |values| outcome(&policy, "contractor", &claims("partners", values));
    assert!(matches!(unknown(json!({ "email_verified": true })), Some(Outcome::Unknown(_))));
    // What is false stays false, whatever the groups are.
    assert!(unknown(json!({ "email_verified": false })).is_none());
    let decision = policy.evaluate(&claims("staff", json!({ "department": "IT" })), now());
    assert!(
        decision.is_undecided(&"editor".parse().unwrap(), &"wiki".parse().unwrap()) && has_unknown(&decision)
    );
    assert!(!decision.is_undecided(&"employee".parse().unwrap(), &"wiki".parse().unwrap()));
}

#[test]
fn what_cannot_be_worked_out_denies_and_says_why() {
    let matching =
        json!({ "groups": ["wiki-guests"], "email_verified": true, "contract_end": "soon", "sponsor": "A" });
    assert_eq!(
        outcome(&both(), "contractor", &claims("partners", matching)),
        Some(Outcome::Failed(
            "claim contract_end is not a date, a time with its offset, or seconds since 1970".to_owned()
        ))
    );
    let decision = both().evaluate(&claims("staff", json!({ "groups": [] })), now());
    assert_eq!(decision.found[0].outcome, Outcome::Failed("claim department is absent".to_owned()));
    assert!(has_failed(&decision) && decision.granted().next().is_none());
}

#[test]
fn the_version_follows_the_meaning_alone() {
    let policy = both();
    let version = policy.version().to_string();
    assert_eq!(version.len(), 12);
    let reordered = EMPLOYEES.replace("[docs, docs-leads]", "[docs-leads, docs]").replace("12h", "720m");
    let same = parse(&[("x.yaml", &reordered), ("a.yaml", CONTRACTORS)]).unwrap();
    assert_eq!(same.version(), policy.version());
    let changed = parse(&[("c.yaml", CONTRACTORS), ("e.yaml", &EMPLOYEES.replace("12h", "13h"))]).unwrap();
    assert_ne!(changed.version(), policy.version());
}
