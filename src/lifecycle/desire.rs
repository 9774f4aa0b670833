//! What each account of a person should be, from the grants they hold.

use super::{Inner, Rules};
use crate::account::{Bearer, Closing, Desired, Entitlement, Grant};
use crate::identity::Voucher;
use crate::names::{TargetName, UserId};
use crate::seal::sha256_text;
use crate::store::{Counts, Error, Identity, Origin, Rank, Standing, Tx};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What made what should be another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A moment that was written down came. Many may end at once, and nobody needs to confirm it.
    Calendar,
    /// A policy that its own guard has let pass, or somebody has confirmed.
    Policy,
    /// Everything else: a target's guard counts what it takes.
    Change,
}

impl Inner {
    /// Writes what should be in every target where `user` has a grant *or an account*: else the last grant would
    /// take its target out of sight, and the account would stay. What should be already is left alone.
    pub(super) async fn desire(&self, tx: &mut Tx, user: UserId, occasion: Occasion) -> Result<(), Error> {
        let now = tx.now();
        let shut_out = tx.user(user).await?.is_none_or(|user| user.revoked.is_some());
        let identities = tx.identities(user).await?;
        let Some(founding) = identities.first() else { return self.let_go_of_nobodys(tx, user).await };
        let mut grants = tx.grants(user).await?;
        self.rules.leave_out_machines(&identities, &mut grants);
        let mut ever = self.rules.by_target(&grants);
        let bearer = bearer(founding);
        let live = |grant: &&&Grant| !shut_out && grant.is_live(now);
        for standing in tx.standing_accounts(user).await? {
            let ever = ever.remove(&standing.target).unwrap_or_default();
            let held: Vec<_> = ever.iter().filter(live).copied().collect();
            let held = self.rules.counted(&held, &standing.desired, &standing.given);
            let held: Vec<&Grant> = held.iter().map(|grant| &**grant).collect();
            let mut desired = Desired::for_grants(&bearer, &held, &standing.given, closing(&ever));
            let ours = standing.origin == Origin::Created && !matches!(desired, Desired::Active(_));
            let mut delete_at = ours.then(|| retained_until(&ever)).flatten();
            if delete_at.is_some_and(|at| at <= now) {
                (desired, delete_at) = (Desired::Absent, None);
            }
            if desired != standing.desired {
                let rank = self.rules.rank(&standing, &desired);
                let counts = match occasion {
                    Occasion::Calendar => Counts::No,
                    Occasion::Policy => Counts::AsBefore,
                    Occasion::Change => Counts::Yes,
                };
                tx.desire(user, &standing, &desired, rank, counts).await?;
            }
            if delete_at != standing.delete_at {
                tx.keep_until(&standing, delete_at).await?;
            }
        }
        for (target, ever) in ever {
            let held = self.rules.enforced(ever.iter().filter(live).copied());
            if !held.is_empty() {
                let desired = Desired::for_grants(&bearer, &held, &BTreeSet::new(), closing(&ever));
                tx.add_account(user, target, &self.external_id(founding), &desired).await?;
            }
        }
        Ok(())
    }

    /// Has those accounts deleted whose time is over and that were left behind when their person became one with another
    /// (see [`super::Lifecycle::link`]): nobody is there any more for whom they could be anything else.
    async fn let_go_of_nobodys(&self, tx: &mut Tx, user: UserId) -> Result<(), Error> {
        let now = tx.now();
        for standing in tx.standing_accounts(user).await? {
            if standing.delete_at.is_none_or(|at| at > now) {
                continue;
            }
            if standing.origin == Origin::Created && standing.desired != Desired::Absent {
                let rank = self.rules.rank(&standing, &Desired::Absent);
                tx.desire(user, &standing, &Desired::Absent, rank, Counts::No).await?;
            }
            tx.keep_until(&standing, None).await?;
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
    /// These grants by the target in which they give something.
    pub(super) fn by_target<'a>(
        &'a self,
        grants: impl IntoIterator<Item = &'a Grant>,
    ) -> BTreeMap<&'a TargetName, Vec<&'a Grant>> {
        let mut by_target: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for grant in grants {
            if let Some(target) = self.targets.get(&grant.terms.app) {
                by_target.entry(target).or_default().push(grant);
            }
        }
        by_target
    }

    /// Leaves out the grants of machines that get no accounts: roles open apps to them at once.
    pub(super) fn leave_out_machines<'a>(
        &self,
        identities: impl IntoIterator<Item = &'a Identity>,
        grants: &mut Vec<Grant>,
    ) {
        let without = |identity: &&Identity| {
            identity.voucher == Voucher::Machine && !self.machine_accounts.contains(&identity.provider)
        };
        for machine in identities.into_iter().filter(without) {
            grants.retain(|grant| grant.identity != machine.id);
        }
    }

