//! The calls that a step takes, in words.

use super::wire;
use crate::account::{Entitlement, Step};
use crate::provision::connector::Call;
use serde_json::Value;

pub(super) fn calls(step: &Step) -> Vec<Call> {
    let user = |id: &String| format!("/Users/{}", if id.is_empty() { "(the new one)" } else { id });
    let patch = |id, what: &str| Call::new("PATCH", user(id), what);
    let call = match step {
        Step::Create(profile) => Call::new("POST", "/Users", format!("userName {}", profile.user_name)),
        Step::Adopt { native_id } => patch(native_id, "externalId"),
        Step::Enable { native_id } => patch(native_id, "active true"),
        Step::Disable { native_id } => patch(native_id, "active false"),
        Step::Delete { native_id } => Call::new("DELETE", user(native_id), "the account"),
        Step::Update { native_id, profile } => patch(native_id, &replaced(&wire::replace(profile))),
        Step::Give { entitlement: Entitlement::Group(group), .. } => {
            Call::new("PATCH", format!("/Groups ({group})"), "add the account")
        }
        Step::Take { entitlement: Entitlement::Group(group), .. } => {
            Call::new("PATCH", format!("/Groups ({group})"), "remove the account")
        }
        Step::Give { native_id, entitlement: Entitlement::Role(role) } => {
            patch(native_id, &format!("add role {role}"))
        }
        Step::Take { native_id, entitlement: Entitlement::Role(role) } => {
            patch(native_id, &format!("remove role {role}"))
        }
        Step::EndSessions { .. } | Step::HandOver { .. } => return Vec::new(),
    };
    vec![call]
}

/// The attributes that the operations of a PATCH replace, with their values.
fn replaced(operations: &Value) -> String {
    let one = |operation: &Value| Some(format!("{} {}", operation["path"].as_str()?, operation["value"]));
    operations.as_array().into_iter().flatten().filter_map(one).collect::<Vec<_>>().join(", ")
}
