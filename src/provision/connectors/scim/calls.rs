//! The calls that a step takes, in words.

use super::dialect::{Manner, Update};
use super::edit::Edit;
use super::wire;
use crate::account::{Entitlement, Step};
use crate::provision::connector::Call;

pub(super) fn calls(step: &Step, manner: &Manner) -> Vec<Call> {
    let verb = if manner.update == Update::Put { "PUT" } else { "PATCH" };
    let user = |id: &String| format!("/Users/{}", if id.is_empty() { "(the new one)" } else { id });
    let patch = |id, what: &str| Call::new(verb, user(id), what);
    let call = match step {
        Step::Create(profile) => Call::new("POST", "/Users", format!("userName {}", profile.user_name)),
        Step::Adopt { native_id } => patch(native_id, "externalId"),
        Step::Enable { native_id } => patch(native_id, "active true"),
        Step::Disable { native_id } => patch(native_id, "active false"),
        Step::Delete { native_id } => Call::new("DELETE", user(native_id), "the account"),
        Step::Update { native_id, profile } => patch(native_id, &said(&wire::edits(profile, manner))),
        Step::Give { entitlement: Entitlement::Group(group), .. } => {
            Call::new(verb, format!("/Groups ({group})"), "add the account")
        }
        Step::Take { entitlement: Entitlement::Group(group), .. } => {
            Call::new(verb, format!("/Groups ({group})"), "remove the account")
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

/// The attributes that are set, with their values.
fn said(edits: &[Edit]) -> String {
    let one = |edit: &Edit| match edit {
        Edit::Set(path, value) => Some(format!("{path} {value}")),
        Edit::Add(..) | Edit::Remove(..) => None,
    };
    edits.iter().filter_map(one).collect::<Vec<_>>().join(", ")
}
