//! What holds whatever the policy and whoever comes.

use super::*;
use crate::identity::Groups;
use proptest::prelude::*;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop_oneof!["2026-0[1-9]-[0-3][0-9]", "wiki-guests|docs|on-call|operations|permanent"]
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// Claims that are often the right ones.
fn any_claims() -> impl Strategy<Value = ClaimSet> {
    let group = prop::sample::select(vec!["wiki-guests", "docs", "on-call", "operations", "other"]);
    let groups = prop_oneof![
        4 => prop::collection::btree_set(group, 0..4).prop_map(|groups| json!(groups)),
        1 => any_json(),
    ];
    let often = |value: Value| prop_oneof![4 => Just(value), 1 => any_json()];
    let end = prop_oneof![4 => "2026-0[1-9]-[0-2][1-9]".prop_map(Value::from), 1 => any_json()];
    let values =
        (groups, often(json!(true)), often(json!("Ada")), end, often(json!("IT")), often(json!("permanent")));
    (values, any::<bool>(), prop::collection::vec(prop::bool::weighted(0.9), 6)).prop_map(
        |(values, staff, kept)| {
            let (groups, verified, sponsor, end, department, employment) = values;
            let all = [
                ("groups", groups),
                ("email_verified", verified),
                ("sponsor", sponsor),
                ("contract_end", end),
                ("department", department),
                ("employment", employment),
            ];
            let kept = all.into_iter().zip(kept).filter(|(_, kept)| *kept);
            let values = kept.map(|((name, value), _)| (name.to_owned(), value)).collect();
            let provider = if staff { "staff" } else { "partners" };
            ClaimSet::new(provider.parse().unwrap(), values, &GroupsSettings::default())
        },
    )
}

/// Parts of a `who` over the claims that `any_person` has.
fn any_part() -> impl Strategy<Value = Value> {
    let group = || prop::sample::subsequence(vec!["a", "b", "c"], 1..3);
    prop_oneof![
        Just(json!({ "provider": "staff" })),
        group().prop_map(|any| json!({ "groups": { "any": any } })),
        group().prop_map(|all| json!({ "groups": { "all": all } })),
        Just(json!({ "groups": { "prefix": "a" } })),
        Just(json!({ "groups": { "glob": "?" } })),
        Just(json!({ "claims": { "level": { "min": 2, "max": 3 } } })),
        Just(json!({ "claims": { "level": [1, 2] } })),
        Just(json!({ "claims": { "kind": { "regex": "x|y" } } })),
        Just(json!({ "claims": { "kind": "x" } })),
        Just(json!({ "claims": { "tags": { "has": "t" } } })),
        Just(json!({ "email-domain": "example.com" })),
        Just(json!({ "when": "claims.level > 1" })),
        Just(json!({ "when": "'a' in groups || claims.kind == 'x'" })),
    ]
}

fn any_who() -> impl Strategy<Value = Value> {
    prop::collection::vec(any_part(), 1..3).prop_map(|parts| {
        let all = parts.into_iter().flat_map(|part| part.as_object().cloned().unwrap());
        Value::Object(all.collect())
    })
}

/// A policy of five roles, each of which may bring later ones; without a rule that takes away unless `negative`.
pub(in crate::policy) fn any_rules(negative: bool) -> impl Strategy<Value = Value> {
    let bounds = prop_oneof![
        Just(json!({})),
        Just(json!({ "ttl": "1h", "renew": "login" })),
        Just(json!({ "ttl": "30d", "at-most": "90d" })),
        Just(json!({ "until": "claims.end", "zone": "Europe/Berlin" })),
        Just(json!({ "from": "2026-03-02", "until": "2026-03-20" })),
        Just(json!({ "from": "2026-03-03" })),
        Just(json!({ "idle": "7d", "session": "8h" })),
        Just(json!({ "idle": { "after": "9d", "unless": { "groups": { "any": ["c"] } } } })),
    ];
    let apps = prop::sample::subsequence(vec!["wiki", "notes"], 1..=2);
    let sometimes = move |chance| {
        if negative { prop::option::weighted(chance, any_who()).boxed() } else { Just(None).boxed() }
    };
    let unless = sometimes(0.3);
    let role =
        (any_who(), bounds, apps, prop::bool::weighted(0.2), unless, prop::collection::vec(any::<bool>(), 5));
    let separate = any::<bool>().prop_map(move |separate| separate && negative);
    (prop::collection::vec(role, 5), sometimes(0.5), sometimes(0.5), separate).prop_map(
        |(roles, deny, shut, separate)| {
            let role = |(index, role): (usize, _)| {
                let (who, bounds, apps, approval, unless, includes): (
                    Value,
                    Value,
                    Vec<&str>,
                    bool,
                    Option<Value>,
                    Vec<bool>,
                ) = role;
                let gets: Map<_, _> = apps.iter().map(|app| ((*app).to_owned(), json!({}))).collect();
                let later = (index + 1..5).filter(|later| includes[*later] && *later > index + 2);
                let includes: Vec<_> = later.map(|later| format!("r{later}")).collect();
                let mut role = json!({ "who": who, "gets": gets, "for": bounds, "includes": includes });
                if approval {
                    role["approval"] = json!({ "by": "r0" });
                }
                if let Some(unless) = unless {
                    role["unless"] = unless;
                }
                (format!("r{index}"), role)
            };
            let roles: Map<_, _> = roles.into_iter().enumerate().map(role).collect();
            let mut policy = json!({ "version": 1, "roles": roles, "deny": {}, "separate": {} });
            if let Some(who) = deny {
                policy["deny"]["some"] = json!({ "who": who, "roles": ["r0", "r4"] });
            }
            if let Some(who) = shut {
                policy["deny"]["all"] = json!({ "who": who, "apps": ["wiki"] });
            }
            if separate {
                policy["separate"]["duties"] = json!({ "roles": ["r1", "r4"] });
            }
            policy
        },
    )
}

