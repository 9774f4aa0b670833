//! Accounts that were there before us: when one is a person's, and when somebody has to say so.

use super::connector::{By, Connector, Fault};
use crate::account::{Profile, Step};
use crate::store::{Due, Verdict};
use schemars::JsonSchema;
use serde::Deserialize;

/// By what an account that somebody else made is taken for a person's. Nothing, unless said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Link {
    /// An attribute that never changes and that policy gives the account, such as `employeeNumber`: the account with
    /// this value is theirs.
    pub id: Option<String>,
    /// Domains that are ours alone: who has a verified address in one owns the account with that address.
    pub email: Vec<String>,
}

impl Link {
    /// Whether an address lies in a domain that is ours alone.
    pub fn owns(&self, email: &str) -> bool {
        let domain = email.rsplit_once('@').map(|(_, domain)| domain);
        domain.is_some_and(|domain| self.email.iter().any(|ours| ours.eq_ignore_ascii_case(domain)))
    }

    /// The searches for an account of `profile`, the surest first.
    pub fn searches(&self, profile: &Profile) -> Vec<By> {
        let id = self.id.as_ref().and_then(|name| Some((name, profile.attributes.get(name)?)));
        let id = id.filter(|(_, value)| !value.is_empty());
        let email = profile.email.as_ref().filter(|email| self.owns(email));
        let id = id.map(|(name, value)| By::Attribute(name.clone(), value.clone()));
        id.into_iter().chain(email.cloned().map(By::Email)).collect()
    }
}

/// The step that gives the person of `due` an account where none carries their external id: an operator's word, else
/// the first search that finds anything, else a new one. `None` where `may_go_on` says, before a search, that no other call
/// may begin.
///
/// # Errors
/// [`Fault::Undecided`] where several are found, or one that carries another's external id.
pub(super) async fn choose(
    connector: &dyn Connector,
    link: &Link,
    due: &Due,
    profile: &Profile,
    may_go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Step>, Fault> {
    match &due.verdict {
        Some(Verdict::Create) => return Ok(Some(Step::Create(profile.clone()))),
        Some(Verdict::Adopt(native_id)) => return Ok(Some(Step::Adopt { native_id: native_id.clone() })),
        None => {}
    }
    if connector.abilities().link {
        for by in link.searches(profile) {
            if !may_go_on() {
                return Ok(None);
            }
            let found = connector.matching(&by).await?;
            match &found[..] {
                [] => {}
                [one] if one.external_id.is_none() => {
                    return Ok(Some(Step::Adopt { native_id: one.native_id.clone() }));
                }
                _ => return Err(Fault::Undecided(found)),
            }
        }
    }
    Ok(Some(Step::Create(profile.clone())))
}

/// What is to be said where an account could not be created because the name is taken: whose it may be. A target that asks
/// to be left alone meanwhile is, and says it at the next try. `None` as with [`choose`].
pub(super) async fn in_the_way(
    connector: &dyn Connector,
    profile: &Profile,
    conflict: Fault,
    may_go_on: &(dyn Fn() -> bool + Sync),
) -> Option<Fault> {
    if !connector.abilities().link {
        return Some(conflict);
    }
    let email = profile.email.clone().map(By::Email);
    for by in [By::UserName(profile.user_name.clone())].into_iter().chain(email) {
        if !may_go_on() {
            return None;
        }
        let found = match connector.matching(&by).await {
            Ok(found) => found,
            Err(fault) if fault.asks_to_wait() => return Some(fault),
            Err(_) => Vec::new(),
        };
        if !found.is_empty() {
            return Some(Fault::Undecided(found));
        }
    }
    Some(conflict)
}
