//! Calls, made one after the other: each may name what was kept of those before.

use super::answers::{Answer, Came, judge};
use super::call::{Call, Pages};
use super::known::Known;
use super::link;
use super::request::ask;
use crate::provision::connector::{Fault, Refusal};
use crate::provision::http::{Http, Reply};
use reqwest::Url;
use serde_json::Value;
use std::collections::BTreeMap;

/// How many pages of a list are asked for within one step.
const PAGES: usize = 50;

/// What calls are made with.
pub(super) struct Run<'a> {
    pub(super) http: &'a Http,
    /// What answers mean, whichever the call.
    pub(super) answers: &'a [Answer],
    pub(super) aim: Aim,
}

/// What calls are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aim {
    /// One account, or another one thing, is looked at. A look changes nothing, and all of its answers are to be read.
    One,
    /// A list is looked at, or what belongs to an account that was there a moment ago. That is always there.
    List,
    /// A step is taken.
    Step,
}

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct After(pub(super) String);

/// Why an expression cannot be worked out: a description that does not fit what the target says.
pub(super) fn misfit(why: String) -> Fault {
    Fault::refused(Refusal::Invalid, why)
}

/// An answer that is no JSON: another server's page, or one that was cut off.
pub(super) fn unreadable() -> Fault {
    Fault::transient("answers with something that is not JSON, or too long")
}

