//! What targets would be asked, as it is told to a person.

use super::table::text;
use serde_json::Value;

/// Whose an account is, and where: a heading.
pub(super) fn account(one: &Value) -> String {
    format!("{} in {}\n", text(one, "person"), text(one, "target"))
}

/// The calls for an account, a line each.
pub(super) fn told(one: &Value) -> String {
    let line =
        |call| format!("  → {} {}: {}\n", text(call, "method"), text(call, "path"), text(call, "what"));
    calls(one).map(line).collect()
}

/// The calls for an account.
pub(super) fn calls(one: &Value) -> impl Iterator<Item = &Value> {
    one["calls"].as_array().into_iter().flatten()
}
