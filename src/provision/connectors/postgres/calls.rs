//! The statements that a step takes, in words.

use super::super::naming::Naming;
use super::role::LIMIT;
use crate::account::{Profile, Step};
use crate::provision::connector::Call;

pub(super) fn calls(step: &Step, naming: &Naming) -> Vec<Call> {
    let role = |id: &String| format!("role {}", if id.is_empty() { "(the new one)" } else { id });
    let alter = |id, what: String| vec![Call::new("ALTER ROLE", role(id), what)];
    match step {
        Step::Create(profile) => {
            let what = format!("{}, LOGIN{}", naming.name(&profile.user_name), options(profile));
            vec![Call::new("CREATE ROLE", role(&String::new()), what)]
        }
        Step::Adopt { native_id } => vec![Call::new("COMMENT ON ROLE", role(native_id), "our mark")],
        Step::Enable { native_id } => alter(native_id, "LOGIN".to_owned()),
        Step::Disable { native_id } => {
            let end = Call::new("pg_terminate_backend", role(native_id), "its sessions");
            alter(native_id, "NOLOGIN".to_owned()).into_iter().chain([end]).collect()
        }
        Step::Update { native_id, profile } => {
            alter(native_id, format!("{}{}", naming.name(&profile.user_name), options(profile)))
        }
        Step::Give { native_id, entitlement } => {
            vec![Call::new("GRANT", role(native_id), entitlement.name())]
        }
        Step::Take { native_id, entitlement } => {
            vec![Call::new("REVOKE", role(native_id), entitlement.name())]
        }
        Step::EndSessions { native_id } => {
            vec![Call::new("pg_terminate_backend", role(native_id), "its sessions")]
        }
        Step::HandOver { native_id, heir } => {
            vec![Call::new("REASSIGN OWNED", role(native_id), format!("to {heir}"))]
        }
        Step::Delete { native_id } => vec![
            Call::new("REASSIGN OWNED", role(native_id), "to the owner"),
            Call::new("DROP OWNED", role(native_id), "what it was granted"),
            Call::new("DROP ROLE", role(native_id), "the role"),
        ],
    }
}

fn options(profile: &Profile) -> String {
    let until = profile.expires.map(|end| format!(", VALID UNTIL after {end}")).unwrap_or_default();
    let limit = profile.attributes.get(LIMIT).map(|limit| format!(", CONNECTION LIMIT {limit}"));
    format!("{until}{}", limit.unwrap_or_default())
}
