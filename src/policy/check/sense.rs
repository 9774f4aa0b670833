//! Rules that are right by themselves and have no effect, and what one rule does to another.

use super::super::expression::Expression;
use super::super::moment::Moment;
use super::super::parse::{Whole, Written};
use super::super::raw;
use super::super::rule::{Clause, Condition, Matcher, Test};
use super::super::{Denial, Policy, Role};
use crate::document::{Document, Mistake, Mistakes, Segment, closest};
use crate::names::RoleName;
use crate::span::in_words;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};

/// Claims that OpenID Connect Core names (sections 2 and 5.1), and those that nearly every provider sends.
const USUAL: [&str; 37] = [
    "acr",
    "address",
    "amr",
    "at_hash",
    "aud",
    "auth_time",
    "azp",
    "birthdate",
    "email",
    "email_verified",
    "exp",
    "family_name",
    "gender",
    "given_name",
    "groups",
    "iat",
    "iss",
    "jti",
    "locale",
    "middle_name",
    "name",
    "nbf",
    "nickname",
    "nonce",
    "oid",
    "phone_number",
    "phone_number_verified",
    "picture",
    "preferred_username",
    "profile",
    "roles",
    "sid",
    "sub",
    "tid",
    "updated_at",
    "website",
    "zoneinfo",
];

/// What ends sooner for want of use than this may end before a use is counted.
const SHORTEST_IDLE: SignedDuration = SignedDuration::from_mins(10);

/// Tells what of `policy` has no effect, and what its author should know.
pub(in crate::policy) fn sense(whole: &Whole<'_>, policy: &Policy, mistakes: &mut Mistakes) {
    let rooms = Rooms { whole, policy };
    for role in &policy.roles {
        rooms.nobody(role, mistakes);
        rooms.ends(role, mistakes);
    }
    for (number, denial) in policy.denials.iter().enumerate() {
        rooms.shadowed(number, denial, mistakes);
    }
    rooms.separated_by_inclusion(mistakes);
    rooms.unknown_claims(mistakes);
    rooms.negations(mistakes);
}

struct Rooms<'a> {
    whole: &'a Whole<'a>,
    policy: &'a Policy,
}

