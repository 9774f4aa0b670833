//! Whose the accounts are that a target has.

use super::{Inquire, words};
use crate::account::{Actual, Candidate, Desired};
use crate::admin::{Imported, Match};
use crate::names::TargetName;
use crate::provision::Target;
use crate::store::AccountRow;
use std::collections::{BTreeMap, BTreeSet};

/// How many pages are read of one target.
const PAGES: usize = 100_000;

impl Inquire {
    /// Reads all accounts of `target`, and says whose they are.
    pub(super) async fn import(&self, name: &TargetName) -> Result<Imported, String> {
        let target = self.target(name)?;
        if !target.abilities().list {
            return Err(format!("{name} cannot list its accounts"));
        }
        let accounts = self.store.all_accounts().await.map_err(words)?;
        let accounts: Vec<_> = accounts.into_iter().filter(|account| account.target == *name).collect();
        let marked: BTreeSet<_> = accounts.iter().map(|account| account.external_id.as_str()).collect();
        // Where accounts have no room for our external id, they are ours by theirs.
        let seen: BTreeSet<_> = accounts.iter().filter_map(|account| account.seen.native_id()).collect();
        let wanted = wanted(&target, &accounts).await?;
        let known = self.known(&target).await?;
        let holders: BTreeSet<_> = accounts.iter().map(|account| account.person.as_str()).collect();

        let (mut imported, mut after) = (Imported::default(), None);
        for _ in 0..PAGES {
            let page = target.connector.list(after.as_deref()).await.map_err(|fault| fault.to_string())?;
            for account in page.accounts {
                let is_marked = account.external_id.as_deref().is_some_and(|id| marked.contains(id));
                if is_marked || target.abilities().unmarked && seen.contains(account.native_id.as_str()) {
                    imported.ours += 1;
                    continue;
                }
                let email = account.email.as_ref().map(|email| email.to_lowercase());
                let by_rule = wanted.get(&account.native_id);
                match by_rule.or_else(|| known.get(&email?).filter(|_| account.external_id.is_none())) {
                    Some(person) => imported.matches.push(Match {
                        wanted: by_rule.is_some() || holders.contains(person.as_str()),
                        person: person.clone(),
                        account,
                    }),
                    None => imported.orphans.push(account),
                }
            }
            if page.next.is_none() || page.next == after {
                break;
            }
            after = page.next;
        }
        Ok(imported)
    }

    /// Everybody with a verified address in a domain that the operator owns, by that address.
    async fn known(&self, target: &Target) -> Result<BTreeMap<String, String>, String> {
        let people = self.store.people().await.map_err(words)?;
        let owned = people.into_iter().filter_map(|identity| {
            let email = identity.email.filter(|email| target.treatment.link.owns(email))?;
            Some((email.to_lowercase(), format!("{}@{}", identity.subject.sub, identity.provider)))
        });
        Ok(owned.collect())
    }
}

/// Those who are to have an account and have none yet, by the account that the operator's rules find for them.
async fn wanted(target: &Target, accounts: &[AccountRow]) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    if !target.abilities().link {
        return Ok(found);
    }
    for account in accounts.iter().filter(|account| account.seen == Actual::Absent) {
        let Desired::Active(profile) = &account.desired else { continue };
        for by in target.treatment.link.searches(profile) {
            let matching: Vec<Candidate> =
                target.connector.matching(&by).await.map_err(|fault| fault.to_string())?;
            found.extend(matching.into_iter().map(|one| (one.native_id, account.person.clone())));
        }
    }
    Ok(found)
}
