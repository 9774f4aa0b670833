//! What every rule has to say, and whether what it names is there.

use crate::document::{Document, Mistake, Mistakes, Segment, closest};
use crate::names::{AppName, ProviderName, RoleName};
use crate::policy::parse::{Known, Whole};
use crate::policy::raw::{self, Who};
use crate::policy::template::Template;
use crate::policy::ways::circle;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// Tells of everything in `whole` without which it has no meaning.
pub(in crate::policy) fn names(whole: &Whole<'_>, known: &Known, mistakes: &mut Mistakes) {
    let roles: BTreeSet<_> = whole.roles.keys().map(|name| name.as_str()).collect();
    let known = Names { known, roles };
    for (name, (document, rule)) in &whole.roles {
        let rule_at = Rule { document, kind: "roles", name: name.as_str() };
        known.role(&rule_at, rule, mistakes);
    }
    for (name, (document, rule)) in &whole.deny {
        known.denial(&Rule { document, kind: "deny", name: name.as_str() }, rule, mistakes);
    }
    for (name, (document, rule)) in &whole.separate {
        known.separation(&Rule { document, kind: "separate", name: name.as_str() }, rule, mistakes);
    }
    for (index, (document, example)) in &whole.examples {
        known.example(document, *index, example, mistakes);
    }
    circles(whole, mistakes);
    contradictions(whole, mistakes);
}

/// A rule, and where it stands.
struct Rule<'a> {
    document: &'a Document,
    kind: &'static str,
    name: &'a str,
}

impl Rule<'_> {
    fn path<'s>(&'s self, rest: &[&'s str]) -> Vec<Segment<'s>> {
        [self.kind, self.name].into_iter().chain(rest.iter().copied()).map(Segment::from).collect()
    }

    fn mistake(&self, rest: &[&str], message: impl Into<String>) -> Mistake {
        self.document.mistake_at_key(&self.path(rest), message)
    }

    /// What it is called in a sentence.
    fn words(&self) -> String {
        let kind = if self.kind == "roles" { "role" } else { "rule" };
        format!("{kind} \"{}\"", self.name)
    }
}

struct Names<'a> {
    known: &'a Known,
    roles: BTreeSet<&'a str>,
}

