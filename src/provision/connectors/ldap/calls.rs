//! The operations that a step takes, in words.

use super::super::naming::Naming;
use super::directory::Directory;
use crate::account::{Profile, Step};
use crate::provision::connector::Call;

pub(super) fn calls(step: &Step, directory: &Directory, naming: &Naming) -> Vec<Call> {
    let entry =
        |id: &String| format!("{} {}", directory.id, if id.is_empty() { "(the new one)" } else { id });
    let modify = |id, what: String| Call::new("modify", entry(id), what);
    let lock = &directory.lock.attribute;
    let call = match step {
        Step::Create(profile) => {
            let what = format!("{} {}{}", directory.name, naming.name(&profile.user_name), said(profile));
            Call::new("add", entry(&String::new()), what)
        }
        Step::Adopt { native_id } => modify(native_id, format!("{}, our mark", directory.mark)),
        Step::Enable { native_id } => modify(native_id, format!("{lock}, open")),
        Step::Disable { native_id } => modify(native_id, format!("{lock}, shut")),
        Step::Update { native_id, profile } => {
            let what = format!("{} {}{}", directory.name, naming.name(&profile.user_name), said(profile));
            modify(native_id, what)
        }
        Step::Give { native_id, entitlement } => {
            Call::new("modify", format!("{entitlement}"), format!("add {}", entry(native_id)))
        }
        Step::Take { native_id, entitlement } => {
            Call::new("modify", format!("{entitlement}"), format!("remove {}", entry(native_id)))
        }
        Step::Delete { native_id } => {
            Call::new("delete", entry(native_id), "the entry, and out of its groups")
        }
        Step::EndSessions { .. } | Step::HandOver { .. } => return Vec::new(),
    };
    vec![call]
}

fn said(profile: &Profile) -> String {
    let display = profile.display_name.as_ref().map(|name| ("displayName", name));
    let email = profile.email.as_ref().map(|email| ("mail", email));
    let further = profile.attributes.iter().map(|(name, value)| (name.as_str(), value));
    display.into_iter().chain(email).chain(further).map(|(name, value)| format!(", {name} {value}")).collect()
}
