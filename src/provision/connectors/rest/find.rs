//! Looks: an account of ours by its id or our mark, those of others by what is known of them, and all of them.

use super::Rest;
use super::answers::Came;
use super::call::Call;
use super::known::Known;
use super::read::Told;
use super::run::{After, Aim, Run, misfit, unreadable};
use super::scope::needed;
use crate::account::{Actual, Candidate, Desired};
use crate::provision::connector::{By, Fault, Key, Page, Refusal};
use serde_json::{Value, json};

/// How many accounts that a search found are looked at: a server that ignores what is asked for would list everybody.
const CANDIDATES: usize = 10;

impl Rest {
    /// The account of `key`, if it is there.
    pub(super) async fn look(&self, key: &Key, wanted: &Desired) -> Result<Actual, Fault> {
        let profile = if let Desired::Active(profile) = wanted { Some(profile) } else { None };
        let known = self.known(Some(key), profile).map_err(misfit)?;
        let mut stranger = None;
        if let Some(id) = &key.native_id
            && let Some(told) = self.by_id(id, &known).await?
        {
            // Where there is no room for a mark that stays, the store remembers which it is.
            if self.how().mark.is_none() || told.is_marked(self.how(), &key.external_id).map_err(misfit)? {
                return told.seen(&self.description, profile).map(Actual::Present).map_err(misfit);
            }
            stranger = Some(id);
        }
        match (self.by_mark(key, &known).await?, stranger) {
            (Some(told), _) => told.seen(&self.description, profile).map(Actual::Present).map_err(misfit),
            (None, None) => Ok(Actual::Absent),
            (None, Some(id)) => {
                let said = format!("account {id} no longer carries our external id, so we leave it alone");
                Err(Fault::refused(Refusal::Conflict, said))
            }
        }
    }

    /// The account that carries the external id of `key`.
    pub(super) async fn by_mark(&self, key: &Key, known: &Known) -> Result<Option<Told>, Fault> {
        let Some(calls) = &self.description.find.by_mark else { return Ok(None) };
        // What is looked for by what is not known cannot be found.
        if !known.has_all(needed(calls).iter().map(String::as_str)) {
            return Ok(None);
        }
        let mut ours = Vec::new();
        for told in self.search(calls, known).await? {
            if told.is_marked(self.how(), &key.external_id).map_err(misfit)? {
                ours.push(told);
            }
        }
        match ours.len() {
            0 | 1 => Ok(ours.pop()),
            many => Err(Fault::refused(Refusal::Conflict, format!("{many} accounts carry our external id"))),
        }
    }

    /// The accounts that `by` finds, as they themselves say that they are what was asked for.
    pub(super) async fn matching(&self, by: &By) -> Result<Vec<Candidate>, Fault> {
        let matching = &self.description.matching;
        let (calls, value) = match by {
            By::UserName(name) => (matching.user_name.as_ref(), name),
            By::Email(email) => (matching.email.as_ref(), email),
            By::Attribute(name, value) => (matching.attributes.get(name), value),
        };
        let Some(calls) = calls else {
            return Err(misfit(format!("cannot be searched by {by:?}")));
        };
        let mut known = self.known(None, None).map_err(misfit)?.with("value", json!(value));
        known.name(&self.description.names).map_err(misfit)?;
        let mut found = Vec::new();
        for told in self.search(calls, &known).await? {
            let candidate = told.candidate(self.how()).map_err(misfit)?;
            let same = |told: &str| told.to_lowercase() == value.to_lowercase();
            let fits = match by {
                // Some know people by their address.
                By::UserName(_) => {
                    let names =
                        [Some(&candidate.user_name), Some(&candidate.native_id), candidate.email.as_ref()];
                    names.into_iter().flatten().any(|name| same(name))
                }
                // Who hides it may be anybody: searches look at more than the address.
                By::Email(_) => candidate.email.as_deref().is_some_and(same),
                By::Attribute(name, _) => {
                    told.attribute(self.how(), name).map_err(misfit)?.as_ref() == Some(value)
                }
            };
            found.extend(fits.then_some(candidate));
        }
        Ok(found)
    }

    /// A page of all accounts.
    pub(super) async fn page(&self, after: Option<&str>) -> Result<Page, Fault> {
        let Some(calls) = &self.description.list else {
            return Err(misfit("cannot list its accounts".to_owned()));
        };
        let (run, after) = (self.run(Aim::List), after.map(|after| After(after.to_owned())));
        let (mut known, mut next) = (self.known(None, None).map_err(misfit)?, None);
        for call in calls {
            let came = if call.pages.is_some() {
                let (came, further) = run.page(call, after.as_ref(), &mut known).await?;
                next = further;
                run.keep(call, &mut known)?;
                came
            } else {
                run.all(std::slice::from_ref(call), &mut known).await?
            };
            if came == Came::NotFound {
                return Ok(Page::default());
            }
        }
        let accounts = items(&known).into_iter().map(|item| self.told(&known, item).candidate(self.how()));
        let accounts = accounts.collect::<Result<_, _>>().map_err(misfit)?;
        Ok(Page { accounts, next: next.map(|After(next)| next) })
    }

    /// The accounts that a search finds, each looked at by its id: what a search tells of them may be old, or short.
    async fn search(&self, calls: &[Call], known: &Known) -> Result<Vec<Told>, Fault> {
        let mut heard = known.clone();
        if self.run(Aim::List).all(calls, &mut heard).await? == Came::NotFound {
            return Ok(Vec::new());
        }
        let found = items(&heard);
        if found.len() > CANDIDATES {
            return Err(Fault::refused(Refusal::Invalid, format!("a search finds {} accounts", found.len())));
        }
        let mut told = Vec::new();
        for item in found {
            let id = self.told(&heard, item).id(self.how()).map_err(misfit)?;
            told.extend(self.by_id(&id, known).await?);
        }
        Ok(told)
    }

    async fn by_id(&self, id: &str, known: &Known) -> Result<Option<Told>, Fault> {
        let mut known = known.clone().with("id", json!(id));
        known.name(&self.description.names).map_err(misfit)?;
        let Some((first, further)) = self.description.find.by_id.split_first() else { return Ok(None) };
        if self.run(Aim::One).all(std::slice::from_ref(first), &mut known).await? == Came::NotFound {
            return Ok(None);
        }
        let account = known.answer().clone();
        if !account.is_object() {
            return Err(unreadable());
        }
        known.learn("account", account.clone());
        if self.run(Aim::List).all(further, &mut known).await? == Came::NotFound {
            return Ok(None);
        }
        Ok(Some(Told::new(&known, account)))
    }

    /// An item of a list, of which nothing is known that only a look by its id would tell.
    fn told(&self, known: &Known, item: Value) -> Told {
        let mut known = known.clone();
        for name in self.description.find.by_id.iter().flat_map(|call| call.keep.keys()) {
            known.learn(name, Value::Null);
        }
        Told::new(&known, item)
    }

    pub(super) fn run(&self, aim: Aim) -> Run<'_> {
        Run { http: &self.http, answers: &self.description.answers, aim }
    }
}

fn items(known: &Known) -> Vec<Value> {
    match known.get("items") {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}