impl Names<'_> {
    fn role(&self, at: &Rule<'_>, role: &raw::Role, mistakes: &mut Mistakes) {
        if let Some(who) = &role.who {
            self.who(at, &["who"], who, mistakes);
            if who.provider.is_none() && !who.is_empty() && self.known.providers.len() > 1 {
                let mistake =
                    at.mistake(&["who"], format!("{} believes every provider", at.words())).warning();
                mistakes.push(mistake.hint("say which one it is: who: { provider: NAME, .. }"));
            }
        }
        if let Some(unless) = &role.unless {
            self.who(at, &["unless"], unless, mistakes);
        }
        if let Some(unless) = role.lasts.idle.as_ref().and_then(raw::Idle::unless) {
            self.who(at, &["for", "idle", "unless"], unless, mistakes);
        }
        if role.gets.is_empty() && role.includes.is_empty() {
            let key =
                if at.document.keys(&at.path(&[])).any(|key| key == "gets") { &["gets"][..] } else { &[] };
            let mistake = at.mistake(key, format!("{} gives nothing", at.words()));
            mistakes.push(mistake.hint("say what it gives: gets: { APP: {} }"));
        }
        for app in role.gets.keys() {
            mistakes.extend(self.app(at.document, &at.path(&["gets", app.as_str()]), app));
        }
        for name in &role.includes {
            mistakes.extend(self.named_role(at, &["includes"], name));
        }
        if let Some(approval) = &role.approval {
            mistakes.extend(self.named_role(at, &["approval", "by"], &approval.by));
        }
        lasts(at, role, mistakes);
    }

    fn denial(&self, at: &Rule<'_>, rule: &raw::Deny, mistakes: &mut Mistakes) {
        self.who(at, &["who"], &rule.who, mistakes);
        if let Some(unless) = &rule.unless {
            self.who(at, &["unless"], unless, mistakes);
        }
        for name in &rule.roles {
            mistakes.extend(self.named_role(at, &["roles"], name));
        }
        for app in &rule.apps {
            mistakes.extend(self.app(at.document, &at.path(&["apps"]), app));
        }
    }

    fn separation(&self, at: &Rule<'_>, rule: &raw::Separate, mistakes: &mut Mistakes) {
        if rule.roles.len() < 2 {
            let mistake = at.mistake(&["roles"], format!("{} keeps nothing apart", at.words()));
            mistakes.push(mistake.hint("name at least two roles: roles: [ONE, OTHER]"));
        }
        for name in &rule.roles {
            mistakes.extend(self.named_role(at, &["roles"], name));
        }
    }

    fn example(&self, document: &Document, index: usize, example: &raw::Example, mistakes: &mut Mistakes) {
        let provider = ["examples".into(), index.into(), "when".into(), "provider".into()];
        mistakes.extend(self.provider(document, &provider, &example.when.provider));
        for app in example.expect.apps.keys() {
            let path = ["examples".into(), index.into(), "expect".into(), app.as_str().into()];
            mistakes.extend(self.app(document, &path, app));
        }
        for role in example.expect.roles.iter().filter(|role| !self.roles.contains(role.as_str())) {
            let path = ["examples".into(), index.into(), "expect".into(), "roles".into()];
            let mistake = document.mistake(&path, format!("unknown role \"{role}\""));
            mistakes.push(hinted(mistake, role, &self.roles, "roles"));
        }
    }

    fn who(&self, at: &Rule<'_>, key: &[&str], who: &Who, mistakes: &mut Mistakes) {
        let below = |rest| [key, &[rest]].concat();
        if who.groups.as_ref().is_some_and(raw::Groups::is_empty) {
            let mistake = at.mistake(&below("groups"), "groups without any name");
            mistakes.push(mistake.hint("write groups: { any: [NAME] } or groups: { all: [NAME, NAME] }"));
        }
        if who.is_empty() {
            let message = match key {
                ["unless"] => format!("{} would be for nobody", at.words()),
                ["for", ..] => format!("idle of {} would end nothing", at.words()),
                _ => format!("{} would be for everybody", at.words()),
            };
            let hint = format!(
                "for all people of one provider, write {}: {{ provider: NAME }}",
                key.last().copied().unwrap_or_default()
            );
            mistakes.push(at.mistake(key, message).hint(hint));
        }
        for provider in who.provider.iter().flat_map(|providers| &providers.0) {
            mistakes.extend(self.provider(at.document, &at.path(&below("provider")), provider));
        }
    }

    fn named_role(&self, at: &Rule<'_>, key: &[&str], name: &RoleName) -> Option<Mistake> {
        let mistake = || at.document.mistake(&at.path(key), format!("unknown role \"{name}\""));
        (!self.roles.contains(name.as_str())).then(|| hinted(mistake(), name, &self.roles, "roles"))
    }

    fn app(&self, document: &Document, path: &[Segment<'_>], app: &AppName) -> Option<Mistake> {
        let names = self.known.apps.iter().map(AppName::as_str).collect();
        let mistake =
            || document.mistake_at_key(path, format!("unknown app \"{app}\"")).label("no app of this name");
        (!self.known.apps.contains(app)).then(|| hinted(mistake(), app, &names, "apps"))
    }

    fn provider(&self, document: &Document, path: &[Segment<'_>], name: &ProviderName) -> Option<Mistake> {
        let names = self.known.providers.iter().map(ProviderName::as_str).collect();
        let mistake = || {
            document.mistake(path, format!("unknown provider \"{name}\"")).label("no provider of this name")
        };
        (!self.known.providers.contains(name)).then(|| hinted(mistake(), name, &names, "providers"))
    }
}

/// What `for` and `only` have to say to mean anything.
fn lasts(at: &Rule<'_>, role: &raw::Role, mistakes: &mut Mistakes) {
    let lasts = &role.lasts;
    if lasts.zone.is_some() && lasts.until.is_none() && lasts.from.is_none() {
        let mistake = at.mistake(&["for", "zone"], "a zone without a date to read in it");
        mistakes.push(mistake.hint("a zone says where the days of until and from begin and end"));
    }
    if lasts.renew.is_some() && lasts.ttl.is_none() {
        let mistake = at.mistake(&["for", "renew"], "nothing to renew without a ttl");
        mistakes.push(mistake.hint("say how long it lasts: for: { ttl: 30d, renew: login }"));
    }
    if role.guest.is_some() && lasts.ttl.is_none() && lasts.until.is_none() && lasts.at_most.is_none() {
        let mistake = at.mistake(&["guest"], format!("{} is for guests and has no end", at.words()));
        mistakes.push(mistake.hint("guests leave: for: { ttl: 30d }, or until: claims.NAME"));
    }
    if let Some(only) = &role.only {
        if only.is_empty() {
            let mistake = at.mistake(&["only"], "conditions without any");
            mistakes.push(mistake.hint("write only: { networks: [10.0.0.0/8] } or leave it out"));
        } else if only.zone.is_some() && only.days.is_none() && only.hours.is_none() {
            let mistake = at.mistake(&["only", "zone"], "a zone without days or hours to read in it");
            mistakes.push(mistake.hint("write only: { days: [mon, tue], zone: Europe/Berlin }"));
        }
    }
}

fn hinted(mistake: Mistake, name: &impl Display, known: &BTreeSet<&str>, what: &str) -> Mistake {
    match closest(&name.to_string(), known.iter().copied()) {
        Some(close) => mistake.hint(format!("did you mean \"{close}\"?")),
        None if known.is_empty() && what == "roles" => mistake.hint("the policies have no roles"),
        None if known.is_empty() => mistake.hint(format!("the configuration has no {what}")),
        None => {
            let names: Vec<_> = known.iter().copied().collect();
            mistake.hint(format!("{what} are {}", names.join(", ")))
        }
    }
}

/// A role that comes with itself.
fn circles(whole: &Whole<'_>, mistakes: &mut Mistakes) {
    let numbers: BTreeMap<_, _> =
        whole.roles.keys().enumerate().map(|(number, name)| (*name, number)).collect();
    let includes: Vec<BTreeSet<usize>> = whole
        .roles
        .values()
        .map(|(_, role)| role.includes.iter().filter_map(|name| numbers.get(name).copied()).collect())
        .collect();
    if let Some((name, (document, _))) = circle(&includes).and_then(|role| whole.roles.iter().nth(role)) {
        let path = ["roles".into(), name.as_str().into(), "includes".into()];
        mistakes.push(document.mistake_at_key(&path, format!("role \"{name}\" includes itself")));
    }
}

/// A role that sets an attribute: for whose people, if not for all, and to what.
type Setter<'a> = (&'a RoleName, Option<&'a BTreeSet<ProviderName>>, &'a Template);

