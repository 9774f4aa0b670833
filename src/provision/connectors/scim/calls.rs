//! The calls that a step takes, as an operator reads them before they are made. What is looked up on the way, such as the
//! id of a group, is named instead.

use super::wire;
use crate::account::Step;
use serde::Serialize;
use serde_json::Value;

/// One call that would change something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// Below the server's base URL.
    pub path: String,
    /// What it changes, in words.
    pub what: String,
}

impl Call {
    /// The call of a step.
    pub fn of(step: &Step) -> Self {
        let user = |id: &String| format!("/Users/{}", if id.is_empty() { "(the new one)" } else { id });
        let patch = |path, what: String| Self { method: "PATCH", path, what };
        match step {
            Step::Create(profile) => Self {
                method: "POST",
                path: "/Users".to_owned(),
                what: format!("userName {}", profile.user_name),
            },
            Step::Enable { native_id } => patch(user(native_id), "active true".to_owned()),
            Step::Disable { native_id } => patch(user(native_id), "active false".to_owned()),
            Step::Update { native_id, profile } => patch(user(native_id), replaced(&wire::replace(profile))),
            Step::Join { group, .. } => patch(format!("/Groups ({group})"), "add the account".to_owned()),
            Step::Leave { group, .. } => patch(format!("/Groups ({group})"), "remove the account".to_owned()),
        }
    }
}

/// The attributes that the operations of a PATCH replace, with their values.
fn replaced(operations: &Value) -> String {
    let one = |operation: &Value| Some(format!("{} {}", operation["path"].as_str()?, operation["value"]));
    operations.as_array().into_iter().flatten().filter_map(one).collect::<Vec<_>>().join(", ")
}