pub(in crate::policy) fn read(policy: &Value) -> Policy {
    parse(&[("p.yaml", &policy.to_string())]).unwrap_or_else(|told| panic!("{policy} is refused: {told:?}"))
}

pub(in crate::policy) fn any_person() -> impl Strategy<Value = ClaimSet> {
    let claim =
        |value: Value| prop_oneof![1 => Just(None), 4 => Just(Some(value)), 1 => any_json().prop_map(Some)];
    let groups = prop::sample::subsequence(vec!["a", "b", "c"], 0..=3).prop_map(|groups| json!(groups));
    let groups = prop_oneof![1 => Just(None), 4 => groups.prop_map(Some)];
    let level = (0..5_i64).prop_flat_map(move |level| claim(json!(level)));
    let end = prop_oneof![
        Just(None),
        Just(Some(json!("2026-03-09"))),
        Just(Some(json!("2026-01-01"))),
        Just(Some(json!(7)))
    ];
    (groups, level, claim(json!("x")), claim(json!(["t"])), end, any::<[bool; 2]>()).prop_map(
        |(groups, level, kind, tags, end, [staff, verified])| {
            let claims = [("groups", groups), ("level", level), ("kind", kind), ("tags", tags), ("end", end)];
            let mut values: Map<_, _> =
                claims.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
            values.insert("email".to_owned(), json!("a@example.com"));
            values.insert("email_verified".to_owned(), json!(verified));
            let provider = if staff { "staff" } else { "partners" };
            ClaimSet::new(provider.parse().unwrap(), values, &GroupsSettings::default())
        },
    )
}

fn granted_roles(decision: &Decision) -> BTreeSet<(RoleName, AppName)> {
    decision.granted().map(|terms| (terms.role.clone(), terms.app.clone())).collect()
}

