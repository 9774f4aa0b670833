//! From claims to a decision.
//!
//! Everything is judged against what roles give by themselves: what a denial takes away still counts for separation
//! and contradiction, so that a rule which takes away never gives.

use super::expression::Facts;
use super::moment::Edge;
use super::rule::{Clause, Verdict};
use super::{Access, Bounds, Decision, Denial, Found, Idle, Outcome, Policy, Role};
use crate::account::{Limits, Renew, Terms};
use crate::identity::ClaimSet;
use crate::names::{AppName, RoleName};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What the bounds on a way come to for one person at one moment.
#[derive(Debug, Clone, Default)]
struct Given {
    ttl: Option<SignedDuration>,
    renew: Option<Renew>,
    at_most: Option<SignedDuration>,
    until: Option<(Timestamp, String)>,
    idle: Option<SignedDuration>,
    session: Option<SignedDuration>,
    only: Vec<Limits>,
    sponsor: Option<String>,
}

/// What one way to a role comes to.
enum Reached {
    Given(Given),
    Not(Outcome),
}

impl Policy {
    /// What the person with these claims gets at `now`.
    pub fn evaluate(&self, claims: &ClaimSet, now: Timestamp) -> Decision {
        let facts = Facts::of(claims);
        let mut best: BTreeMap<usize, Reached> = BTreeMap::new();
        for number in self.by_person.candidates(claims) {
            let role = &self.roles[number];
            let standing = match role.judge(&facts) {
                Verdict::Holds => Ok(()),
                Verdict::Fails => continue,
                Verdict::Unknown(why) => Err(Outcome::Unknown(why.to_owned())),
                Verdict::Failed(why) => Err(Outcome::Failed(why)),
            };
            for way in &role.ways {
                let reached = match &standing {
                    Ok(()) => self.reach(&way.through, &facts, now),
                    Err(open) => Reached::Not(open.clone()),
                };
                match best.get(&way.role) {
                    Some(known) if known.rank(now) >= reached.rank(now) => {}
                    _ => {
                        best.insert(way.role, reached);
                    }
                }
            }
        }
        let mut found: Vec<Found> =
            best.iter().flat_map(|(&role, reached)| self.roles[role].found(reached, claims)).collect();

        let denials = self.denials_by_person.candidates(claims).into_iter();
        let denials: Vec<_> =
            denials.map(|number| (&self.denials[number], self.denials[number].judge(&facts))).collect();
        let contradictions = contradictions(&found);
        let separations = self.separations(best.keys().copied(), &found);
        found.iter_mut().for_each(|found| {
            // What nobody refuses is what it was: nearly always, and then nothing is to be copied for it.
            if found.terms().is_some() && !(separations.is_empty() && contradictions.is_empty()) {
                let by_app = || contradictions.get(&(found.role.clone(), found.app.clone()));
                if let Some(refused) = separations.get(&found.role).or_else(by_app) {
                    found.outcome = refused.clone();
                }
            }
            denials.iter().for_each(|(denial, verdict)| denial.take(verdict, found));
        });
        Decision { policy: self.version.clone(), at: now, found }
    }

    /// What a way comes to that leads through these roles.
    fn reach(&self, through: &BTreeSet<usize>, facts: &Facts<'_>, now: Timestamp) -> Reached {
        let mut given = Given::default();
        let mut not_before = None;
        for role in through.iter().map(|&number| &self.roles[number]) {
            if let Some(by) = &role.bounds.approval {
                return Reached::Not(Outcome::NeedsApproval(by.clone()));
            }
            match given.narrow(&role.bounds, facts) {
                Ok(from) => not_before = not_before.max(from),
                Err(open) => return Reached::Not(open),
            }
        }
        match not_before {
            Some(from) if now < from => Reached::Not(Outcome::NotYet(from)),
            _ => Reached::Given(given),
        }
    }

    /// The roles among `reached` that may not meet others, and what becomes of them.
    fn separations(
        &self,
        reached: impl Iterator<Item = usize>,
        found: &[Found],
    ) -> BTreeMap<RoleName, Outcome> {
        let concerned: BTreeSet<usize> =
            reached.flat_map(|role| &self.roles[role].separations).copied().collect();
        let mut refused = BTreeMap::new();
        for separation in concerned.into_iter().map(|number| &self.separations[number]) {
            let of = |fits: fn(&Found) -> bool| {
                let fitting =
                    found.iter().filter(|found| separation.roles.contains(&found.role) && fits(found));
                fitting.map(|found| found.role.clone()).collect::<BTreeSet<_>>()
            };
            let held = of(|found| found.terms().is_some());
            let open = of(Found::is_undecided);
            for role in &held {
                let outcome = match (
                    held.iter().find(|other| *other != role),
                    open.iter().find(|other| *other != role),
                ) {
                    (Some(other), _) => {
                        Outcome::Separated { rule: separation.name.clone(), from: other.clone() }
                    }
                    (None, Some(other)) => Outcome::Unknown(format!(
                        "{} keeps it apart from role {other}, which may be held, too",
                        separation.name
                    )),
                    (None, None) => continue,
                };
                refused.entry(role.clone()).or_insert(outcome);
            }
        }
        refused
    }
}

