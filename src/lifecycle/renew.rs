//! From what policy decided to the grants of one identity.

use super::Inner;
use crate::account::{Because, Grant, Terms};
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
        let (now, lapse) = (tx.now(), self.rules.settings.lapse);
        let policy = decision.policy.to_string();
        let mut after = Vec::new();
        for grant in before {
            let is = |terms: &&Terms| terms.role == grant.terms.role && terms.app == grant.terms.app;
            let renewed = if grant.identity != identity {
                grant.clone()
            } else if let Some(terms) = decision.granted().find(is) {
                grant.clone().confirm(terms.clone(), now, lapse)
            } else if decision.is_undecided(&grant.terms.role) {
                // Unknown is neither empty nor unchanged: it keeps its end, and is not confirmed.
                grant.clone().close_if_over(now)
            } else {
                grant.clone().finish(Because::Policy, now)
            };
            if renewed != *grant {
                tx.save_grant(user, &renewed, Some(&policy)).await?;
            }
            after.push(renewed);
        }
        for terms in decision.granted() {
            let held = |grant: &Grant| {
                grant.identity == identity && grant.terms.role == terms.role && grant.terms.app == terms.app
            };
            if before.iter().any(held) {
                continue;
            }
            if let Some(grant) = Grant::first(identity, terms.clone(), now, lapse) {
                tx.save_grant(user, &grant, Some(&policy)).await?;
                after.push(grant);
            }
        }
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
            "until": grant.end.at,
            "because": grant.end.because,
            "ended": grant.ended,
        })
    };
    grants.iter().map(fact).collect()
}
