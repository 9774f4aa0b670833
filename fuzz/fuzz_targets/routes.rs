//! The rule of a path is that of the longest prefix on a segment boundary, as the slowest way finds it too.
//!
//! Input: prefixes, one a line; the last line is the path.
#![no_main]

use guestpass::gateway::Rule;
use guestpass_fuzz::{HOST, app, rule};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines: Vec<&str> = text.split('\n').take(12).collect();
    let path = lines.pop().unwrap_or_default();
    if !path.starts_with('/') {
        return;
    }
    lines.sort_unstable();
    lines.dedup();
    // Each prefix has a rule that nobody else has.
    let rules: Map<String, Value> = lines
        .iter()
        .enumerate()
        .map(|(number, prefix)| ((*prefix).to_owned(), json!({ "roles": [format!("r{number}")] })))
        .collect();
    let Some(wiki) = app("wiki", HOST, rules.into()) else { return };
    let longest = lines
        .iter()
        .enumerate()
        .filter(|(_, prefix)| covers(prefix, path))
        .max_by_key(|(_, prefix)| prefix.len());
    let expected = longest.map_or(Rule::AnyRole, |(number, _)| {
        Rule::Roles([format!("r{number}").parse().expect("a role")].into())
    });
    assert_eq!(*rule(&wiki, path), expected, "{path:?} among {lines:?}");
});

fn covers(prefix: &str, path: &str) -> bool {
    prefix == "/" || path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
