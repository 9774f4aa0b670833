//! Whose the accounts are that a target has.

use super::drift::planned;
use super::{Inquire, words};
use crate::account::{Actual, Candidate, Desired, Expiry, Seen, Step, all_steps};
use crate::admin::{Imported, Match, PlannedCall};
use crate::names::TargetName;
use crate::provision::{Target, wanted};
use crate::store::{AccountRow, Origin};
use std::collections::{HashMap, HashSet};

/// How many pages are read of one target.
const PAGES: usize = 100_000;

/// How many rows of ours are read at a time: of a million, no more lies in memory than what they are told by.
const ROWS: u32 = 500;

/// What tells whose an account is.
#[derive(Default)]
struct Ours {
    /// Our external ids, and where accounts have no room for those, theirs.
    marks: HashSet<String>,
    native_ids: HashSet<String>,
    /// Whom the operator's rules find an account for that is to be theirs, and what they are to have there, by that account.
    wanted: HashMap<String, (String, Desired)>,
    /// Who has a verified address in a domain that the operator owns, by that address.
    known: HashMap<String, String>,
}

impl Inquire {
    /// Reads all accounts of `target`, and says whose they are.
    pub(super) async fn import(&self, name: &TargetName) -> Result<Imported, String> {
        let target = self.target(name)?;
        if !target.abilities().list {
            return Err(format!("{name} cannot list its accounts"));
        }
        let ours = self.ours(name, &target).await?;
        let (mut imported, mut after) = (Imported::default(), None);
        for _ in 0..PAGES {
            let page = target.connector.list(after.as_deref()).await.map_err(|fault| fault.to_string())?;
            page.accounts.into_iter().for_each(|account| ours.sort(account, &target, &mut imported));
            if page.next.is_none() || page.next == after {
                break;
            }
            after = page.next;
        }
        Ok(imported)
    }

    async fn ours(&self, name: &TargetName, target: &Target) -> Result<Ours, String> {
        let (mut ours, mut after) = (Ours::default(), None);
        loop {
            let accounts = self.store.account_rows(Some(name), after, ROWS).await.map_err(words)?;
            let Some(last) = accounts.last() else { break };
            after = Some(last.id);
            for account in accounts {
                ours.add(account, target).await?;
            }
        }
        let mut after = None;
        loop {
            let people = self.store.people(after, ROWS).await.map_err(words)?;
            let Some(last) = people.last() else { return Ok(ours) };
            after = Some(last.id);
            let owned = people.into_iter().filter_map(|identity| {
                let email = identity.email.filter(|email| target.treatment.link.owns(email))?;
                Some((email.to_lowercase(), format!("{}@{}", identity.subject.sub, identity.provider)))
            });
            ours.known.extend(owned);
        }
    }
}

impl Ours {
    async fn add(&mut self, account: AccountRow, target: &Target) -> Result<(), String> {
        let AccountRow { external_id, person, desired, seen, .. } = account;
        if let (Desired::Active(profile), Actual::Absent) = (&desired, &seen)
            && target.abilities().link
        {
            for by in target.treatment.link.searches(profile) {
                let found = target.connector.matching(&by).await.map_err(|fault| fault.to_string())?;
                let theirs = (person.clone(), desired.clone());
                self.wanted.extend(found.into_iter().map(|one| (one.native_id, theirs.clone())));
            }
        }
        self.marks.insert(external_id);
        if target.abilities().unmarked {
            self.native_ids.extend(seen.native_id().map(str::to_owned));
        }
        Ok(())
    }

    /// Puts `account` where it belongs.
    fn sort(&self, account: Candidate, target: &Target, imported: &mut Imported) {
        let is_marked = account.external_id.as_ref().is_some_and(|id| self.marks.contains(id));
        if is_marked || self.native_ids.contains(&account.native_id) {
            imported.ours += 1;
            return;
        }
        let email = account.email.as_ref().map(|email| email.to_lowercase());
        let by_address = || self.known.get(&email?).filter(|_| account.external_id.is_none());
        let (person, wanted, calls) = match self.wanted.get(&account.native_id) {
            Some((person, desired)) => (person, true, taking(&account, desired, target)),
            None => match by_address() {
                Some(person) => (person, false, Vec::new()),
                None => return imported.orphans.push(account),
            },
        };
        imported.matches.push(Match { person: person.clone(), account, wanted, calls });
    }
}

/// The calls that make `account` what is desired of it. What it may do already is known once it is ours.
fn taking(account: &Candidate, desired: &Desired, target: &Target) -> Vec<PlannedCall> {
    let native_id = account.native_id.clone();
    let seen = Actual::Present(Seen {
        native_id: native_id.clone(),
        active: account.active,
        user_name: account.user_name.clone(),
        display_name: None,
        email: account.email.clone(),
        entitlements: Default::default(),
        attributes: Default::default(),
        expires: Expiry::default(),
    });
    let adopts = (!target.abilities().unmarked).then_some(Step::Adopt { native_id });
    let desired = wanted(desired, &seen, Origin::Adopted, target.abilities());
    let steps = adopts.into_iter().chain(all_steps(&desired, &seen));
    steps.flat_map(|step| target.connector.calls(&step)).map(planned).collect()
}