impl Rooms<'_> {
    fn written(&self, role: &RoleName) -> Option<Written<'_, raw::Role>> {
        self.whole.roles.get(role).copied()
    }

    fn warn(&self, role: &RoleName, key: &[&str], message: String, hint: &str, mistakes: &mut Mistakes) {
        if let Some((document, _)) = self.written(role) {
            mistakes.push(at(document, "roles", role.as_str(), key, message).warning().hint(hint));
        }
    }

    /// A role that nobody can get.
    fn nobody(&self, role: &Role, mistakes: &mut Mistakes) {
        let name = &role.name;
        let Some(who) = &role.who else {
            if !self.is_brought(role) {
                let message = format!(
                    "nobody can get role \"{name}\": it says not who has it, and no role that somebody has includes it"
                );
                self.warn(name, &[], message, "say who has it: who: { provider: NAME, .. }", mistakes);
            }
            return;
        };
        if let Some(why) = impossible(who) {
            let message = format!("nobody can get role \"{name}\": {why}");
            self.warn(name, &["who"], message, "all that is written under who must hold", mistakes);
        } else if role.unless.as_ref().is_some_and(|unless| implies(who, unless)) {
            let message = format!("nobody can get role \"{name}\": whoever it is for is excepted");
            self.warn(name, &["unless"], message, "ask for more under unless than under who", mistakes);
        } else if let Some(denial) = self.policy.denials.iter().find(|denial| takes_all(denial, role, who)) {
            let message = format!(
                "nobody can get role \"{name}\": rule \"{}\" denies it to all whom it is for",
                denial.name
            );
            self.warn(name, &["who"], message, "denials win over roles", mistakes);
        }
    }

    /// Whether another role that somebody has by themselves brings it.
    fn is_brought(&self, role: &Role) -> bool {
        let brings = |other: &Role| {
            let names = || other.ways.iter().map(|way| &self.policy.roles[way.role].name);
            other.who.is_some() && other.name != role.name && names().any(|name| *name == role.name)
        };
        self.policy.roles.iter().any(brings)
    }

    /// Ends that another end makes meaningless.
    fn ends(&self, role: &Role, mistakes: &mut Mistakes) {
        let (name, bounds) = (&role.name, &role.bounds);
        let never = |span: &str, other: &str, end: String| {
            format!("{span} of role \"{name}\" never counts: {other} {end} comes first")
        };
        let mut warn =
            |key: &str, message: String, hint: &str| self.warn(name, &["for", key], message, hint, mistakes);
        if let (Some(ttl), Some(most)) = (bounds.ttl, bounds.at_most)
            && most <= ttl
        {
            warn(
                "ttl",
                never("ttl", "at-most", in_words(most)),
                "let at-most be longer, or leave one of them out",
            );
        }
        let idle = bounds.idle.as_ref().map(|idle| idle.after);
        if let (Some(ttl), Some(idle)) = (bounds.ttl, idle)
            && ttl <= idle
            && bounds.renew == crate::account::Renew::Never
        {
            warn("idle", never("idle", "ttl", in_words(ttl)), "let idle be shorter, or leave it out");
        }
        if let Some(idle) = idle
            && idle < SHORTEST_IDLE
        {
            let message = format!(
                "idle of role \"{name}\" may end what is in use: uses are written down once a minute"
            );
            warn("idle", message, "let it be ten minutes at least");
        }
        if role.who.as_ref().zip(bounds.spared_by_idle()).is_some_and(|(who, spared)| implies(who, spared))
            && !self.is_brought(role)
        {
            let message = format!("idle of role \"{name}\" never counts: it spares whomever the role is for");
            warn("idle", message, "ask for more under unless than under who");
        }
        if let (Some(from), Some(until)) = (fixed(bounds.from.as_ref()), fixed(bounds.until.as_ref()))
            && until < from
        {
            warn("until", format!("role \"{name}\" ends before it begins"), "from comes before until");
        }
    }

    /// A denial whose effect another one has already.
    fn shadowed(&self, number: usize, denial: &Denial, mistakes: &mut Mistakes) {
        let wider = |(other, one): &(usize, &Denial)| {
            let covers = |all: bool, subset: bool| all || subset;
            let roles =
                covers(one.roles.is_empty(), !denial.roles.is_empty() && denial.roles.is_subset(&one.roles));
            let apps =
                covers(one.apps.is_empty(), !denial.apps.is_empty() && denial.apps.is_subset(&one.apps));
            let people = one.unless.is_none() && implies(&denial.who, &one.who);
            // Of two that are the same, the later name is told.
            let same = implies(&one.who, &denial.who)
                && denial.unless.is_none()
                && denial.roles == one.roles
                && denial.apps == one.apps;
            *other != number && roles && apps && people && (!same || *other < number)
        };
        if let Some((_, other)) = self.policy.denials.iter().enumerate().find(wider)
            && let Some((document, _)) = self.whole.deny.get(&denial.name)
        {
            let message =
                format!("rule \"{}\" has no effect: rule \"{}\" denies all of it", denial.name, other.name);
            mistakes.push(
                at(document, "deny", denial.name.as_str(), &[], message)
                    .warning()
                    .hint("leave one of them out"),
            );
        }
    }

    /// A role that brings two which nobody may hold together.
    fn separated_by_inclusion(&self, mistakes: &mut Mistakes) {
        for role in &self.policy.roles {
            let brings: BTreeSet<_> = role.ways.iter().map(|way| &self.policy.roles[way.role].name).collect();
            for separation in &self.policy.separations {
                let both: Vec<_> = brings.iter().filter(|name| separation.roles.contains(**name)).collect();
                if let [one, other, ..] = &both[..] {
                    let message = format!(
                        "role \"{}\" brings \"{one}\" and \"{other}\", which rule \"{}\" keeps apart: nobody gets either by it",
                        role.name, separation.name
                    );
                    self.warn(&role.name, &["includes"], message, "include one of them", mistakes);
                }
            }
        }
    }

    /// Expressions that name a claim which nothing else in the policy knows.
    fn unknown_claims(&self, mistakes: &mut Mistakes) {
        let mut known: BTreeSet<String> = USUAL.map(str::to_owned).into();
        for (_, (_, example)) in &self.whole.examples {
            known.extend(example.when.claims.keys().cloned());
        }
        let clauses = self.policy.clauses();
        for condition in clauses.iter().flat_map(|(.., clause)| &clause.0) {
            if let Matcher::Claim { path, .. } = &condition.matcher {
                known.insert(path.split('.').next().unwrap_or(path).to_owned());
                known.insert(path.clone());
            }
        }
        for (kind, name, key, clause) in clauses {
            for expression in clause.0.iter().filter_map(expression) {
                for claim in expression.claims() {
                    let head = claim.split('.').next().unwrap_or(&claim);
                    if known.contains(&claim) || known.contains(head) {
                        continue;
                    }
                    let Some(document) = self.document(kind, name) else { continue };
                    let message = format!("the expression names claim \"{claim}\", which no example has");
                    let mistake = at(document, kind, name, &[key, &["when"]].concat(), message).warning();
                    mistakes.push(match closest(head, known.iter().map(String::as_str)) {
                        Some(close) => mistake.hint(format!("did you mean \"{close}\"?")),
                        None => mistake.hint("an example with this claim shows how the provider sends it"),
                    });
                }
            }
        }
    }

    /// Rules by which somebody may gain who loses a claim or a group: one note a file, at the first of them.
    fn negations(&self, mistakes: &mut Mistakes) {
        let clauses =
            self.policy.clauses().into_iter().filter_map(|(kind, name, key, clause)| match (kind, key) {
                ("roles", ["unless"]) => Some((kind, name, Some("unless"))),
                ("deny", ["who"]) => Some((kind, name, None)),
                _ => clause.0.iter().filter_map(expression).any(Expression::may_gain).then_some((
                    kind,
                    name,
                    Some("when"),
                )),
            });
        let separations = self.policy.separations.iter().map(|rule| ("separate", rule.name.as_str(), None));
        let mut told: BTreeMap<&str, (Mistake, Vec<String>)> = BTreeMap::new();
        for (kind, name, key) in clauses.chain(separations) {
            let Some(document) = self.document(kind, name) else { continue };
            let note = || at(document, kind, name, &[], String::new()).note();
            let rule = if kind == "roles" { "role" } else { kind };
            let words = key.map_or_else(|| format!("{rule} {name}"), |key| format!("{rule} {name} ({key})"));
            told.entry(document.file()).or_insert_with(|| (note(), Vec::new())).1.push(words);
        }
        for (mut note, rules) in told.into_values() {
            note.message = format!("whoever loses a claim may gain by {}", rules.join(", "));
            mistakes.push(note.hint("who no longer has what a rule asks for is no longer touched by it"));
        }
    }

    fn document(&self, kind: &str, name: &str) -> Option<&Document> {
        let rule = || name.parse::<crate::names::RuleName>().ok();
        match kind {
            "roles" => self.whole.roles.get(&name.parse::<RoleName>().ok()?).map(|(document, _)| *document),
            "deny" => self.whole.deny.get(&rule()?).map(|(document, _)| *document),
            _ => self.whole.separate.get(&rule()?).map(|(document, _)| *document),
        }
    }
}

