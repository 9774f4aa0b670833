//! What editors go by: the JSON Schema of policy files, from the very types that read them.

use super::raw::File;
use schemars::{Schema, schema_for};

/// The JSON Schema (draft 2020-12) of a policy file. It knows the form alone: whether an app exists, or somebody can get a
/// role, is told by [`Policy::parse`](super::Policy::parse).
pub fn schema() -> Schema {
    schema_for!(File)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;
    use crate::policy::tests::parse;
    use crate::policy::tests::properties::any_rules;
    use jsonschema::Validator;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::sync::LazyLock;

    static VALIDATOR: LazyLock<Validator> =
        LazyLock::new(|| jsonschema::validator_for(&schema().to_value()).unwrap());

    fn accepts(text: &str) -> bool {
        VALIDATOR.is_valid(Document::parse("p.yaml", text).unwrap().value())
    }

    #[test]
    fn the_committed_schema_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/schema.json");
        let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(committed, schema().to_value(), "guestpass policy schema > policies/schema.json");
    }

    #[test]
    fn the_examples_are_of_this_form() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/examples");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            assert!(accepts(&std::fs::read_to_string(&path).unwrap()), "{}", path.display());
        }
    }

    #[test]
    fn what_is_of_another_form_is_refused_like_by_the_parser() {
        let right = "version: 1\nroles:\n  a: { who: { provider: staff }, gets: { wiki: {} } }\n";
        assert!(accepts(right) && parse(&[("p.yaml", right)]).is_ok());
        let role = |rest: &str| {
            format!(
                "version: 1\nroles:\n  a: {{ who: {{ provider: staff }}, gets: {{ wiki: {{}} }}, {rest} }}\n"
            )
        };
        let who = |who: &str| {
            format!(
                "version: 1\nroles:\n  a: {{ who: {{ provider: staff, {who} }}, gets: {{ wiki: {{}} }} }}\n"
            )
        };
        let wrong = [
            "roles: {}\n".to_owned(),
            "version: 2\n".to_owned(),
            "version: \"1\"\n".to_owned(),
            "version: 1\nrole: {}\n".to_owned(),
            "version: 1\nroles: []\n".to_owned(),
            "version: 1\nroles: { Äpfel: { gets: { wiki: {} } } }\n".to_owned(),
            "version: 1\ndeny: { a: { roles: [b] } }\n".to_owned(),
            "version: 1\nseparate: { a: { roles: [b] } }\n".to_owned(),
            "version: 1\nexamples:\n  - when: { provider: staff, claims: {} }\n".to_owned(),
            "version: 1\nexamples:\n  - when: { provider: staff }\n    expect: { roles: [] }\n".to_owned(),
            "version: 1\nexamples:\n  - when: { provider: staff, claims: {} }\n    expect: { wiki: {} }\n".to_owned(),
            "version: 1\nexamples:\n  - when: { provider: staff, claims: {} }\n    expect: { roles: [], wiki: { end: x } }\n".to_owned(),
            role("for: { ttl: 30 days }"),
            role("for: { ttl: 30 }"),
            role("for: { tll: 30d }"),
            role("for: { renew: always }"),
            role("for: { idle: 30 }"),
            role("for: { idle: { after: 30d } }"),
            role("for: { idle: { after: 30d, unless: {} } }"),
            role("only: {}"),
            role("only: { days: [monday] }"),
            role("only: { hours: 8-18 }"),
            role("guest: {}"),
            role("guest: { sponsor: ada }"),
            role("approval: {}"),
            role("includes: b"),
            role("unless: {}"),
            role("gets: { wiki: { routes: [reports] } }").replace("gets: { wiki: {} }, ", ""),
            role("gets: { wiki: { groups: readers } }").replace("gets: { wiki: {} }, ", ""),
            who("groups: {}"),
            who("groups: { any: [] }"),
            who("groups: { some: [a] }"),
            who("claims: { a: {} }"),
            who("claims: { a: [] }"),
            who("claims: { a: [[1]] }"),
            who("claims: { a: { min: few } }"),
            who("claims: { a: { present: false } }"),
            who("claims: { a: { starts: x } }"),
            who("email-domain: []"),
            who("when: [true]"),
        ];
        for text in wrong {
            assert!(!accepts(&text), "the schema takes\n{text}");
            assert!(parse(&[("p.yaml", &text)]).is_err(), "the parser takes\n{text}");
        }
    }

    proptest! {
        #[test]
        fn what_the_parser_takes_is_taken(policy in any_rules(true)) {
            let text = policy.to_string();
            prop_assert!(parse(&[("p.yaml", &text)]).is_ok() && accepts(&text));
        }
    }
}
