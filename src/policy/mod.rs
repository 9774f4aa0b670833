//! Claims in, grants out: what a person gets, and why, as a function of their claims and a moment. No match, no
//! grant; a rule that cannot be evaluated denies. Nothing here reads a clock, a store or a network.

mod case;
mod parse;
mod raw;
mod rule;
mod template;
#[cfg(test)]
mod tests;
mod until;

pub use case::CaseOutcome;
pub use parse::Known;

use crate::account::Terms;
use crate::identity::ClaimSet;
use crate::names::{AppName, RoleName};
use case::Case;
use jiff::{SignedDuration, Timestamp};
use rule::{Condition, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use template::Template;
use until::Until;

/// All roles of all policy files.
#[derive(Debug)]
pub struct Policy {
    version: PolicyVersion,
    /// By name.
    roles: Vec<Role>,
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

#[derive(Debug)]
struct Role {
    name: RoleName,
    who: Vec<Condition>,
    gets: Vec<Access>,
    ttl: Option<SignedDuration>,
    until: Option<Until>,
}

#[derive(Debug)]
struct Access {
    app: AppName,
    groups: BTreeSet<String>,
    attributes: BTreeMap<String, Template>,
}

/// What policy says of one person at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The policy that says so.
    pub policy: PolicyVersion,
    /// When.
    pub at: Timestamp,
    /// What became of every role, by name.
    pub roles: Vec<(RoleName, Outcome)>,
    /// Apps that two matching roles would set up differently; neither role opens them.
    pub conflicts: Vec<Conflict>,
}

/// What became of one role, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is granted, on these terms for each app. None are left where every app is in conflict.
    Granted(Vec<Terms>),
    /// This condition does not hold.
    NoMatch(Arc<str>),
    /// It depends on groups that the provider did not tell, and on nothing else; why they are not known.
    Unknown(String),
    /// All conditions hold, but what it gives cannot be worked out; why.
    Failed(String),
}

/// Two roles that set one attribute of one app differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The app.
    pub app: AppName,
    /// The attribute.
    pub attribute: String,
    /// The roles.
    pub roles: [RoleName; 2],
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, attribute, roles: [one, other] } = self;
        write!(f, "roles {one} and {other} set {attribute} of {app} differently")
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

    /// What the person with these claims gets at `now`.
    pub fn evaluate(&self, claims: &ClaimSet, now: Timestamp) -> Decision {
        let mut roles: Vec<_> =
            self.roles.iter().map(|role| (role.name.clone(), role.evaluate(claims))).collect();
        let conflicts = conflicts(&roles);
        for (_, outcome) in &mut roles {
            if let Outcome::Granted(terms) = outcome {
                terms.retain(|terms| conflicts.iter().all(|conflict| conflict.app != terms.app));
            }
        }
        Decision { policy: self.version.clone(), at: now, roles, conflicts }
    }
}

impl Role {
    fn evaluate(&self, claims: &ClaimSet) -> Outcome {
        let mut unknown = None;
        for condition in &self.who {
            match condition.judge(claims) {
                Verdict::Holds => {}
                Verdict::Fails => return Outcome::NoMatch(condition.words.clone()),
                Verdict::Unknown(why) => unknown = Some(why),
            }
        }
        match unknown {
            Some(why) => Outcome::Unknown(why.to_owned()),
            None => self.terms(claims).map_or_else(Outcome::Failed, Outcome::Granted),
        }
    }

    fn terms(&self, claims: &ClaimSet) -> Result<Vec<Terms>, String> {
        let until = self.until.as_ref();
        let until =
            until.map(|until| Ok::<_, String>((until.moment(claims)?, until.claim.clone()))).transpose()?;
        let terms = self.gets.iter().map(|access| {
            let filled =
                access.attributes.iter().map(|(name, template)| Ok((name.clone(), template.fill(claims)?)));
            Ok(Terms {
                groups: access.groups.clone(),
                attributes: filled.collect::<Result<_, String>>()?,
                ttl: self.ttl,
                until: until.clone(),
                ..Terms::plain(self.name.clone(), access.app.clone())
            })
        });
        terms.collect()
    }
}

fn conflicts(roles: &[(RoleName, Outcome)]) -> Vec<Conflict> {
    let mut set: BTreeMap<(&AppName, &str), (&RoleName, &str)> = BTreeMap::new();
    let mut conflicts = Vec::new();
    for terms in granted(roles) {
        for (attribute, value) in &terms.attributes {
            let (role, first) = *set.entry((&terms.app, attribute)).or_insert((&terms.role, value));
            if first != value {
                let roles = [role.clone(), terms.role.clone()];
                conflicts.push(Conflict { app: terms.app.clone(), attribute: attribute.clone(), roles });
            }
        }
    }
    conflicts
}

fn granted(roles: &[(RoleName, Outcome)]) -> impl Iterator<Item = &Terms> {
    roles.iter().flat_map(|(_, outcome)| match outcome {
        Outcome::Granted(terms) => terms.as_slice(),
        _ => &[],
    })
}

impl Decision {
    /// The terms of all roles that are granted, one for each role and app.
    pub fn granted(&self) -> impl Iterator<Item = &Terms> {
        granted(&self.roles)
    }

    /// The roles that depend on what the provider did not tell, and why that is not known.
    pub fn unknown_roles(&self) -> impl Iterator<Item = (&RoleName, &str)> {
        self.roles.iter().filter_map(|(role, outcome)| match outcome {
            Outcome::Unknown(why) => Some((role, why.as_str())),
            _ => None,
        })
    }

    /// Whether nobody can say what `role` gives, since something it needs was not told: nothing new is granted, and
    /// what was granted keeps its end.
    pub fn is_undecided(&self, role: &RoleName) -> bool {
        let unsaid = |outcome: &Outcome| matches!(outcome, Outcome::Unknown(_) | Outcome::Failed(_));
        self.roles.iter().any(|(name, outcome)| name == role && unsaid(outcome))
    }

    /// Whether any role depends on groups that the provider did not tell.
    pub fn has_unknown(&self) -> bool {
        self.unknown_roles().next().is_some()
    }

    /// Whether a role that matched was refused because it could not be worked out, or contradicts another.
    pub fn has_failed(&self) -> bool {
        !self.conflicts.is_empty()
            || self.roles.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
    }
}
