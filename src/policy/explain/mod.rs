//! Why somebody gets what they get: every rule that may concern them, condition by condition, with what their claims hold
//! of it and where it is written. The decision in it is that of [`Policy::evaluate`]; nothing is decided here.

mod asks;
mod ends;
mod judged;
#[cfg(test)]
mod tests;

pub use asks::asks;
pub use ends::PossibleEnd;
pub use judged::{Answer, Judged, Spot};

pub(super) use ends::ends;

use super::expression::Facts;
use super::rule::Clause;
use super::{Decision, Denial, Found, Outcome, Policy, Role, Separation};
use crate::identity::ClaimSet;
use crate::names::{AppName, ProviderName, RoleName, RuleName};
use jiff::Timestamp;
use judged::judged;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a policy makes of somebody, and why.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Explanation {
    /// The policy, by its version.
    pub policy: String,
    /// The moment.
    pub at: Timestamp,
    /// The provider that vouches.
    pub provider: ProviderName,
    /// The roles: first those of which something comes, then those that lack the least.
    pub roles: Vec<OfRole>,
    /// The denials: first those that are about the person, then those that lack the least.
    pub deny: Vec<OfDenial>,
    /// The separations of which the person would hold a role.
    pub separate: Vec<OfSeparation>,
}

/// What a role makes of somebody.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OfRole {
    /// The role.
    pub role: RoleName,
    /// Where it is written.
    #[serde(flatten)]
    pub spot: Spot,
    /// Whether the person has it by themselves.
    #[serde(flatten)]
    pub answer: Answer,
    /// Whom it is for; nothing, where only other roles bring it.
    pub who: Vec<Judged>,
    /// Who is excepted.
    pub unless: Vec<Judged>,
    /// Whom its `idle` spares.
    pub idle_unless: Vec<Judged>,
    /// The roles that bring it to the person.
    pub by: Vec<RoleName>,
    /// The roles that come with it.
    pub brings: Vec<RoleName>,
    /// What comes of it, by app.
    pub comes: Vec<Comes>,
}

/// What comes of a role in one app.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Comes {
    /// What was decided: role, app and outcome, with its details.
    #[serde(flatten)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub found: Found,
    /// All ends that apply where it is granted, the earliest first: that one counts.
    pub ends: Vec<PossibleEnd>,
    /// What each request is asked, in words.
    pub asks: Vec<String>,
}

/// What a denial makes of somebody.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OfDenial {
    /// The rule.
    pub rule: RuleName,
    /// Where it is written.
    #[serde(flatten)]
    pub spot: Spot,
    /// Whether it is about the person.
    #[serde(flatten)]
    pub answer: Answer,
    /// Whom it is about.
    pub who: Vec<Judged>,
    /// Who is spared.
    pub unless: Vec<Judged>,
    /// Why it is there, in its author's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The roles that it takes from them.
    pub takes: Vec<RoleName>,
}

/// What a separation makes of somebody.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct OfSeparation {
    /// The rule.
    pub rule: RuleName,
    /// Where it is written.
    #[serde(flatten)]
    pub spot: Spot,
    /// The roles that may not meet.
    pub roles: Vec<RoleName>,
    /// Why it is there, in its author's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Those of them that it keeps from the person.
    pub takes: Vec<RoleName>,
}

impl Policy {
    /// Why the person with these claims gets what they get at `now`; with an `app`, what concerns it alone. `watch` tells
    /// the time that has passed since some moment, by which costly conditions are measured.
    pub fn explain(
        &self,
        claims: &ClaimSet,
        now: Timestamp,
        app: Option<&AppName>,
        watch: &mut dyn FnMut() -> Duration,
    ) -> Explanation {
        let (facts, decision) = (Facts::of(claims), self.evaluate(claims, now));
        let mut view = View { policy: self, facts, decision: &decision, app, watch };
        let concerned: Vec<_> = self.roles.iter().filter(|role| view.concerns(role)).collect();
        let mut roles: Vec<_> = concerned.iter().map(|role| view.role(role)).collect();
        roles.sort_by_key(OfRole::distance);
        let denials: Vec<_> =
            self.denials.iter().filter(|denial| view.is_covered(denial, &concerned)).collect();
        let mut deny: Vec<_> = denials.into_iter().map(|denial| view.denial(denial)).collect();
        deny.sort_by_key(OfDenial::distance);
        let separate = self
            .separations
            .iter()
            .filter_map(|separation| view.separation(separation, &concerned))
            .collect();
        Explanation {
            policy: self.version.to_string(),
            at: now,
            provider: claims.provider().clone(),
            roles,
            deny,
            separate,
        }
    }
}

/// One person, seen by one policy.
struct View<'a, 'c> {
    policy: &'a Policy,
    facts: Facts<'c>,
    decision: &'a Decision,
    app: Option<&'a AppName>,
    watch: &'a mut dyn FnMut() -> Duration,
}

