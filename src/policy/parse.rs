//! Files into a policy; every mistake, with its line and a hint.

use super::case::Case;
use super::raw::{self, File};
use super::until::Until;
use super::{Access, Policy, PolicyVersion, Role};
use crate::document::{Document, Mistake, Mistakes, Segment, closest};
use crate::names::{AppName, ProviderName, RoleName};
use crate::span::Span;
use aws_lc_rs::digest;
use std::collections::{BTreeMap, BTreeSet};

/// The names that a policy may use.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The providers of the configuration.
    pub providers: BTreeSet<ProviderName>,
    /// The apps of the configuration.
    pub apps: BTreeSet<AppName>,
}

impl Policy {
    /// Reads `files` (name and text) as one policy; their order does not matter. Nothing is returned where they
    /// hold an error; a warning alone does not prevent it.
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

        let mut roles: BTreeMap<&RoleName, (&Document, &raw::Role)> = BTreeMap::new();
        for (document, file) in &read {
            for (name, role) in &file.roles {
                if let Some((first, _)) = roles.get(name) {
                    let place = first.at_key(&["roles".into(), name.as_str().into()]);
                    let mistake = document.mistake_at_key(
                        &["roles".into(), name.as_str().into()],
                        format!("role \"{name}\" is defined twice"),
                    );
                    mistakes.push(mistake.label(format!("first at {}:{}", first.file(), place.line)));
                } else {
                    roles.insert(name, (document, role));
                }
                check_role(document, name, role, known, mistakes);
            }
            for (index, example) in file.examples.iter().enumerate() {
                check_example(document, index, example, known, mistakes);
            }
        }
        check_contradictions(&roles, mistakes);
        if mistakes.errors() > errors {
            return None;
        }

        let meaning: BTreeMap<_, _> = roles.iter().map(|(name, (_, role))| (name, role)).collect();
        let version = version(&serde_json::to_vec(&meaning).unwrap_or_default());
        let roles = roles.into_iter().map(|(name, (_, role))| compile(name, role)).collect();
        let cases = read.into_iter().flat_map(|(document, file)| {
            let cases = file.examples.into_iter().enumerate();
            cases.map(move |(index, example)| Case {
                file: document.file().to_owned(),
                line: document.at(&["examples".into(), index.into()]).line,
                when: example.when,
                expect: example.expect,
            })
        });
        Some(Self { version, roles, cases: cases.collect() })
    }
}

fn version(meaning: &[u8]) -> PolicyVersion {
    let hash = digest::digest(&digest::SHA256, meaning);
    let hex: String = hash.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    PolicyVersion(hex.into())
}

fn compile(name: &RoleName, role: &raw::Role) -> Role {
    let gets = role.gets.iter().map(|(app, access)| Access {
        app: app.clone(),
        groups: access.groups.clone(),
        attributes: access.attributes.clone(),
    });
    let lasts = &role.lasts;
    let until = lasts.until.as_ref().map(|claim| Until { claim: claim.0.clone(), zone: lasts.zone.clone() });
    Role {
        name: name.clone(),
        who: role.who.conditions(),
        gets: gets.collect(),
        ttl: lasts.ttl.map(Span::length),
        until,
    }
}

fn check_role(
    document: &Document,
    name: &RoleName,
    role: &raw::Role,
    known: &Known,
    mistakes: &mut Mistakes,
) {
    let at = |rest: &[&'static str]| {
        let path: Vec<Segment<'_>> =
            ["roles", name.as_str()].into_iter().chain(rest.iter().copied()).map(Into::into).collect();
        path
    };
    let who = &role.who;
    if let Some(groups) = &who.groups
        && groups.any.is_none()
        && groups.all.is_none()
    {
        let mistake = document.mistake_at_key(&at(&["who", "groups"]), "groups without any name");
        mistakes.push(mistake.hint("write groups: { any: [NAME] } or groups: { all: [NAME, NAME] }"));
    }
    match &who.provider {
        Some(provider) => {
            mistakes.extend(unknown_provider(document, &at(&["who", "provider"]), provider, known))
        }
        None if who.groups.is_none() && who.claims.is_empty() => {
            let mistake =
                document.mistake_at_key(&at(&["who"]), format!("role \"{name}\" would be for everybody"));
            mistakes.push(mistake.hint("for all people of one provider, write who: { provider: NAME }"));
        }
        None if known.providers.len() > 1 => {
            let message = format!("role \"{name}\" believes every provider");
            let mistake = document.mistake_at_key(&at(&["who"]), message).warning();
            mistakes.push(mistake.hint("say which one it is: who: { provider: NAME, .. }"));
        }
        None => {}
    }
    if role.gets.is_empty() {
        mistakes.push(document.mistake_at_key(&at(&["gets"]), format!("role \"{name}\" gives nothing")));
    }
    for app in role.gets.keys() {
        let path = ["roles".into(), name.as_str().into(), "gets".into(), app.as_str().into()];
        mistakes.extend(unknown_app(document, &path, app, known));
    }
    if role.lasts.zone.is_some() && role.lasts.until.is_none() {
        let mistake = document.mistake_at_key(&at(&["for", "zone"]), "a zone without an end to read in it");
        mistakes.push(mistake.hint("a zone says where the day of until: claims.NAME ends"));
    }
}