/// Two roles may set one attribute of one app differently only if no one person can have both.
fn contradictions(whole: &Whole<'_>, mistakes: &mut Mistakes) {
    let mut seen: BTreeMap<_, Vec<Setter<'_>>> = BTreeMap::new();
    // Who has a role by another has it whatever its own provider.
    let included: BTreeSet<_> = whole.roles.values().flat_map(|(_, role)| &role.includes).collect();
    for (name, (document, role)) in &whole.roles {
        let own = role.who.as_ref().and_then(|who| who.provider.as_ref()).map(|providers| &providers.0);
        let providers = own.filter(|_| !included.contains(*name));
        let set =
            role.gets.iter().flat_map(|(app, access)| access.attributes.iter().map(move |set| (app, set)));
        for (app, (attribute, template)) in set {
            let others = seen.entry((app, attribute)).or_default();
            let meet = |other: &Option<&BTreeSet<ProviderName>>| {
                other.zip(providers).is_none_or(|(one, other)| !one.is_disjoint(other))
            };
            let clash = others.iter().find(|(_, other, text)| meet(other) && *text != template);
            if let Some((other, ..)) = clash {
                let path = ["roles", name.as_str(), "gets", app.as_str(), "attributes", attribute]
                    .map(Segment::from);
                let message =
                    format!("roles \"{other}\" and \"{name}\" set {attribute} of {app} differently");
                let mistake = document.mistake(&path, message).label("somebody may have both roles");
                mistakes.push(mistake.hint("set it in one role, or give each role a provider of its own"));
            }
            if !others.iter().any(|(_, other, text)| *other == providers && *text == template) {
                others.push((name, providers, template));
            }
        }
    }
}