    /// How much hurry it is that an account becomes what is desired.
    fn rank(&self, standing: &Standing, desired: &Desired) -> Rank {
        // Against what is there: what an earlier desire was to take and a target has not taken yet is taken by this one.
        // One that was to be open may be by now, though nobody has recorded it.
        let opens = |desired: &Desired| matches!(desired, Desired::Active(_));
        if !standing.seen.loses_by(desired) && (opens(desired) || !opens(&standing.desired)) {
            return Rank::Give;
        }
        let privileged = self.privileged.get(&standing.target);
        let much = |had: &Entitlement| privileged.is_some_and(|names| names.contains(had.name()));
        if standing.given.iter().any(much) { Rank::TakePrivileged } else { Rank::Take }
    }
}

/// What becomes of an account for which there were ever these grants: the one that ended last says it.
fn closing(ever: &[&Grant]) -> Closing {
    let named = ever.iter().filter(|grant| grant.terms.heir.is_some());
    let last = named.max_by_key(|grant| grant.end.at);
    Closing { heir: last.and_then(|grant| grant.terms.heir.clone()) }
}

/// Until when an account is kept for which there were ever these grants; for ever, where one of them says nothing.
fn retained_until(ever: &[&Grant]) -> Option<Timestamp> {
    let until = |grant: &&Grant| grant.end.at.checked_add(grant.terms.delete_after?).ok();
    ever.iter().map(until).collect::<Option<Vec<_>>>()?.into_iter().max()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Because, Terms};
    use crate::names::IdentityId;
    use jiff::SignedDuration;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    /// A grant that ended so many days after the start, kept for so many more and with this heir, if any.
    fn ended(after: i32, kept: Option<i32>, heir: Option<&str>) -> Grant {
        let terms = Terms {
            heir: heir.map(str::to_owned),
            delete_after: kept.map(|days| DAY * days),
            ttl: Some(DAY * 400),
            ..Terms::plain("guest".parse().unwrap(), "wiki".parse().unwrap())
        };
        let grant = Grant::first(IdentityId::random(), terms, Timestamp::UNIX_EPOCH, DAY).unwrap();
        grant.finish(Because::Operator, Timestamp::UNIX_EPOCH + DAY * after)
    }

    #[test]
    fn an_account_is_kept_for_the_longest_that_any_role_says_and_for_ever_where_one_says_nothing() {
        let (short, long) = (ended(10, Some(1), None), ended(5, Some(30), None));
        assert_eq!(retained_until(&[&short, &long]), Some(Timestamp::UNIX_EPOCH + DAY * 35));
        assert_eq!(retained_until(&[&short, &ended(1, None, None)]), None);
        assert_eq!(retained_until(&[]), None);
    }

    #[test]
    fn the_role_that_ended_last_and_names_an_heir_says_who() {
        let (first, last, none) =
            (ended(1, None, Some("otto")), ended(2, None, Some("ida")), ended(3, None, None));
        assert_eq!(closing(&[&last, &none, &first]).heir.as_deref(), Some("ida"));
        assert_eq!(closing(&[&none]).heir, None);
    }
}
