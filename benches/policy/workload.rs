//! The policies and people that are measured. A rule is written once, and said in each of the three languages.

use guestpass::document::Mistakes;
use guestpass::identity::{ClaimSet, GroupsSettings};
use guestpass::policy::{Known, Policy};
use serde_json::{Value, json};
use std::fmt::Write;

/// What stands behind each figure.
pub(crate) const ABOUT: [(&str, &str); 6] = [
    ("usual", "200 rules on provider, groups and claims; a person in 30 groups"),
    ("usual-cedar", "the same policy in Cedar"),
    ("usual-cel", "the same policy, one CEL expression a rule"),
    ("large", "10,000 rules on groups and exact claims; a person in 30 groups"),
    ("costly", "200 rules, half of them regular expressions, half CEL; all of them are asked"),
    ("load-large", "reading, checking and indexing the 10,000"),
];

/// How many apps the roles open.
const APPS: usize = 20;

/// A rule: role `r7` for whom all that is said here is true.
pub(crate) struct Rule {
    /// Whoever is in one of these; anybody if there are none.
    pub(crate) groups: Vec<String>,
    /// Claims and their values.
    pub(crate) claims: Vec<(&'static str, String)>,
    /// A claim and a regular expression for it.
    regex: Option<(&'static str, String)>,
    /// An expression in CEL.
    when: Option<String>,
}

/// A policy, and somebody who is asked about.
pub(crate) struct Workload {
    pub(crate) rules: Vec<Rule>,
    pub(crate) groups: Vec<String>,
    pub(crate) claims: Value,
}

impl Rule {
    fn of(groups: Vec<String>, claims: Vec<(&'static str, String)>) -> Self {
        Self { groups, claims, regex: None, when: None }
    }

    fn who(&self) -> Value {
        let mut who = json!({ "provider": "staff" });
        if !self.groups.is_empty() {
            who["groups"] = json!({ "any": self.groups });
        }
        for (name, value) in &self.claims {
            who["claims"][name] = json!(value);
        }
        if let Some((name, regex)) = &self.regex {
            who["claims"][name] = json!({ "regex": regex });
        }
        if let Some(when) = &self.when {
            who["when"] = json!(when);
        }
        who
    }
}

impl Workload {
    /// A company of a few hundred.
    pub(crate) fn usual() -> Self {
        let rule = |number: usize| {
            let groups = vec![format!("team-{number}"), format!("team-{number}-leads")];
            let claims = if number.is_multiple_of(4) {
                vec![("department", format!("d-{}", number % 8))]
            } else {
                Vec::new()
            };
            Rule::of(groups, claims)
        };
        Self { rules: (0..200).map(rule).collect(), groups: thirty(25), claims: person() }
    }

    /// A company of many thousands.
    pub(crate) fn large() -> Self {
        let rule = |number: usize| match number % 2 {
            0 => Rule::of(vec![format!("team-{number}")], Vec::new()),
            _ => {
                let claim = ["cost_centre", "site", "department"][number / 2 % 3];
                Rule::of(Vec::new(), vec![(claim, format!("{}-{number}", &claim[..1]))])
            }
        };
        Self { rules: (0..10_000).map(rule).collect(), groups: thirty(1_000), claims: person() }
    }

    /// Rules of which every one is asked, since nothing about them can be looked up.
    pub(crate) fn costly() -> Self {
        let rule = |number: usize| {
            let mut rule = Rule::of(Vec::new(), Vec::new());
            match number % 2 {
                0 => rule.regex = Some(("employee", format!("[a-f]{{2}}-{number}[0-9]{{2}}"))),
                _ => rule.when = Some(format!("claims.level > {number} && claims.site.startsWith('s-')")),
            }
            rule
        };
        Self { rules: (0..200).map(rule).collect(), groups: thirty(25), claims: person() }
    }

    /// The policy as guestpass reads it.
    pub(crate) fn policy(&self) -> Policy {
        let mut text = "version: 1\nroles:\n".to_owned();
        for (number, rule) in self.rules.iter().enumerate() {
            let app = number % APPS;
            let gets = json!({ format!("app-{app}"): { "groups": [format!("g-{number}")] } });
            writeln!(text, "  r{number}: {{ who: {}, gets: {gets}, for: {{ ttl: 30d }} }}", rule.who())
                .unwrap();
        }
        let known = Known {
            providers: ["staff".parse().unwrap()].into(),
            apps: (0..APPS).map(|app| format!("app-{app}").parse().unwrap()).collect(),
        };
        let mut mistakes = Mistakes::default();
        let policy = Policy::parse(&[("bench.yaml".to_owned(), text)], &known, &mut mistakes);
        policy.unwrap_or_else(|| panic!("{mistakes}"))
    }

    /// The person, as the provider tells of them.
    pub(crate) fn person(&self) -> ClaimSet {
        let mut claims = self.claims.as_object().unwrap().clone();
        claims.insert("groups".to_owned(), json!(self.groups));
        ClaimSet::new("staff".parse().unwrap(), claims, &GroupsSettings::default())
    }
}

/// Thirty groups, of which six are of rules, `apart` from one another.
fn thirty(apart: usize) -> Vec<String> {
    let known = (0..6).map(|number| format!("team-{}", number * apart));
    known.chain((0..24).map(|number| format!("mailing-list-{number}"))).collect()
}

fn person() -> Value {
    json!({
        "sub": "s-4",
        "name": "Ada Example",
        "email": "ada@example.com",
        "email_verified": true,
        "department": "d-4",
        "cost_centre": "c-7",
        "site": "s-9",
        "employee": "ab-1234",
        "level": 100,
    })
}