impl Policy {
    /// Every clause: the kind and name of its rule, the keys it stands under, and itself.
    fn clauses(&self) -> Vec<(&'static str, &str, &'static [&'static str], &Clause)> {
        let roles = self.roles.iter().map(|role| {
            let idle = role.bounds.spared_by_idle();
            ("roles", role.name.as_str(), role.who.as_ref(), role.unless.as_ref(), idle)
        });
        let denials = self
            .denials
            .iter()
            .map(|rule| ("deny", rule.name.as_str(), Some(&rule.who), rule.unless.as_ref(), None));
        let all = |(kind, name, who, unless, idle): (_, _, Option<_>, Option<_>, Option<_>)| {
            let under: [(&[&str], _); 3] =
                [(&["who"], who), (&["unless"], unless), (&["for", "idle", "unless"], idle)];
            under.into_iter().filter_map(move |(keys, clause)| Some((kind, name, keys, clause?)))
        };
        roles.chain(denials).flat_map(all).collect()
    }
}

fn at(document: &Document, kind: &str, name: &str, key: &[&str], message: String) -> Mistake {
    let path: Vec<_> = [kind, name].into_iter().chain(key.iter().copied()).map(Segment::from).collect();
    document.mistake_at_key(&path, message)
}

fn expression(condition: &Condition) -> Option<&Expression> {
    match &condition.matcher {
        Matcher::When(expression) => Some(expression),
        _ => None,
    }
}

fn fixed(moment: Option<&Moment>) -> Option<jiff::civil::Date> {
    match moment? {
        Moment::Day(day) => Some(*day),
        Moment::At(at) => Some(at.to_zoned(jiff::tz::TimeZone::UTC).date()),
        Moment::Claim(_) => None,
    }
}

/// Why nobody can meet all of `who`, where its own words exclude each other.
fn impossible(who: &Clause) -> Option<String> {
    let bounds = |path: &str| {
        let of = |condition: &Condition| match &condition.matcher {
            Matcher::Claim { path: other, test: Test::AtLeast(bound) } if other == path => {
                Some((bound.as_f64()?, true))
            }
            Matcher::Claim { path: other, test: Test::AtMost(bound) } if other == path => {
                Some((bound.as_f64()?, false))
            }
            _ => None,
        };
        who.0.iter().filter_map(of).collect::<Vec<_>>()
    };
    who.0.iter().find_map(|condition| match &condition.matcher {
        Matcher::Claim { path, test: Test::AtLeast(least) } => {
            let above = |&(bound, is_least): &(f64, bool)| {
                !is_least && least.as_f64().is_some_and(|least| bound < least)
            };
            bounds(path)
                .iter()
                .any(above)
                .then(|| format!("claims.{path} cannot be at least {least} and less"))
        }
        _ => None,
    })
}

/// Whether whoever meets all of `narrow` meets all of `wide`, by its words.
fn implies(narrow: &Clause, wide: &Clause) -> bool {
    wide.0.iter().all(|wanted| narrow.0.iter().any(|given| follows(&given.matcher, &wanted.matcher)))
}

/// Whether `wanted` holds wherever `given` does.
fn follows(given: &Matcher, wanted: &Matcher) -> bool {
    match (given, wanted) {
        (Matcher::Provider(given), Matcher::Provider(wanted)) => given.is_subset(wanted),
        (Matcher::AnyGroup(given), Matcher::AnyGroup(wanted)) => given.is_subset(wanted),
        (Matcher::AllGroups(given), Matcher::AllGroups(wanted)) => wanted.is_subset(given),
        (Matcher::AllGroups(given), Matcher::AnyGroup(wanted)) => !given.is_disjoint(wanted),
        (Matcher::EmailDomain(given), Matcher::EmailDomain(wanted)) => given.is_subset(wanted),
        (Matcher::Claim { path, test: given }, Matcher::Claim { path: other, test: wanted })
            if path == other =>
        {
            match (given, wanted) {
                (_, Test::Present) => true,
                (Test::OneOf(given), Test::OneOf(wanted)) => given.iter().all(|value| wanted.contains(value)),
                _ => given.to_string() == wanted.to_string(),
            }
        }
        _ => given.to_string() == wanted.to_string(),
    }
}

/// Whether `denial` takes all of `role` from all who match `who`.
fn takes_all(denial: &Denial, role: &Role, who: &Clause) -> bool {
    let roles = denial.roles.is_empty() || denial.roles.contains(&role.name);
    let apps = denial.apps.is_empty() || role.gets.iter().all(|access| denial.apps.contains(&access.app));
    roles && apps && !role.gets.is_empty() && denial.unless.is_none() && implies(who, &denial.who)
}
