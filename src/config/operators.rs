//! Who may be an operator by the policy, checked: a role that gives the admin API means something only by its name.

use super::own_app;
use super::tell::Tell;
use crate::audit::OperatorRole;
use crate::document::closest;
use crate::policy::Policy;

pub(super) fn check(policy: &Policy, tell: &mut Tell<'_>) {
    let Some(app) = own_app() else { return };
    let names = OperatorRole::ALL.map(|role| format!("{app}.{role}"));
    let opening = policy.roles().filter(|role| policy.opens(role, &app));
    for role in opening.filter(|role| OperatorRole::of_policy(role).is_none()) {
        let hint = match closest(role.as_str(), names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("only {} do; let it include one of them", names.join(", ")),
        };
        tell.hint(&["policies"], format!("role \"{role}\" gives {app}, and makes nobody an operator"), &hint);
    }
}
