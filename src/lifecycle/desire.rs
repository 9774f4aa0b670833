//! What each account of a person should be, from the grants they hold.

use super::{Inner, Rules};
use crate::account::{Bearer, Desired, Grant, Terms};
use crate::names::{TargetName, UserId};
use crate::seal::sha256_text;
use crate::store::{Error, Identity, Tx};
use std::collections::{BTreeMap, BTreeSet};

impl Inner {
    /// Writes what should be in every target where `user` has a grant *or an account*: else the last grant would
    /// take its target out of sight, and the account would stay. What should be already is left alone.
    pub(super) async fn desire(&self, tx: &mut Tx, user: UserId) -> Result<(), Error> {
        let now = tx.now();
        let shut_out = tx.user(user).await?.is_none_or(|user| user.revoked.is_some());
        let identities = tx.identities(user).await?;
        let Some(founding) = identities.first() else { return Ok(()) };
        let grants = tx.grants(user).await?;
        let held = grants.iter().filter(|grant| !shut_out && grant.is_live(now));
        let mut wanted = self.rules.wanted(held);
        let bearer = bearer(founding);
        for standing in tx.standing_accounts(user).await? {
            let terms = wanted.remove(&standing.target).unwrap_or_default();
            let desired = Desired::for_terms(&bearer, &terms, &standing.given);
            if desired != standing.desired {
                tx.desire(user, &standing, &desired).await?;
            }
        }
        for (target, terms) in wanted {
            let desired = Desired::for_terms(&bearer, &terms, &BTreeSet::new());
            tx.add_account(user, target, &self.external_id(founding), &desired).await?;
        }
        Ok(())
    }

    /// What marks an account as this person's and ours, whatever becomes of our store: it can be computed anew.
    fn external_id(&self, founding: &Identity) -> String {
        let subject = &founding.subject;
        let instance = self.store.instance().id.as_bytes();
        sha256_text(&[b"external id", instance, subject.issuer.as_bytes(), subject.sub.as_bytes()])
    }
}

impl Rules {
    /// What these grants, which are live, give in each target.
    pub(super) fn wanted<'a>(
        &'a self,
        held: impl Iterator<Item = &'a Grant>,
    ) -> BTreeMap<&'a TargetName, Vec<&'a Terms>> {
        let mut wanted: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for grant in held {
            if let Some(target) = self.targets.get(&grant.terms.app) {
                wanted.entry(target).or_default().push(&grant.terms);
            }
        }
        wanted
    }
}

/// A name that the provider has not verified could be somebody else's, so without a verified e-mail address people
/// are called by their subject, which is nobody else's.
pub(super) fn bearer(identity: &Identity) -> Bearer {
    let by_subject = || format!("{}@{}", identity.subject.sub, identity.provider);
    Bearer {
        user_name: identity.email.clone().unwrap_or_else(by_subject),
        display_name: identity.display_name.clone(),
        email: identity.email.clone(),
    }
}
