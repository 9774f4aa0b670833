//! Apps that are observed, not enforced. What their roles give is written down as ever, so that there is something to
//! look at, but nothing is given for it in a target: no account is made, none is enabled, and none may do more than before.
//! What an account has from an earlier time it keeps, and loses when its time is up: an end is an end.
//!
//! Once such an app is enforced, who is signed in gets the account that signing in would have got them.

use super::desire::Occasion;
use super::{Inner, Rules};
use crate::account::{Desired, Entitlement, Grant};
use crate::audit::{Actor, Entry, Event};
use crate::names::{AppName, UserId};
use crate::store::Error;
use serde_json::json;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// How many people are read at a time.
const BATCH: u32 = 100;

impl Rules {
    /// Those of these grants for which an account is made.
    pub(super) fn enforced<'a>(&self, held: impl Iterator<Item = &'a Grant>) -> Vec<&'a Grant> {
        held.filter(|grant| !self.is_observed(grant)).collect()
    }

    /// These grants as far as an account counts by them that is `desired` so, and was ever `given` that.
    pub(super) fn counted<'a>(
        &self,
        held: &[&'a Grant],
        desired: &Desired,
        given: &BTreeSet<Entitlement>,
    ) -> Vec<Cow<'a, Grant>> {
        let counted = |&grant: &&'a Grant| match (self.is_observed(grant), desired) {
            (false, _) => Some(Cow::Borrowed(grant)),
            (true, Desired::Active(_)) => Some(Cow::Owned(without_news(grant, given))),
            (true, Desired::Disabled(_) | Desired::Absent) => None,
        };
        held.iter().filter_map(counted).collect()
    }

    fn is_observed(&self, grant: &Grant) -> bool {
        self.observed.contains(&grant.terms.app)
    }
}

/// A grant that gives nothing but what was `given` before. An attribute that is not named is left as it is.
fn without_news(grant: &Grant, given: &BTreeSet<Entitlement>) -> Grant {
    let mut grant = grant.clone();
    grant.terms.groups.retain(|group| given.contains(&Entitlement::Group(group.clone())));
    grant.terms.roles.retain(|role| given.contains(&Entitlement::Role(role.clone())));
    grant.terms.attributes = BTreeMap::new();
    grant
}

impl Inner {
    /// Has accounts made for those who are signed in and hold access to an app that makes them, and have none: they came
    /// while it was observed, or had no accounts.
    pub(super) async fn make_up_for_accounts(&self) -> Result<(), Error> {
        for (app, target) in self.rules.targets.iter().filter(|(app, _)| !self.rules.observed.contains(*app))
        {
            let mut after = None;
            loop {
                let now = self.clock.now();
                let people = self.store.people_without_account(app, target, now, after, BATCH).await?;
                let Some(last) = people.last() else { break };
                after = Some(*last);
                for &user in &people {
                    self.make_up_for(user, app).await?;
                }
            }
        }
        Ok(())
    }

    async fn make_up_for(&self, user: UserId, app: &AppName) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let now = tx.now();
        let Some(person) = tx.user(user).await? else { return Ok(()) };
        let mut held = tx.grants(user).await?;
        self.rules.leave_out_machines(&tx.identities(user).await?, &mut held);
        held.retain(|grant| grant.terms.app == *app && grant.is_live(now));
        if held.is_empty() {
            return Ok(());
        }
        let grants = held.iter().map(|grant| grant.id).collect();
        self.desire(&mut tx, user, Occasion::Change).await?;
        let entry = Entry {
            event: Event::AccessRevised { grants },
            actor: Actor::Policy,
            cause: "configuration".to_owned(),
            person: Some(person.vault),
            policy: Some(self.rules.policy.version().to_string()),
            personal: json!({}),
        };
        tx.commit(&entry).await?;
        tracing::info!(%app, %user, "account to be made: the app makes accounts now");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{LAPSE, policy, rules};
    use super::*;
    use crate::account::{Profile, Terms};
    use crate::names::IdentityId;
    use jiff::Timestamp;

    fn grant(app: &str, groups: &[&str]) -> Grant {
        let terms = Terms {
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            attributes: [("title".to_owned(), "Guest".to_owned())].into(),
            ..Terms::plain("guests".parse().unwrap(), app.parse().unwrap())
        };
        Grant::first(IdentityId::random(), terms, Timestamp::UNIX_EPOCH, LAPSE).unwrap()
    }

    fn groups(grants: &[Cow<'_, Grant>]) -> Vec<String> {
        grants.iter().flat_map(|grant| grant.terms.groups.clone()).collect()
    }

    #[test]
    fn what_is_observed_makes_no_account_and_adds_nothing_to_one() {
        let mut rules = rules(policy(&[("guests", "30d")]));
        rules.observed.insert("pilot".parse().unwrap());
        let (wiki, pilot) = (grant("wiki", &["readers"]), grant("pilot", &["testers", "editors"]));
        assert_eq!(rules.enforced([&pilot, &wiki].into_iter()), [&wiki]);

        let given = Entitlement::groups(&["editors"]);
        let open = Desired::Active(Profile::default());
        let counted = rules.counted(&[&wiki, &pilot], &open, &given);
        assert_eq!(groups(&counted), ["readers", "editors"]);
        assert!(counted[1].terms.attributes.is_empty() && !counted[0].terms.attributes.is_empty());
        assert_eq!(groups(&rules.counted(&[&wiki, &pilot], &Desired::closed(), &given)), ["readers"]);
    }
}
