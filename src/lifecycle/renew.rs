//! From what policy decided to the grants of one identity.

use super::{Inner, follow};
use crate::account::Grant;
use crate::names::{IdentityId, UserId};
use crate::policy::Decision;
use crate::store::{Error, Tx};
use serde_json::{Value, json};

impl Inner {
    /// Brings the grants of `identity` to what policy decided, and returns all grants of the person as they are then.
    pub(super) async fn renew(
        &self,
        tx: &mut Tx,
        user: UserId,
        identity: IdentityId,
        before: &[Grant],
        decision: &Decision,
    ) -> Result<Vec<Grant>, Error> {
        let (held, others): (Vec<_>, Vec<_>) =
            before.iter().cloned().partition(|grant| grant.identity == identity);
        let policy = decision.policy.to_string();
        let mut after = follow::after_sign_in(identity, &held, decision, tx.now(), self.rules.settings.lapse);
        // Those that were there come first; what is beyond them is new.
        for (number, grant) in after.iter().enumerate() {
            if held.get(number) != Some(grant) {
                tx.save_grant(user, grant, Some(&policy)).await?;
            }
        }
        after.extend(others);
        Ok(after)
    }
}

/// Grants as the record shows them before and after a change.
pub(super) fn facts(grants: &[Grant]) -> Vec<Value> {
    let fact = |grant: &Grant| {
        json!({
            "grant": grant.id,
            "app": grant.terms.app,
            "role": grant.terms.role,
            "groups": grant.terms.groups,
            "roles": grant.terms.roles,
            "until": grant.end.at,
            "because": grant.end.because,
            "ended": grant.ended,
        })
    };
    grants.iter().map(fact).collect()
}