fn check_example(
    document: &Document,
    index: usize,
    example: &raw::Example,
    known: &Known,
    mistakes: &mut Mistakes,
) {
    let provider = ["examples".into(), index.into(), "when".into(), "provider".into()];
    mistakes.extend(unknown_provider(document, &provider, &example.when.provider, known));
    for app in example.expect.apps.keys() {
        let path = ["examples".into(), index.into(), "expect".into(), app.as_str().into()];
        mistakes.extend(unknown_app(document, &path, app, known));
    }
}

fn unknown_app(document: &Document, path: &[Segment<'_>], app: &AppName, known: &Known) -> Option<Mistake> {
    let names: Vec<_> = known.apps.iter().map(AppName::as_str).collect();
    let mistake =
        || document.mistake_at_key(path, format!("unknown app \"{app}\"")).label("no app of this name");
    (!known.apps.contains(app)).then(|| hinted(mistake(), app.as_str(), &names, "apps"))
}

fn unknown_provider(
    document: &Document,
    path: &[Segment<'_>],
    provider: &ProviderName,
    known: &Known,
) -> Option<Mistake> {
    let names: Vec<_> = known.providers.iter().map(ProviderName::as_str).collect();
    let mistake = || {
        document.mistake(path, format!("unknown provider \"{provider}\"")).label("no provider of this name")
    };
    (!known.providers.contains(provider)).then(|| hinted(mistake(), provider.as_str(), &names, "providers"))
}

fn hinted(mistake: Mistake, name: &str, known: &[&str], what: &str) -> Mistake {
    match closest(name, known.iter().copied()) {
        Some(close) => mistake.hint(format!("did you mean \"{close}\"?")),
        None if known.is_empty() => mistake.hint(format!("the configuration has no {what}")),
        None => mistake.hint(format!("{what} are {}", known.join(", "))),
    }
}

/// Two roles may set one attribute of one app differently only if no one person can have both.
fn check_contradictions(roles: &BTreeMap<&RoleName, (&Document, &raw::Role)>, mistakes: &mut Mistakes) {
    let mut seen: BTreeMap<_, Vec<(&RoleName, Option<&ProviderName>, _)>> = BTreeMap::new();
    for (name, (document, role)) in roles {
        let provider = role.who.provider.as_ref();
        let set =
            role.gets.iter().flat_map(|(app, access)| access.attributes.iter().map(move |set| (app, set)));
        for (app, (attribute, template)) in set {
            let others = seen.entry((app, attribute)).or_default();
            let meet =
                |other: &Option<&ProviderName>| other.is_none() || provider.is_none() || *other == provider;
            let clash = others.iter().find(|(_, other, text)| meet(other) && *text != template);
            if let Some((other, ..)) = clash {
                let path = ["roles", name.as_str(), "gets", app.as_str(), "attributes", attribute]
                    .map(Segment::from);
                let message =
                    format!("roles \"{other}\" and \"{name}\" set {attribute} of {app} differently");
                let mistake = document.mistake(&path, message).label("somebody may have both roles");
                mistakes.push(mistake.hint("set it in one role, or give each role a provider of its own"));
            }
            if !others.iter().any(|(_, other, text)| *other == provider && *text == template) {
                others.push((name, provider, template));
            }
        }
    }
}
