//! Files into a policy; every mistake, with its line and a hint.

use super::case::Case;
use super::index::Index;
use super::raw::{self, File};
use super::ways::ways;
use super::{Access, Bounds, Denial, Idle, Origin, Policy, PolicyVersion, Role, Separation, check};
use crate::account::Limits;
use crate::document::{Document, Mistakes, Segment};
use crate::names::{AppName, ProviderName, RoleName, RuleName};
use crate::span::Span;
use aws_lc_rs::digest;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// The names that a policy may use.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The providers of the configuration.
    pub providers: BTreeSet<ProviderName>,
    /// The apps of the configuration.
    pub apps: BTreeSet<AppName>,
}

/// A rule, and the file that it stands in.
pub(super) type Written<'a, T> = (&'a Document, &'a T);

/// All files, read as one; of rules with one name, the first.
pub(super) struct Whole<'a> {
    pub(super) roles: BTreeMap<&'a RoleName, Written<'a, raw::Role>>,
    pub(super) deny: BTreeMap<&'a RuleName, Written<'a, raw::Deny>>,
    pub(super) separate: BTreeMap<&'a RuleName, Written<'a, raw::Separate>>,
    pub(super) examples: Vec<(usize, Written<'a, raw::Example>)>,
}

impl Policy {
    /// Reads `files` (name and text) as one policy; their order does not matter. Nothing is returned where they
    /// hold an error; a warning or a note does not prevent it.
    pub fn parse(files: &[(String, String)], known: &Known, mistakes: &mut Mistakes) -> Option<Self> {
        let errors = mistakes.errors();
        let mut read: Vec<(Document, File)> = Vec::new();
        for (name, text) in files {
            match Document::parse(name, text) {
                Ok(document) => read.extend(document.read(mistakes).map(|file| (document, file))),
                Err(mistake) => mistakes.push(*mistake),
            }
        }
        read.sort_by(|(one, _), (other, _)| one.file().cmp(other.file()));
        let whole = Whole::of(&read, mistakes);
        check::names(&whole, known, mistakes);
        if mistakes.errors() > errors {
            return None;
        }
        let mut policy = whole.compile();
        check::sense(&whole, &policy, mistakes);
        drop(whole);
        policy.cases =
            read.into_iter().flat_map(|(document, file)| cases(&document, file.examples)).collect();
        (mistakes.errors() == errors).then_some(policy)
    }
}

impl<'a> Whole<'a> {
    fn of(read: &'a [(Document, File)], mistakes: &mut Mistakes) -> Self {
        Self {
            roles: gather(read, "roles", |file| &file.roles, mistakes),
            deny: gather(read, "deny", |file| &file.deny, mistakes),
            separate: gather(read, "separate", |file| &file.separate, mistakes),
            examples: read
                .iter()
                .flat_map(|(document, file)| {
                    file.examples.iter().enumerate().map(move |(index, example)| (index, (document, example)))
                })
                .collect(),
        }
    }

    /// The policy, without its examples.
    fn compile(&self) -> Policy {
        let numbers: BTreeMap<_, _> =
            self.roles.keys().enumerate().map(|(number, name)| (*name, number)).collect();
        let includes = self.roles.values().map(|(_, role)| {
            role.includes.iter().filter_map(|name| numbers.get(name).copied()).collect::<BTreeSet<_>>()
        });
        let includes: Vec<_> = includes.collect();
        let mut roles: Vec<_> = self.roles.iter().map(|(name, written)| role(name, *written)).collect();
        let ways = ways(&includes, |number| roles[number].bounds.apply());
        for (role, ways) in roles.iter_mut().zip(ways) {
            role.ways = ways;
        }
        let separations: Vec<_> =
            self.separate.iter().map(|(name, written)| separation(name, *written)).collect();
        for (number, separation) in separations.iter().enumerate() {
            for role in separation.roles.iter().filter_map(|name| numbers.get(name)) {
                roles[*role].separations.push(number);
            }
        }
        let denials: Vec<_> = self.deny.iter().map(|(name, written)| denial(name, *written)).collect();
        let (mut by_person, mut denials_by_person) = (Index::default(), Index::default());
        for (number, role) in roles.iter().enumerate() {
            role.who.iter().for_each(|who| by_person.add(number, who));
        }
        denials.iter().enumerate().for_each(|(number, denial)| denials_by_person.add(number, &denial.who));
        let version = self.version();
        Policy { version, roles, denials, separations, by_person, denials_by_person, cases: Vec::new() }
    }

    fn version(&self) -> PolicyVersion {
        fn meanings<N: Display, T: Serialize>(rules: &BTreeMap<&N, Written<'_, T>>) -> Value {
            let meaning = |(name, (_, rule)): (&&N, &Written<'_, T>)| {
                (name.to_string(), serde_json::to_value(rule).unwrap_or_default())
            };
            Value::Object(rules.iter().map(meaning).collect())
        }
        let mut meaning = json!({
            "roles": meanings(&self.roles),
            "deny": meanings(&self.deny),
            "separate": meanings(&self.separate),
        });
        bare(&mut meaning);
        let hash = digest::digest(&digest::SHA256, meaning.to_string().as_bytes());
        let hex: String = hash.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        PolicyVersion(hex.into())
    }
}

