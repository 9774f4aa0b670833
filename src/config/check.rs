//! From settings as written to settings that are right.

use super::{AppSettings, Config, Settings, is_placeholder};
use crate::document::{Document, Mistakes, Segment};
use crate::gateway;
use crate::lifecycle;
use crate::loopback::is_local;
use crate::names::{AppName, TargetName};
use crate::policy::{Known, Policy};
use crate::seal::Sealer;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// Checks everything, and goes on after each mistake, so that all are told.
pub(super) fn check(
    settings: Settings,
    document: &Document,
    folder: &Path,
    mistakes: &mut Mistakes,
) -> Option<Config> {
    let before = mistakes.errors();
    check_url(&settings.url, document, &["url".into()], mistakes);
    if !matches!(settings.url.path(), "/" | "") || settings.url.query().is_some() {
        let message = format!("\"{}\" has a path; our own pages need a host of their own", settings.url);
        mistakes.push(document.mistake(&["url".into()], message));
    }
    let store = check_store(&settings.store, document, folder, mistakes);
    let sealer = Sealer::from_master(settings.key.expose_secret());
    if sealer.is_err() {
        let mistake = document.mistake(&["key".into()], "the key is not 32 random bytes in base64url");
        mistakes.push(
            mistake.hint(
                "`guestpass init` makes one; `openssl rand 32 | basenc --base64url | tr -d =` does, too",
            ),
        );
    }
    check_providers(&settings, document, mistakes);
    let mut apps = BTreeMap::new();
    let mut targets = BTreeMap::new();
    let mut app_targets = BTreeMap::new();
    let own = settings.url.host_str().unwrap_or_default().to_owned();
    let mut hosts = BTreeMap::from([(own, "our own pages".to_owned())]);
    for (name, mut app) in settings.apps {
        let here = [Segment::from("apps"), Segment::from(name.as_str())];
        let accounts = app.accounts.take();
        if let Some(scim) = accounts
            && let Ok(target) = name.as_str().parse::<TargetName>()
        {
            let at = [&here[..], &["accounts".into()]].concat();
            check_url(&scim.scim, document, &[&at[..], &["scim".into()]].concat(), mistakes);
            if is_placeholder(&scim.token) {
                let mistake =
                    document.mistake(&[&at[..], &["token".into()]].concat(), "the token is a placeholder");
                mistakes.push(mistake.hint("ask the app's administrator for a SCIM token"));
            }
            app_targets.insert(name.clone(), target.clone());
            targets.insert(target, scim);
        }
        if let Some(app) = check_app(name.clone(), app, document, &here, &mut hosts, mistakes) {
            apps.insert(name, Arc::new(app));
        }
    }
    if apps.is_empty() && mistakes.errors() == before {
        mistakes.push(
            document.mistake(&["apps".into()], "no app is protected").hint("name at least one below `apps:`"),
        );
    }
    // Policies are read even if something else is wrong, so that their mistakes are told, too.
    let known = Known {
        providers: settings.providers.keys().cloned().collect(),
        apps: document_apps(document, &apps),
    };
    let policy = read_policies(&folder.join(&settings.policies), &known, document, mistakes);
    if mistakes.errors() > before {
        return None;
    }
    let store = store?;
    Some(Config {
        admin: settings.admin.map_or_else(|| store.with_extension("sock"), |admin| folder.join(admin)),
        url: settings.url,
        listen: settings.listen,
        store,
        sealer: sealer.ok()?,
        workers: settings.workers.unwrap_or_else(cores).max(1),
        lifecycle: lifecycle::Settings {
            lapse: settings.lapse.length(),
            session: settings.session.length.length(),
        },
        providers: settings.providers,
        apps,
        targets,
        app_targets,
        policy: policy?,
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// Every app that is named, those with mistakes, too: a policy for one of them is no mistake of its own.
fn document_apps(
    document: &Document,
    right: &BTreeMap<AppName, Arc<gateway::App>>,
) -> std::collections::BTreeSet<AppName> {
    document
        .keys(&["apps".into()])
        .filter_map(|name| name.parse().ok())
        .chain(right.keys().cloned())
        .collect()
}

/// What is said to others in the clear can be read and changed by others.
fn check_url(url: &Url, document: &Document, path: &[Segment<'_>], mistakes: &mut Mistakes) {
    let host = url.host_str().unwrap_or_default();
    let loopback = is_local(host)
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || host == "[::1]";
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            let mistake = document.mistake(path, format!("\"{url}\" is not encrypted"));
            mistakes.push(mistake.hint("use https; http is for loopback alone"));
        }
        other => mistakes.push(document.mistake(path, format!("\"{other}\" is neither https nor http"))),
    }
    if !url.username().is_empty() || url.password().is_some() {
        mistakes.push(
            document
                .mistake(path, "an address holds no name or password")
                .hint("there is a setting for each"),
        );
    }
}

fn check_store(text: &str, document: &Document, folder: &Path, mistakes: &mut Mistakes) -> Option<PathBuf> {
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Some(folder.join(path)),
        _ => {
            let mistake =
                document.mistake(&["store".into()], format!("\"{text}\" is not a store that we know"));
            mistakes.push(mistake.hint("sqlite: and the path of a file, as in sqlite:/data/guestpass.db"));
            None
        }
    }
}

fn check_providers(settings: &Settings, document: &Document, mistakes: &mut Mistakes) {
    if settings.providers.is_empty() {
        let mistake = document.mistake(&["providers".into()], "nobody vouches for anybody");
        mistakes.push(mistake.hint("name at least one provider below `providers:`"));
    }
    let mut issuers = BTreeMap::new();
    for (name, provider) in &settings.providers {
        let here = [Segment::from("providers"), Segment::from(name.as_str())];
        let issuer = [&here[..], &["issuer".into()]].concat();
        check_url(&provider.issuer, document, &issuer, mistakes);
        if let Some(other) = issuers.insert(provider.issuer.as_str(), name) {
            let message = format!("provider {other} has this issuer already");
            mistakes.push(document.mistake(&issuer, message).hint("a person is known by issuer and subject"));
        }
        if is_placeholder(&provider.client.secret) {
            let at = [&here[..], &["client".into(), "secret".into()]].concat();
            let mistake = document.mistake(&at, "the client secret is a placeholder");
            mistakes.push(mistake.hint("the provider shows it where guestpass is registered"));
        }
    }
}

fn check_app(
    name: AppName,
    app: AppSettings,
    document: &Document,
    here: &[Segment<'_>],
    hosts: &mut BTreeMap<String, String>,
    mistakes: &mut Mistakes,
) -> Option<gateway::App> {
    let AppSettings { host, upstream, title, routes, headers, accounts: _ } = app;
    let plain = !headers.is_empty();
    let checked = gateway::Settings { host, upstream, title, routes, headers }.check(name.clone());
    let app = match checked {
        Ok(app) => app,
        Err(wrong) => {
            for mistake in wrong {
                let below: Vec<Segment<'_>> =
                    mistake.at.iter().map(|key| Segment::from(key.as_str())).collect();
                mistakes.push(document.mistake(&[here, &below].concat(), mistake.message));
            }
            return None;
        }
    };
    let at = [here, &["host".into()]].concat();
    if let Some(other) = hosts.insert(app.host.as_str().to_owned(), format!("app {name}")) {
        mistakes.push(document.mistake(&at, format!("host \"{}\" is taken by {other}", app.host)));
    }
    if plain {
        let at = [here, &["headers".into()]].concat();
        let warning =
            document.mistake(&at, format!("plain headers prove nothing where {name} can be reached past us"));
        let hint = "let the app verify the Guestpass-Assertion header, or let only us connect to it";
        mistakes.push(warning.hint(hint).warning());
    }
    Some(app)
}

pub(super) fn read_policies(
    folder: &Path,
    known: &Known,
    document: &Document,
    mistakes: &mut Mistakes,
) -> Option<Policy> {
    match policy_files(folder) {
        Ok(files) if files.is_empty() => {
            let message = format!("{} holds no policy", folder.display());
            let hint = "without one nobody gets in; docs/policies.md shows how they are written";
            mistakes.push(document.mistake(&["policies".into()], message).hint(hint));
            None
        }
        Ok(files) => Policy::parse(&files, known, mistakes),
        Err(error) => {
            let message = format!("{} cannot be read: {error}", folder.display());
            mistakes.push(document.mistake(&["policies".into()], message));
            None
        }
    }
}

/// The `.yaml` files of a folder, by name: (path, text).
fn policy_files(folder: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.retain(|path| {
        path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") && path.is_file()
    });
    paths.sort();
    paths.into_iter().map(|path| Ok((path.display().to_string(), std::fs::read_to_string(&path)?))).collect()
}