impl Role {
    /// Whether somebody has it by themselves.
    pub(super) fn judge<'a>(&self, facts: &Facts<'a>) -> Verdict<'a> {
        self.who.as_ref().map_or(Verdict::Fails, |who| judge(who, self.unless.as_ref(), facts))
    }

    /// Why nobody with these claims has it by themselves, in words.
    pub(super) fn why_no_match(&self, claims: &ClaimSet) -> String {
        let facts = Facts::of(claims);
        let Some(who) = &self.who else { return "only another role brings it".to_owned() };
        match who.0.iter().find(|condition| condition.judge(&facts) == Verdict::Fails) {
            Some(condition) => format!("it is not so that {}", condition.words),
            None => "the person is excepted by unless".to_owned(),
        }
    }

    fn found<'a>(
        &'a self,
        reached: &'a Reached,
        claims: &'a ClaimSet,
    ) -> impl Iterator<Item = Found> + use<'a> {
        self.gets.iter().map(move |access| {
            let outcome = match reached {
                Reached::Not(outcome) => outcome.clone(),
                Reached::Given(given) => match access.terms(self, given, claims) {
                    Ok(terms) => Outcome::Granted(Box::new(terms)),
                    Err(why) => Outcome::Failed(why),
                },
            };
            Found { role: self.name.clone(), app: access.app.clone(), outcome }
        })
    }
}

/// Whether all of `who` holds, and not all of `unless`.
fn judge<'a>(who: &Clause, unless: Option<&Clause>, facts: &Facts<'a>) -> Verdict<'a> {
    let (own, Some(unless)) = (who.judge(facts), unless) else { return who.judge(facts) };
    match (own, unless.judge(facts)) {
        (Verdict::Fails, _) | (_, Verdict::Holds) => Verdict::Fails,
        (own, Verdict::Fails) => own,
        (failed @ Verdict::Failed(_), _) | (_, failed @ Verdict::Failed(_)) => failed,
        (_, unknown) => unknown,
    }
}

impl Access {
    fn terms(&self, role: &Role, given: &Given, claims: &ClaimSet) -> Result<Terms, String> {
        let filled =
            self.attributes.iter().map(|(name, template)| Ok((name.clone(), template.fill(claims)?)));
        let Given { ttl, renew, at_most, until, idle, session, only, sponsor } = given.clone();
        Ok(Terms {
            role: role.name.clone(),
            app: self.app.clone(),
            groups: self.groups.clone(),
            roles: self.roles.clone(),
            heir: self.heir.as_ref().map(|heir| heir.fill(claims)).transpose()?,
            attributes: filled.collect::<Result<_, String>>()?,
            routes: self.routes.clone(),
            ttl,
            renew: renew.unwrap_or_default(),
            at_most,
            until,
            idle,
            session,
            delete_after: role.bounds.delete_after,
            only,
            sponsor,
        })
    }
}

impl Given {
    /// Lets `bounds` apply, too. Returns the moment before which nothing is given.
    fn narrow(&mut self, bounds: &Bounds, facts: &Facts<'_>) -> Result<Option<Timestamp>, Outcome> {
        let claims = facts.claims;
        let shorter = |one: Option<SignedDuration>, other: Option<SignedDuration>| {
            [one, other].into_iter().flatten().min()
        };
        let zone = bounds.zone.as_ref();
        if let Some(until) = &bounds.until {
            let at = until.of(claims, zone, Edge::Ends).map_err(Outcome::Failed)?;
            let until = (at, until.name().to_owned());
            self.until = Some(self.until.take().map_or(until.clone(), |known| known.min(until)));
        }
        if let Some(claim) = &bounds.sponsor {
            let sponsor = claims.text(claim).map(str::trim).filter(|sponsor| !sponsor.is_empty());
            let missing = || Outcome::Failed(format!("claim {claim} names no sponsor"));
            let sponsor = sponsor.ok_or_else(missing)?;
            self.sponsor.get_or_insert_with(|| sponsor.to_owned());
        }
        self.ttl = shorter(self.ttl, bounds.ttl);
        // What has no `ttl` has nothing that could be renewed.
        if bounds.ttl.is_some() {
            self.renew = Some(self.renew.map_or(bounds.renew, |known| known.min(bounds.renew)));
        }
        self.at_most = shorter(self.at_most, bounds.at_most);
        let idle = bounds.idle.as_ref().map(|idle| idle.applies(facts)).transpose()?;
        self.idle = shorter(self.idle, idle.flatten());
        self.session = shorter(self.session, bounds.session);
        self.only.extend(bounds.only.clone());
        let from = bounds.from.as_ref().map(|from| from.of(claims, zone, Edge::Begins));
        from.transpose().map_err(Outcome::Failed)
    }

