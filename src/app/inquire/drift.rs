//! What is in targets that is not as it should be, though nobody is at work on it.

use super::{Inquire, words};
use crate::account::{Actual, Change, Desired, Entitlement, all_steps, changes, learn};
use crate::admin::{Difference, Drift, PlannedCall};
use crate::names::{AccountId, TargetName};
use crate::provision::{Call, Key, Target, wanted};
use crate::store::AccountRow;
use futures_util::{StreamExt, stream};
use std::collections::BTreeSet;

/// How many accounts are looked at at a time. Work on accounts goes on meanwhile.
const AT_ONCE: usize = 4;

impl Inquire {
    /// Those among the accounts of one target, or of all, that are settled and not as they should be. `limit` accounts after
    /// `after` are looked at.
    pub(super) async fn drift(
        &self,
        target: Option<&TargetName>,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Drift, String> {
        if let Some(target) = target {
            self.target(target)?;
        }
        let accounts = self.store.account_rows(target, after, limit).await.map_err(words)?;
        let last = accounts.last().filter(|_| accounts.len() as u64 >= u64::from(limit)).map(|one| one.id);
        // What is under way is no drift.
        let settled = accounts.into_iter().filter(|account| account.due.is_none());
        let looks = settled.filter_map(|account| {
            let target = self.target(&account.target).ok()?;
            Some(async move { look(&target, account).await })
        });
        let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
        Ok(Drift { differences: found.into_iter().flatten().collect(), last })
    }
}

async fn look(target: &Target, account: AccountRow) -> Option<Difference> {
    let native_id = account.seen.native_id().map(str::to_owned);
    let key = Key { external_id: account.external_id.clone(), native_id };
    let mut difference = Difference {
        id: account.id,
        person: account.person,
        target: account.target,
        found: Vec::new(),
        calls: Vec::new(),
        failure: None,
    };
    let desired = wanted(&account.desired, &account.seen, account.origin, target.abilities());
    match target.connector.observe(&key, &desired).await {
        Err(fault) => difference.failure = Some(fault.to_string()),
        Ok(actual) => {
            let actual = learn(&account.seen, actual, &desired);
            difference.found = found(&account.seen, &actual, &desired);
            let steps = all_steps(&desired, &actual);
            let calls = steps.iter().flat_map(|step| target.connector.calls(step));
            difference.calls = calls.map(planned).collect();
            if difference.found.is_empty() && difference.calls.is_empty() {
                return None;
            }
        }
    }
    Some(difference)
}

/// What is different from how it was last seen, and what it may do besides that policy gives it not.
fn found(known: &Actual, actual: &Actual, desired: &Desired) -> Vec<String> {
    let said = |change: Change| match change {
        Change::Gone => "it is gone".to_owned(),
        Change::Created => "it is there again".to_owned(),
        Change::Given(entitlement) => format!("it has {entitlement}"),
        Change::Taken(entitlement) => format!("it lacks {entitlement}"),
        change => format!("it was {change}"),
    };
    let mut found: Vec<String> = changes(known, actual, desired).into_iter().map(said).collect();
    if let (Desired::Active(profile), Actual::Present(seen)) = (desired, actual) {
        let ours: BTreeSet<&Entitlement> = profile.entitlements.union(&profile.withdrawn).collect();
        let besides = seen.entitlements.iter().filter(|one| !ours.contains(one));
        found.extend(besides.map(|one| format!("it has {one} besides")));
    }
    found
}

pub(in crate::app) fn planned(call: Call) -> PlannedCall {
    let Call { method, path, what } = call;
    PlannedCall { method, path, what }
}
