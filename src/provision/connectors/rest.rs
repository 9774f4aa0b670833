//! REST by description: an application whose API a YAML file describes, so that a new one needs no Rust.
//!
//! A description says which calls find, make, change and close an account, what their answers mean, and how an account is
//! read; [`Description`] has the words. It is data: what a value holds stays in its place in a request, an expression can do
//! no more than work something out, and nobody is called but the one server of the target.
//!
//! An account is ours if it carries our external id where the description says so. Where the target has no such place for
//! good, it is carried until the account was first seen, and the store remembers its id from then on; where it has none at
//! all, a creation whose answer was lost is an operator's to decide.

mod answers;
mod call;
mod check;
mod description;
mod expression;
#[cfg(test)]
mod fake;
mod find;
mod known;
mod library;
mod link;
mod path;
mod read;
mod request;
mod run;
mod scope;
mod settings;
mod steps;
mod template;
#[cfg(test)]
mod tests;
mod tree;

pub use check::{check, schema};
pub use description::Description;
pub use library::{NAMES, scaffold};
pub use settings::Settings;
pub(super) use settings::Written;

use self::description::Account;
use crate::account::{Actual, Candidate, Desired, Step};
use crate::provision::connector::{Abilities, By, Call, Connector, Fault, Key, Page};
use crate::provision::http::Http;
use crate::provision::pace::Pace;
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Mutex;

/// An application's accounts, as a description knows them.
pub struct Rest {
    http: Http,
    description: Arc<Description>,
    /// The target's settings, as expressions name them.
    settings: Value,
    /// Held while an entitlement is given, for the sake of groups that are made on the way.
    giving: Mutex<()>,
}

impl Rest {
    /// A client for the target of `settings`. Connects to nothing yet.
    ///
    /// # Errors
    /// When no HTTP client can be made, as without any root certificates.
    pub fn new(settings: &Settings, pace: Pace) -> Result<Self, reqwest::Error> {
        let description = settings.description.clone();
        let media_type = description.media_type.as_deref().unwrap_or("application/json").to_owned();
        Ok(Self {
            http: Http::new(settings.url.clone(), settings.auth(), media_type, pace)?,
            description,
            settings: settings.values(),
            giving: Mutex::default(),
        })
    }

    fn how(&self) -> &Account {
        &self.description.account
    }
}

impl Connector for Rest {
    fn abilities(&self) -> Abilities {
        let Description { account, delete, sessions, hand_over, matching, list, .. } = &*self.description;
        let matches =
            matching.user_name.is_some() || matching.email.is_some() || !matching.attributes.is_empty();
        Abilities {
            delete: delete.is_some(),
            sessions: sessions.is_some(),
            hand_over: hand_over.is_some(),
            link: matches,
            list: list.is_some(),
            unmarked: account.mark.is_none(),
            only_by_id: !self.description.finds_by_mark(),
        }
    }

    fn observe<'a>(&'a self, key: &'a Key, wanted: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>> {
        Box::pin(self.look(key, wanted))
    }

    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(self.take(key, step))
    }

    fn calls(&self, step: &Step) -> Vec<Call> {
        self.shown(step)
    }

    fn matching<'a>(&'a self, by: &'a By) -> BoxFuture<'a, Result<Vec<Candidate>, Fault>> {
        Box::pin(Self::matching(self, by))
    }

    fn list<'a>(&'a self, after: Option<&'a str>) -> BoxFuture<'a, Result<Page, Fault>> {
        Box::pin(self.page(after))
    }
}