/// The rules of all files under `key`; one that is there twice is a mistake.
fn gather<'a, N: Ord + Display, T>(
    read: &'a [(Document, File)],
    key: &'static str,
    rules: impl Fn(&'a File) -> &'a BTreeMap<N, T>,
    mistakes: &mut Mistakes,
) -> BTreeMap<&'a N, Written<'a, T>> {
    let mut gathered: BTreeMap<&N, Written<'_, T>> = BTreeMap::new();
    let what = if key == "roles" { "role" } else { "rule" };
    for (document, file) in read {
        for (name, rule) in rules(file) {
            let text = name.to_string();
            let path: [Segment<'_>; 2] = [key.into(), text.as_str().into()];
            match gathered.get(name) {
                Some((first, _)) => {
                    let place = first.at_key(&path);
                    let mistake =
                        document.mistake_at_key(&path, format!("{what} \"{name}\" is defined twice"));
                    mistakes.push(mistake.label(format!("first at {}:{}", first.file(), place.line)));
                }
                None => {
                    gathered.insert(name, (document, rule));
                }
            }
        }
    }
    gathered
}

/// Takes away what says nothing, so that a key which a later release knows does not change what an older file means.
fn bare(value: &mut Value) {
    let Value::Object(entries) = value else { return };
    for (key, value) in entries.iter_mut() {
        // An app in `gets` says something even where nothing more is said of it.
        let says = |value: &Value| match value {
            Value::Array(items) => !items.is_empty(),
            Value::Object(entries) => key == "gets" || !entries.is_empty(),
            value => !value.is_null(),
        };
        if let Value::Object(inner) = value {
            inner.values_mut().for_each(bare);
            inner.retain(|_, value| says(value));
        }
    }
}

fn role(name: &RoleName, (document, role): Written<'_, raw::Role>) -> Role {
    let at = |rest: &'static str| [Segment::from("roles"), name.as_str().into(), rest.into()];
    let gets = role.gets.iter().map(|(app, access)| Access {
        app: app.clone(),
        groups: access.groups.clone(),
        roles: access.roles.clone(),
        heir: access.heir.clone(),
        attributes: access.attributes.clone(),
        routes: access.routes.iter().map(|prefix| prefix.0.clone()).collect(),
    });
    let idle_at =
        [Segment::from("roles"), name.as_str().into(), "for".into(), "idle".into(), "unless".into()];
    let (lasts, length) = (&role.lasts, |span: Option<Span>| span.map(Span::length));
    Role {
        name: name.clone(),
        origin: Origin::of(document, "roles", name.as_str()),
        who: role.who.as_ref().map(|who| who.clause(document, &at("who"))),
        unless: role.unless.as_ref().map(|unless| unless.clause(document, &at("unless"))),
        gets: gets.collect(),
        bounds: Bounds {
            ttl: length(lasts.ttl),
            renew: lasts.renew.unwrap_or_default(),
            at_most: length(lasts.at_most),
            from: lasts.from.clone(),
            until: lasts.until.clone(),
            zone: lasts.zone.clone(),
            idle: lasts.idle.as_ref().map(|idle| Idle {
                after: idle.after().length(),
                unless: idle.unless().map(|unless| unless.clause(document, &idle_at)),
            }),
            session: length(lasts.session),
            delete_after: length(lasts.delete_after),
            only: role.only.as_ref().map(limits),
            sponsor: role.guest.as_ref().map(|guest| guest.sponsor.0.clone()),
            approval: role.approval.as_ref().map(|approval| approval.by.clone()),
        },
        ways: Vec::new(),
        separations: Vec::new(),
    }
}

fn denial(name: &RuleName, (document, rule): Written<'_, raw::Deny>) -> Denial {
    let at = |rest: &'static str| [Segment::from("deny"), name.as_str().into(), rest.into()];
    Denial {
        name: name.clone(),
        origin: Origin::of(document, "deny", name.as_str()),
        who: rule.who.clause(document, &at("who")),
        unless: rule.unless.as_ref().map(|unless| unless.clause(document, &at("unless"))),
        roles: rule.roles.clone(),
        apps: rule.apps.clone(),
        because: rule.because.clone(),
    }
}

fn separation(name: &RuleName, (document, rule): Written<'_, raw::Separate>) -> Separation {
    Separation {
        name: name.clone(),
        origin: Origin::of(document, "separate", name.as_str()),
        roles: rule.roles.clone(),
        because: rule.because.clone(),
    }
}

impl Origin {
    fn of(document: &Document, kind: &str, name: &str) -> Self {
        Self { file: document.file().into(), place: document.at_key(&[kind.into(), name.into()]) }
    }
}

fn limits(only: &raw::Only) -> Limits {
    let texts =
        |texts: &Option<raw::Several<String>>| texts.iter().flat_map(|texts| texts.0.clone()).collect();
    Limits {
        days: only.days.iter().flat_map(|days| &days.0).map(|day| (*day).into()).collect(),
        hours: only.hours.map(|hours| (hours.from, hours.to)),
        zone: only.zone.as_ref().map(|zone| zone.as_str().to_owned().into()),
        networks: only.networks.iter().flat_map(|networks| networks.0.clone()).collect(),
        acr: texts(&only.acr),
        amr: texts(&only.amr),
        max_age: only.max_age.map(Span::length),
    }
}

impl Bounds {
    /// Whether any of it limits what a role leads to.
    fn apply(&self) -> bool {
        let Self { ttl, renew: _, at_most, from, until, zone: _, idle, .. } = self;
        let Self { session, delete_after: _, only, sponsor, approval, .. } = self;
        ttl.is_some()
            || at_most.is_some()
            || from.is_some()
            || until.is_some()
            || idle.is_some()
            || session.is_some()
            || only.is_some()
            || sponsor.is_some()
            || approval.is_some()
    }
}

fn cases(document: &Document, examples: Vec<raw::Example>) -> Vec<Case> {
    let case = |(index, example): (usize, raw::Example)| Case {
        file: document.file().to_owned(),
        line: document.at(&["examples".into(), index.into()]).line,
        when: example.when,
        expect: example.expect,
    };
    examples.into_iter().enumerate().map(case).collect()
}
