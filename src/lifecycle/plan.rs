//! What other rules would do, asked of the gateway before they hold: to people, and to their accounts in every target.
//! Nothing is written, and no target is called.

use super::compare::{Comparison, Known, Side};
use super::desire::bearer;
use super::{Inner, Lifecycle, Rules};
use crate::account::{Actual, Closing, Desired, Grant, Step, all_steps};
use crate::names::{TargetName, UserId};
use crate::store::{Error, Holder, Identity, KnownAccount, Origin};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How many people are read at a time.
const BATCH: u32 = 500;

/// What other rules would do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// To people.
    pub comparison: Comparison,
    /// To accounts, as far as that would be done at once: what a sign-in adds comes with it.
    pub accounts: Vec<Planned>,
}

/// What would be done to one account.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Whose, as `subject@provider`.
    pub person: String,
    /// Where it lives.
    pub target: TargetName,
    /// One after the other, if the target is as it was last seen.
    pub steps: Vec<Step>,
}

impl Lifecycle {
    /// What `rules` would do if they came to hold now.
    pub async fn plan(&self, rules: &Rules) -> Result<Plan, Error> {
        let inner = self.inner();
        let (reading, mut plan, mut after) = (inner.store.reading(), Plan::default(), None);
        loop {
            let people = reading.known(after, BATCH).await?;
            let (Some(first), Some(last)) = (people.first(), people.last()) else { return Ok(plan) };
            let accounts = reading.accounts_between(first.user, last.user).await?;
            let mut accounts = by_person(accounts);
            after = Some(last.user);
            let now = inner.clock.now();
            for person in people {
                let accounts = accounts.remove(&person.user).unwrap_or_default();
                inner.plan_person(person, &accounts, rules, now, &mut plan);
            }
        }
    }
}

impl Inner {
    fn plan_person(
        &self,
        person: Holder,
        accounts: &[KnownAccount],
        rules: &Rules,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let theirs: Vec<Identity> = person.identities.iter().map(|(identity, _)| identity.clone()).collect();
        let Some(founding) = theirs.first() else { return };
        let identities: Vec<Known> = person.known().collect();
        let (before, after) = (Side::from(&self.rules), Side::from(rules));
        plan.comparison.add(&identities, before, after, now);
        let held = |side: Side<'_>, rules: &Rules| -> Vec<Grant> {
            let admitted = identities.iter().filter(|known| !known.revoked);
            let held = admitted.flat_map(|known| side.held(known, now));
            let mut held = held.filter(|grant| grant.is_live(now)).collect();
            rules.leave_out_machines(&theirs, &mut held);
            held
        };
        // What is to be done anyway is not the work of these rules.
        let old = desired(&self.rules, &held(before, &self.rules), founding, accounts);
        let new = desired(rules, &held(after, rules), founding, accounts);
        for (target, new) in new.into_iter().filter(|(target, new)| old.get(target) != Some(new)) {
            let standing = accounts.iter().find(|account| account.target == target);
            let steps = match standing {
                Some(KnownAccount { seen, origin: Origin::Adopted, .. }) => {
                    all_steps(&new.of_adopted(seen), seen)
                }
                Some(account) => all_steps(&new, &account.seen),
                None => all_steps(&new, &Actual::Absent),
            };
            if !steps.is_empty() {
                let person = identities[0].person.clone();
                plan.accounts.push(Planned { person, target, steps });
            }
        }
    }
}

/// What should be in each target where there is a grant or an account. A target that the rules do not know is left alone.
fn desired(
    rules: &Rules,
    held: &[Grant],
    founding: &Identity,
    accounts: &[KnownAccount],
) -> BTreeMap<TargetName, Desired> {
    let (bearer, none) = (bearer(founding), BTreeSet::new());
    let known = rules.targets.values().collect::<BTreeSet<_>>();
    let for_grants =
        |grants: &[&Grant], given| Desired::for_grants(&bearer, grants, given, Closing::default());
    let mut wanted = rules.by_target(held);
    let mut desired = BTreeMap::new();
    for account in accounts.iter().filter(|account| known.contains(&account.target)) {
        let grants = wanted.remove(&account.target).unwrap_or_default();
        let grants = rules.counted(&grants, &account.desired, &account.given);
        let grants: Vec<&Grant> = grants.iter().map(|grant| &**grant).collect();
        desired.insert(account.target.clone(), for_grants(&grants, &account.given));
    }
    for (target, grants) in wanted {
        let grants = rules.enforced(grants.into_iter());
        if !grants.is_empty() {
            desired.insert(target.clone(), for_grants(&grants, &none));
        }
    }
    desired
}

fn by_person(accounts: Vec<KnownAccount>) -> BTreeMap<UserId, Vec<KnownAccount>> {
    let mut people: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for account in accounts {
        people.entry(account.user).or_default().push(account);
    }
    people
}
