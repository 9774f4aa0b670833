//! Claims in, grants out: what a person gets, and why, as a function of their claims and a moment. No match, no
//! grant; a rule that cannot be evaluated denies. Nothing here reads a clock, a store or a network.
//!
//! [`raw`] is a file as it is written, [`parse`] makes a policy of files, [`check`](mod@check) finds what is wrong
//! with it, [`evaluate`] decides, [`explain`] says why.

mod case;
mod check;
mod evaluate;
mod explain;
mod expression;
mod format;
mod index;
mod moment;
mod parse;
mod raw;
mod rule;
mod schema;
mod template;
#[cfg(test)]
mod tests;
mod ways;

pub use case::{CaseOutcome, Untouched};
pub use explain::{
    Answer, Comes, Explanation, Judged, OfDenial, OfRole, OfSeparation, PossibleEnd, Spot, asks,
};
pub use format::format;
pub use parse::Known;
pub use schema::schema;

use crate::account::{Limits, Renew, Terms};
use crate::document::Place;
use crate::names::{AppName, RoleName, RuleName};
use case::Case;
use index::Index;
use jiff::{SignedDuration, Timestamp};
use moment::{Moment, Zone};
use rule::Clause;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use template::Template;
use ways::Way;

/// All rules of all policy files. Each kind lies in order of names, and a rule is known by its number there.
#[derive(Debug)]
pub struct Policy {
    version: PolicyVersion,
    roles: Vec<Role>,
    denials: Vec<Denial>,
    separations: Vec<Separation>,
    by_person: Index,
    denials_by_person: Index,
    cases: Vec<Case>,
}

/// A short hash of what a policy means: comments, layout, order and examples do not change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion(Arc<str>);

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a rule is written.
#[derive(Debug, Clone)]
struct Origin {
    file: Arc<str>,
    place: Place,
}

#[derive(Debug)]
struct Role {
    name: RoleName,
    origin: Origin,
    /// Who has it by themselves; nobody, where only other roles bring it.
    who: Option<Clause>,
    /// Who does not have it, all the same.
    unless: Option<Clause>,
    gets: Vec<Access>,
    bounds: Bounds,
    /// To itself, and to the roles that come with it.
    ways: Vec<Way>,
    /// The separations that it is part of.
    separations: Vec<usize>,
}

#[derive(Debug)]
struct Access {
    app: AppName,
    groups: BTreeSet<String>,
    attributes: BTreeMap<String, Template>,
    roles: BTreeSet<String>,
    routes: BTreeSet<String>,
    heir: Option<Template>,
}

/// All that limits a role, and what comes with it.
#[derive(Debug, Default)]
struct Bounds {
    ttl: Option<SignedDuration>,
    renew: Renew,
    at_most: Option<SignedDuration>,
    from: Option<Moment>,
    until: Option<Moment>,
    zone: Option<Zone>,
    idle: Option<Idle>,
    session: Option<SignedDuration>,
    delete_after: Option<SignedDuration>,
    only: Option<Limits>,
    /// The claim that names a guest's sponsor.
    sponsor: Option<String>,
    /// The role whose holders may approve.
    approval: Option<RoleName>,
}

/// An end for want of use.
#[derive(Debug)]
struct Idle {
    after: SignedDuration,
    /// Whom it spares.
    unless: Option<Clause>,
}

#[derive(Debug)]
struct Denial {
    name: RuleName,
    origin: Origin,
    who: Clause,
    unless: Option<Clause>,
    /// Roles and apps that it takes away; all where none are named.
    roles: BTreeSet<RoleName>,
    apps: BTreeSet<AppName>,
    /// Why, in the author's words.
    because: Option<String>,
}

#[derive(Debug)]
struct Separation {
    name: RuleName,
    origin: Origin,
    roles: BTreeSet<RoleName>,
    /// Why, in the author's words.
    because: Option<String>,
}

/// What policy says of one person at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The policy that says so.
    pub policy: PolicyVersion,
    /// When.
    pub at: Timestamp,
    /// What became of every role that is about the person, for each app that it opens; by role, then app.
    pub found: Vec<Found>,
}

/// What became of one role in one app.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// The role.
    pub role: RoleName,
    /// The app that it opens.
    pub app: AppName,
    /// What became of it, and why.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a role in an app, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", content = "detail", rename_all = "kebab-case")]
pub enum Outcome {
    /// It is granted, on these terms.
    Granted(Box<Terms>),
    /// It depends on what the provider did not tell, and on nothing else; why that is not known.
    Unknown(String),
    /// All conditions hold, but what it gives cannot be worked out; or a condition cannot. Why.
    Failed(String),
    /// It is not granted before this moment.
    NotYet(Timestamp),
    /// Holders of this role have to approve it.
    NeedsApproval(RoleName),
    /// A rule takes it away.
    Denied(RuleName),
    /// The person would hold another role, too, and nobody may hold both.
    Separated {
        /// The rule that says so.
        rule: RuleName,
        /// The other role.
        from: RoleName,
    },
    /// Another role would set this attribute differently.
    Contradicted {
        /// The attribute.
        attribute: String,
        /// The other role.
        by: RoleName,
    },
}

impl fmt::Display for Outcome {
    /// What stands in the way, in words; `granted` where nothing does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted(_) => f.write_str("granted"),
            Self::Unknown(why) => write!(f, "not known: {why}"),
            Self::Failed(why) => f.write_str(why),
            Self::NotYet(at) => write!(f, "not before {at}"),
            Self::NeedsApproval(by) => {
                write!(f, "it needs an approval by {by}, and approvals cannot be given yet")
            }
            Self::Denied(rule) => write!(f, "denied by {rule}"),
            Self::Separated { rule, from } => write!(f, "kept apart from role {from} by {rule}"),
            Self::Contradicted { attribute, by } => write!(f, "role {by} sets {attribute} differently"),
        }
    }
}

impl Policy {
    /// Which policy it is.
    pub fn version(&self) -> &PolicyVersion {
        &self.version
    }

    /// The roles that somebody may get, by name.
    pub fn roles(&self) -> impl Iterator<Item = &RoleName> {
        self.roles.iter().map(|role| &role.name)
    }

    /// Whether `role` opens anything of `app` by itself.
    pub fn opens(&self, role: &RoleName, app: &AppName) -> bool {
        let gives = |known: &Role| known.name == *role && known.gets.iter().any(|access| access.app == *app);
        self.roles.iter().any(gives)
    }
}

impl Bounds {
    /// Whom `idle` spares, where it spares anybody.
    fn spared_by_idle(&self) -> Option<&Clause> {
        self.idle.as_ref()?.unless.as_ref()
    }
}

impl Found {
    /// The terms, where it is granted.
    pub fn terms(&self) -> Option<&Terms> {
        match &self.outcome {
            Outcome::Granted(terms) => Some(terms),
            _ => None,
        }
    }

    /// Whether nobody can say what becomes of it.
    fn is_undecided(&self) -> bool {
        matches!(self.outcome, Outcome::Unknown(_) | Outcome::Failed(_))
    }
}

impl Decision {
    /// The terms of all that is granted, one for each role and app.
    pub fn granted(&self) -> impl Iterator<Item = &Terms> {
        self.found.iter().filter_map(Found::terms)
    }

    /// Whether nobody can say what becomes of `role` in `app`, since something it needs was not told or cannot be
    /// worked out: nothing new is granted, and what was granted keeps its end.
    pub fn is_undecided(&self, role: &RoleName, app: &AppName) -> bool {
        self.found.iter().any(|found| found.role == *role && found.app == *app && found.is_undecided())
    }
}