    /// When it ends if it begins `now`; never, where nothing says so.
    fn end(&self, now: Timestamp) -> Timestamp {
        let after = |span| now.checked_add(span).unwrap_or(Timestamp::MAX);
        let spans = [self.ttl, self.at_most, self.idle].into_iter().flatten().map(after);
        spans.chain(self.until.iter().map(|(at, _)| *at)).min().unwrap_or(Timestamp::MAX)
    }
}

impl Idle {
    /// After how long without a request it ends for somebody; `None` for whom it spares. Where nobody can say whether it
    /// does, nothing is given: neither an end that may be wrong, nor access without one.
    fn applies(&self, facts: &Facts<'_>) -> Result<Option<SignedDuration>, Outcome> {
        match self.unless.as_ref().map_or(Verdict::Fails, |unless| unless.judge(facts)) {
            Verdict::Holds => Ok(None),
            Verdict::Fails => Ok(Some(self.after)),
            Verdict::Unknown(why) => Err(Outcome::Unknown(format!("{why}, which idle asks for"))),
            Verdict::Failed(why) => Err(Outcome::Failed(format!("idle: {why}"))),
        }
    }
}

impl Reached {
    /// Of several ways to a role, that of the highest rank counts: one that gives it, for the longest; else one that
    /// nobody can say.
    fn rank(&self, now: Timestamp) -> (u8, Timestamp, bool) {
        match self {
            Self::Given(given) => (4, given.end(now), given.only.is_empty()),
            Self::Not(outcome) => {
                let rank = match outcome {
                    Outcome::Unknown(_) => 3,
                    Outcome::Failed(_) => 2,
                    Outcome::NotYet(_) => 1,
                    _ => 0,
                };
                (rank, now, false)
            }
        }
    }
}

impl Denial {
    /// Whether it is about somebody.
    pub(super) fn judge<'a>(&self, facts: &Facts<'a>) -> Verdict<'a> {
        judge(&self.who, self.unless.as_ref(), facts)
    }

    pub(super) fn covers(&self, found: &Found) -> bool {
        let all_or_has = |roles: &BTreeSet<RoleName>| roles.is_empty() || roles.contains(&found.role);
        all_or_has(&self.roles) && (self.apps.is_empty() || self.apps.contains(&found.app))
    }

    /// Takes away what it covers. Where nobody can say whether it is about the person, nothing new is granted.
    fn take(&self, verdict: &Verdict<'_>, found: &mut Found) {
        let granted = found.terms().is_some();
        match verdict {
            _ if !self.covers(found) => {}
            Verdict::Holds => found.outcome = Outcome::Denied(self.name.clone()),
            Verdict::Unknown(why) if granted => {
                found.outcome = Outcome::Unknown(format!("{why}, which {} asks for", self.name));
            }
            Verdict::Failed(why) if granted => {
                found.outcome = Outcome::Failed(format!("{}: {why}", self.name))
            }
            _ => {}
        }
    }
}

/// Roles that set one attribute of an app differently, with all others of that app: none of them opens it.
fn contradictions(found: &[Found]) -> BTreeMap<(RoleName, AppName), Outcome> {
    let granted = || found.iter().filter_map(Found::terms);
    let mut set: BTreeMap<(&AppName, &str), (&RoleName, &str)> = BTreeMap::new();
    let mut shut: BTreeMap<&AppName, (&str, [&RoleName; 2])> = BTreeMap::new();
    for terms in granted() {
        for (attribute, value) in &terms.attributes {
            let (role, first) = *set.entry((&terms.app, attribute)).or_insert((&terms.role, value));
            if first != value {
                shut.entry(&terms.app).or_insert((attribute, [role, &terms.role]));
            }
        }
    }
    let refused = granted().filter_map(|terms| {
        let (attribute, [one, other]) = shut.get(&terms.app)?;
        let by = if terms.role == **one { other } else { one };
        let outcome = Outcome::Contradicted { attribute: (*attribute).to_owned(), by: (*by).clone() };
        Some(((terms.role.clone(), terms.app.clone()), outcome))
    });
    refused.collect()
}
