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
        let mut after = follow::after_sign_in(identity, &held, decision, tx.now(), self.rules.settings.lapse);
        save(tx, user, &held, &after, decision).await?;
        after.extend(others);
        Ok(after)
    }
}

/// Writes what became of the grants that were `held` by what policy decided: they come first in `after`, and what is beyond
/// them is new.
pub(super) async fn save(
    tx: &mut Tx,
    user: UserId,
    held: &[Grant],
    after: &[Grant],
    decision: &Decision,
) -> Result<(), Error> {
    let policy = decision.policy.to_string();
    for (number, grant) in after.iter().enumerate() {
        if held.get(number) != Some(grant) {
            tx.save_grant(user, grant, Some(&policy)).await?;
        }
    }
    Ok(())
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