proptest! {
    #[test]
    fn same_input_same_answer_in_any_order(claims in any_claims()) {
        let one = both().evaluate(&claims, now());
        let split: Vec<_> = EMPLOYEES.split("\n  editor:").collect();
        let later = format!("version: 1\nroles:\n  editor:{}", split[1].split("\nexamples:").next().unwrap());
        let first = format!("{}\n", split[0]);
        let other = parse(&[("z.yaml", &first), ("c.yaml", CONTRACTORS), ("a.yaml", &later)]).unwrap();
        prop_assert_eq!(&one, &both().evaluate(&claims, now()));
        prop_assert_eq!(&one, &other.evaluate(&claims, now()));
    }

    #[test]
    fn any_claims_are_survived(values in prop::collection::btree_map(".{0,12}", any_json(), 0..8)) {
        let values = values.into_iter().collect();
        both().evaluate(&ClaimSet::new("staff".parse().unwrap(), values, &GroupsSettings::default()), now());
    }

    #[test]
    fn less_is_never_more(claims in any_claims(), without in 0_usize..6, groups in 0_usize..4) {
        let policy = both();
        let all = granted_roles(&policy.evaluate(&claims, now()));
        let mut fewer = claims.values().clone();
        if let Some(name) = fewer.keys().nth(without).cloned() {
            fewer.remove(&name);
        }
        // A list that cannot be read grants nothing, and could be read without what is wrong in it.
        if let Some(Value::Array(list)) = fewer.get_mut("groups")
            && matches!(claims.groups(), Groups::Known(_))
            && groups < list.len()
        {
            list.remove(groups);
        }
        let fewer = ClaimSet::new(claims.provider().clone(), fewer, &GroupsSettings::default());
        let left = granted_roles(&policy.evaluate(&fewer, now()));
        prop_assert!(left.is_subset(&all), "{:?} are more than {:?}", left, all);
    }

    #[test]
    fn unknown_groups_grant_no_role_that_needs_them(claims in any_claims()) {
        let mut values = claims.values().clone();
        values.insert("groups".to_owned(), json!(7));
        let unknown = ClaimSet::new(claims.provider().clone(), values, &GroupsSettings::default());
        let decision = both().evaluate(&unknown, now());
        prop_assert!(decision.granted().all(|terms| terms.role.as_str() == "employee"));
    }

    #[test]
    fn a_denial_never_gives(policy in any_rules(true), who in any_who(), person in any_person()) {
        let before = granted_roles(&read(&policy).evaluate(&person, now()));
        let mut more = policy;
        more["deny"]["more"] = json!({ "who": who });
        let after = granted_roles(&read(&more).evaluate(&person, now()));
        prop_assert!(after.is_subset(&before), "{:?} are more than {:?}", after, before);
    }

    #[test]
    fn who_loses_a_claim_gains_nothing_without_a_negation(policy in any_rules(false), person in any_person(), lost in 0_usize..7) {
        let mut values = person.values().clone();
        if let Some(name) = values.keys().nth(lost).cloned() {
            values.remove(&name);
        }
        let fewer = ClaimSet::new(person.provider().clone(), values, &GroupsSettings::default());
        let policy = read(&policy);
        let (all, left) = (policy.evaluate(&person, now()), policy.evaluate(&fewer, now()));
        prop_assert!(granted_roles(&left).is_subset(&granted_roles(&all)), "{:?} are more than {:?}", left, all);
    }

    #[test]
    fn the_order_of_rules_and_files_means_nothing(policy in any_rules(true), person in any_person(), cut in 0_usize..6) {
        let part = |roles: Map<String, Value>, rest: bool| {
            let mut part = json!({ "version": 1, "roles": roles });
            if rest {
                part["deny"] = policy["deny"].clone();
                part["separate"] = policy["separate"].clone();
            }
            part.to_string()
        };
        let roles: Vec<_> = policy["roles"].as_object().unwrap().clone().into_iter().collect();
        let (one, other) = roles.split_at(cut.min(roles.len()));
        let turned = |roles: &[(String, Value)]| roles.iter().rev().cloned().collect::<Map<_, _>>();
        let split = parse(&[("z.yaml", &part(turned(one), true)), ("a.yaml", &part(turned(other), false))]).unwrap();
        prop_assert_eq!(split.evaluate(&person, now()), read(&policy).evaluate(&person, now()));
    }

    #[test]
    fn what_is_brought_lasts_no_longer_than_what_brings_it(policy in any_rules(false), person in any_person()) {
        let whole = read(&policy);
        let decision = whole.evaluate(&person, now());
        // Alone, without the roles that bring it, each role is given by itself or not at all.
        let mut alone = policy;
        for role in alone["roles"].as_object_mut().unwrap().values_mut() {
            role["includes"] = json!([]);
        }
        let own = read(&alone).evaluate(&person, now());
        let spans = |terms: &Terms| [terms.ttl, terms.at_most, terms.idle, terms.session];
        for terms in decision.granted() {
            let same = |other: &&Terms| other.role == terms.role && other.app == terms.app;
            let bringers = own.granted().filter(|other| whole.roles.iter().any(|role| {
                role.name == other.role && role.ways.iter().any(|way| whole.roles[way.role].name == terms.role)
            }));
            let mut bringers: Vec<_> = bringers.collect();
            bringers.extend(own.granted().find(same));
            let within = bringers.iter().any(|bringer| {
                let spans = spans(terms).into_iter().zip(spans(bringer));
                let shorter = spans.into_iter().all(|(own, other)| other.is_none_or(|other| own.is_some_and(|own| own <= other)));
                let until = bringer.until.as_ref().is_none_or(|(at, _)| terms.until.as_ref().is_some_and(|(own, _)| own <= at));
                shorter && until
            });
            prop_assert!(within, "{:?} lasts longer than all of {:?}", terms, bringers);
        }
    }

    #[test]
    fn no_claims_break_any_rule(policy in any_rules(true), values in prop::collection::btree_map("groups|level|kind|tags|end|email|.{0,3}", any_json(), 0..8)) {
        let values = values.into_iter().collect();
        read(&policy).evaluate(&ClaimSet::new("staff".parse().unwrap(), values, &GroupsSettings::default()), now());
    }
}