impl View<'_, '_> {
    /// Whether a role, or one that comes with it, opens the app in question.
    fn concerns(&self, role: &Role) -> bool {
        let opens = |role: &Role| role.gets.iter().any(|access| self.is_asked(&access.app));
        self.app.is_none() || role.ways.iter().any(|way| opens(&self.policy.roles[way.role]))
    }

    fn is_asked(&self, app: &AppName) -> bool {
        self.app.is_none_or(|asked| asked == app)
    }

    /// Whether a denial could take anything in question.
    fn is_covered(&self, denial: &Denial, concerned: &[&Role]) -> bool {
        let apps = denial.apps.is_empty() || denial.apps.iter().any(|app| self.is_asked(app));
        apps && (denial.roles.is_empty() || concerned.iter().any(|role| denial.roles.contains(&role.name)))
    }

    fn clause(&mut self, clause: Option<&Clause>) -> Vec<Judged> {
        let conditions = clause.into_iter().flat_map(|clause| &clause.0);
        conditions.map(|condition| judged(condition, &self.facts, self.watch)).collect()
    }

    fn role(&mut self, role: &Role) -> OfRole {
        let answer = role.judge(&self.facts).into();
        let brings = |other: &&Role| {
            other.name != role.name
                && other.ways.iter().any(|way| self.policy.roles[way.role].name == role.name)
                && Answer::from(other.judge(&self.facts)) != Answer::Fails
        };
        let by = self.policy.roles.iter().filter(brings).map(|other| other.name.clone()).collect();
        let brought =
            role.ways.iter().map(|way| &self.policy.roles[way.role].name).filter(|name| **name != role.name);
        let found =
            self.decision.found.iter().filter(|found| found.role == role.name && self.is_asked(&found.app));
        let comes = found.map(|found| Comes {
            found: found.clone(),
            ends: found.terms().map(|terms| ends(terms, self.decision.at)).unwrap_or_default(),
            asks: found.terms().map(asks).unwrap_or_default(),
        });
        OfRole {
            role: role.name.clone(),
            spot: (&role.origin).into(),
            answer,
            by,
            brings: brought.cloned().collect::<BTreeSet<_>>().into_iter().collect(),
            comes: comes.collect(),
            who: self.clause(role.who.as_ref()),
            unless: self.clause(role.unless.as_ref()),
            idle_unless: self.clause(role.bounds.spared_by_idle()),
        }
    }

    fn denial(&mut self, denial: &Denial) -> OfDenial {
        OfDenial {
            rule: denial.name.clone(),
            spot: (&denial.origin).into(),
            answer: denial.judge(&self.facts).into(),
            because: denial.because.clone(),
            takes: self.taken(|outcome| matches!(outcome, Outcome::Denied(rule) if *rule == denial.name)),
            who: self.clause(Some(&denial.who)),
            unless: self.clause(denial.unless.as_ref()),
        }
    }

    fn separation(&self, separation: &Separation, concerned: &[&Role]) -> Option<OfSeparation> {
        let taken = self
            .taken(|outcome| matches!(outcome, Outcome::Separated { rule, .. } if *rule == separation.name));
        let touches = self.decision.found.iter().any(|found| separation.roles.contains(&found.role));
        let asked = concerned.iter().any(|role| separation.roles.contains(&role.name));
        (touches && asked).then(|| OfSeparation {
            rule: separation.name.clone(),
            spot: (&separation.origin).into(),
            roles: separation.roles.iter().cloned().collect(),
            because: separation.because.clone(),
            takes: taken,
        })
    }

    /// The roles with such an outcome in an app in question.
    fn taken(&self, is_so: impl Fn(&Outcome) -> bool) -> Vec<RoleName> {
        let found =
            self.decision.found.iter().filter(|found| self.is_asked(&found.app) && is_so(&found.outcome));
        found.map(|found| found.role.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl OfRole {
    /// Whether anything comes of it, or it is about the person.
    pub fn is_near(&self) -> bool {
        !self.comes.is_empty() || self.answer != Answer::Fails
    }

    /// How far it is from being given: nearest first, then by name.
    fn distance(&self) -> (bool, usize, RoleName) {
        // Nobody has by themselves what only another role brings.
        let lacks = if self.who.is_empty() { usize::MAX } else { lacks(&self.who, &self.unless) };
        (!self.is_near(), lacks, self.role.clone())
    }
}

impl OfDenial {
    /// Whether it is about the person, or nobody can say.
    pub fn is_near(&self) -> bool {
        self.answer != Answer::Fails
    }

    fn distance(&self) -> (bool, usize, RuleName) {
        (!self.is_near(), lacks(&self.who, &self.unless), self.rule.clone())
    }
}

/// How many conditions stand in the way.
fn lacks(who: &[Judged], unless: &[Judged]) -> usize {
    let excepted = !unless.is_empty() && unless.iter().all(|condition| condition.answer == Answer::Holds);
    who.iter().filter(|condition| condition.answer == Answer::Fails).count() + usize::from(excepted)
}
