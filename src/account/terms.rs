//! What policy gives.

use super::entitlement::Entitlement;
use super::limits::Limits;
use crate::names::{AppName, RoleName};
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The longest that a use may wait to be written down.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A use that moves an end is written down so many times within the span that it moves, or hourly.
const PARTS: i32 = 24;

/// What policy gives for one role in one app, evaluated for one person at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The role.
    pub role: RoleName,
    /// The app that the role opens.
    pub app: AppName,
    /// Groups in the app's target.
    pub groups: BTreeSet<String>,
    /// Roles of the target itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub roles: BTreeSet<String>,
    /// Attributes of the account, by their name in the target's words, templates filled in.
    pub attributes: BTreeMap<String, String>,
    /// How long it lasts from when it was first granted; `None` as long as the provider confirms it.
    pub ttl: Option<SignedDuration>,
    /// The end that a claim gives, and the claim's name.
    pub until: Option<(Timestamp, String)>,
    /// What lets `ttl` count anew.
    #[serde(default, skip_serializing_if = "is_default")]
    pub renew: Renew,
    /// How long it lasts from when it was first granted, whatever happens: no sign-in and no operator goes beyond.
    #[serde(default, skip_serializing_if = "is_default")]
    pub at_most: Option<SignedDuration>,
    /// After how long without a request it ends.
    #[serde(default, skip_serializing_if = "is_default")]
    pub idle: Option<SignedDuration>,
    /// How long a sign-in of a holder lasts at the most.
    #[serde(default, skip_serializing_if = "is_default")]
    pub session: Option<SignedDuration>,
    /// What must hold at each request for the role to open anything: all of it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub only: Vec<Limits>,
    /// Prefixes of the app's paths that the role opens; all of the app if there are none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub routes: BTreeSet<String>,
    /// Who answers for the person, as policy names them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sponsor: Option<String>,
    /// Who takes over the work when the account is closed, by their name in the target.
    #[serde(default, skip_serializing_if = "is_default")]
    pub heir: Option<String>,
    /// How long after the end the account is deleted; it is kept for ever where nothing is said.
    #[serde(default, skip_serializing_if = "is_default")]
    pub delete_after: Option<SignedDuration>,
}

/// What lets `ttl` count anew, while a grant lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Renew {
    /// Nothing: it counts from when it was first granted.
    #[default]
    Never,
    /// A sign-in.
    Login,
    /// A sign-in, and a request.
    Request,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Terms {
    /// The role in the app without anything more: no groups, no end of its own, no conditions.
    pub fn plain(role: RoleName, app: AppName) -> Self {
        Self {
            role,
            app,
            groups: BTreeSet::new(),
            roles: BTreeSet::new(),
            attributes: BTreeMap::new(),
            ttl: None,
            until: None,
            renew: Renew::Never,
            at_most: None,
            idle: None,
            session: None,
            only: Vec::new(),
            routes: BTreeSet::new(),
            sponsor: None,
            heir: None,
            delete_after: None,
        }
    }

    /// What the account may do by it.
    pub fn entitlements(&self) -> impl Iterator<Item = Entitlement> {
        let groups = self.groups.iter().cloned().map(Entitlement::Group);
        groups.chain(self.roles.iter().cloned().map(Entitlement::Role))
    }

    /// How long a use may go unwritten where it moves an end, which may therefore come so much early: an hour at the
    /// most, and a small part of what it moves. `None` where use moves nothing.
    pub fn use_counts_every(&self) -> Option<SignedDuration> {
        let by_request = self.ttl.filter(|_| self.renew == Renew::Request);
        self.idle.into_iter().chain(by_request).min().map(|span| (span / PARTS).min(HOUR))
    }
}