impl Run<'_> {
    /// Makes `calls`. Ends with the first that does not find what it is to be done to.
    pub(super) async fn all(&self, calls: &[Call], known: &mut Known) -> Result<Came, Fault> {
        for call in calls {
            for name in call.keep.keys().filter(|name| known.get(name).is_none()).cloned().collect::<Vec<_>>()
            {
                known.learn(&name, Value::Null);
            }
            let came = match &call.each {
                Some(each) => {
                    let items = each.value(known).map_err(misfit)?;
                    self.each(call, items, known).await?
                }
                None => {
                    if call.items.is_some() {
                        known.learn("items", Value::Array(Vec::new()));
                    }
                    self.one(call, known).await?
                }
            };
            if came == Came::NotFound {
                return Ok(came);
            }
        }
        Ok(Came::Done)
    }

    /// Makes `call` for each of `items`; what is kept is a list of what each gave, and so are the items of their answers.
    /// What is refused for one of them keeps it from none of the others.
    async fn each(&self, call: &Call, items: Value, known: &mut Known) -> Result<Came, Fault> {
        let items = match items {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            other => return Err(misfit(format!("there is nothing for each of {other}"))),
        };
        let (mut refused, mut kept, mut listed) = (None, BTreeMap::<&String, Vec<Value>>::new(), Vec::new());
        for item in items {
            let mut inside = known.clone().with("item", item);
            if call.items.is_some() {
                inside.learn("items", Value::Array(Vec::new()));
            }
            match self.one(call, &mut inside).await {
                Ok(Came::Done) => {}
                // This one is not there; others may be.
                Ok(Came::Already | Came::NotFound) => continue,
                Err(fault @ Fault::Refused { .. }) => {
                    refused = refused.or(Some(fault));
                    continue;
                }
                Err(fault) => return Err(fault),
            }
            if let Some(Value::Array(items)) = inside.get("items").filter(|_| call.items.is_some()) {
                listed.extend(items);
            }
            for name in call.keep.keys() {
                kept.entry(name).or_default().extend(inside.get(name).filter(|value| !value.is_null()));
            }
        }
        if call.items.is_some() {
            known.learn("items", Value::Array(listed));
        }
        for name in call.keep.keys() {
            known.learn(name, Value::Array(kept.remove(name).unwrap_or_default()));
        }
        refused.map_or(Ok(Came::Done), Err)
    }

    async fn one(&self, call: &Call, known: &mut Known) -> Result<Came, Fault> {
        if let Some(when) = &call.when
            && !when.holds(known).map_err(misfit)?
        {
            return Ok(Came::Done);
        }
        let (mut gathered, mut after) = (Vec::new(), None);
        for _ in 0..PAGES {
            let (came, next) = self.page(call, after.as_ref(), known).await?;
            if came != Came::Done {
                return Ok(came);
            }
            if call.pages.is_some()
                && let Some(Value::Array(items)) = known.get("items")
            {
                gathered.extend(items);
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        if after.is_some() {
            return Err(Fault::refused(Refusal::Invalid, format!("lists more than {PAGES} pages")));
        }
        if call.pages.is_some() {
            known.learn("items", Value::Array(gathered));
        }
        self.keep(call, known)?;
        Ok(Came::Done)
    }

    /// Makes `call` once, for the first page of its list or the one `after` another; returns where the list goes on.
    pub(super) async fn page(
        &self,
        call: &Call,
        after: Option<&After>,
        known: &mut Known,
    ) -> Result<(Came, Option<After>), Fault> {
        if let Some(pages) = &call.pages {
            known.learn("page", pages.page(after));
        }
        let elsewhere = match (&call.pages, after) {
            (Some(Pages::Next(_) | Pages::Link), Some(After(address))) => Some(address),
            _ => None,
        };
        let step = self.aim == Aim::Step;
        let mut ask = ask(self.http, call, known, step)?;
        if let Some(address) = elsewhere {
            ask.url =
                address.parse().map_err(|_| misfit(format!("\"{address}\" is no address of a page")))?;
        }
        let url = ask.url.clone();
        let reply = self.http.ask(ask).await?;
        // What a call is made for each of may be gone meanwhile.
        let may_miss = self.aim != Aim::List || call.each.is_some();
        let came = judge(&reply, call.answers.iter().chain(self.answers), known, may_miss)?;
        if came != Came::Done {
            return Ok((came, None));
        }
        // What says that nothing is there may say so in any form.
        let must_read = !step || call.call.reads() || call.items.is_some();
        known.hear(match reply.json() {
            Some(answer) => answer,
            None if must_read && reply.status.is_success() => return Err(unreadable()),
            None => Value::Null,
        });
        let Some(items) = &call.items else { return Ok((came, None)) };
        let Value::Array(items) = items.value(known).map_err(misfit)? else {
            return Err(Fault::transient(format!("answers without the list that is to be at \"{items}\"")));
        };
        let next = match &call.pages {
            Some(pages) => pages.after(after, items.len(), &reply, &url, known).map_err(misfit)?,
            None => None,
        };
        known.learn("items", Value::Array(items));
        Ok((came, next))
    }

    /// Keeps of the last answer what `call` says.
    pub(super) fn keep(&self, call: &Call, known: &mut Known) -> Result<(), Fault> {
        for (name, expression) in &call.keep {
            let value = expression.value(known).map_err(misfit)?;
            known.learn(name, value);
        }
        Ok(())
    }
}

impl Pages {
    /// What `page` is.
    fn page(&self, after: Option<&After>) -> Value {
        match (self, after) {
            (Self::Number(first) | Self::Offset(first), None) => (*first).into(),
            (Self::Number(first) | Self::Offset(first), Some(After(at))) => {
                at.parse().unwrap_or(*first).into()
            }
            (Self::Cursor(_), Some(After(cursor))) => cursor.clone().into(),
            (Self::Cursor(_), None) | (Self::Next(_) | Self::Link, _) => Value::Null,
        }
    }

    /// Where the list goes on after a page of `count` items at `url`.
    fn after(
        &self,
        after: Option<&After>,
        count: usize,
        reply: &Reply,
        url: &Url,
        known: &Known,
    ) -> Result<Option<After>, String> {
        let counted = |step: usize| {
            let at = self.page(after).as_u64().unwrap_or_default();
            (count > 0).then(|| After((at + step as u64).to_string()))
        };
        let named = |named: Value| {
            let named = super::expression::text(&named).filter(|named| !named.is_empty());
            // A server that names the same page again would be asked for ever.
            named.map(After).filter(|next| Some(next) != after)
        };
        let absolute = |next: After| {
            let joined = url.join(&next.0).map_err(|_| format!("\"{}\" is no address of a page", next.0))?;
            Ok::<_, String>((joined != *url).then(|| After(joined.into())))
        };
        match self {
            Self::Number(_) => Ok(counted(1)),
            Self::Offset(_) => Ok(counted(count)),
            Self::Cursor(at) => Ok(named(at.value(known)?)),
            Self::Next(at) => named(at.value(known)?).map_or(Ok(None), absolute),
            Self::Link => link::next(&reply.headers).map(After).map_or(Ok(None), absolute),
        }
    }
}
