//! From settings as written to settings that are right.

use super::tell::Tell;
use super::{AppSettings, Config, Files, LOOK_EVERY, Settings, folder, is_placeholder};
use crate::document::closest;
use crate::gateway;
use crate::lifecycle;
use crate::loopback::is_local;
use crate::names::{AppName, ProviderName, RoleName, TargetName};
use crate::policy::{Known, Policy};
use crate::provision::connectors::scim;
use crate::seal::Sealer;
use crate::{issuer, seal};
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::{Host, Url};

/// Checks everything that the file at `path` says, and goes on after each mistake, so that all are told.
pub(super) fn check(
    settings: Settings,
    path: &Path,
    files: &mut Files,
    tell: &mut Tell<'_>,
) -> Option<Config> {
    let folder = folder(path);
    check_url(&settings.url, &["url"], tell);
    if !matches!(settings.url.path(), "/" | "") || settings.url.query().is_some() {
        tell.wrong(
            &["url"],
            format!("\"{}\" has a path; our own pages need a host of their own", settings.url),
        );
    }
    let store = check_store(&settings.store, folder, tell);
    let sealer = check_key(&settings, tell);
    check_providers(&settings.providers, tell);
    // Policies are read even if something else is wrong, so that their mistakes are told, too.
    let known = Known {
        providers: tell.names("providers").chain(settings.providers.keys().cloned()).collect(),
        apps: tell.names("apps").chain(settings.apps.keys().cloned()).collect(),
    };
    let policy = read_policies(&folder.join(&settings.policies), &known, files, tell);
    if let Some(policy) = &policy {
        check_routes(&settings.apps, policy, tell);
    }
    let Apps { apps, targets, app_targets } = check_apps(settings.apps, &settings.url, tell);
    let store = store?;
    Some(Config {
        path: path.to_owned(),
        files: files.clone(),
        look_every: LOOK_EVERY,
        operations: settings.operations,
        admin: settings.admin.map_or_else(|| store.with_extension("sock"), |admin| folder.join(admin)),
        url: settings.url,
        listen: settings.listen,
        store,
        sealer: sealer?,
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

/// What is said to others in the clear can be read and changed by others.
fn check_url(url: &Url, path: &[&str], tell: &mut Tell<'_>) {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => is_local(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            tell.hint(path, format!("\"{url}\" is not encrypted"), "use https; http is for loopback alone");
        }
        other => tell.wrong(path, format!("\"{other}\" is neither https nor http")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        tell.hint(path, "an address holds no name or password", "there is a setting for each");
    }
}

fn check_store(text: &str, folder: &Path, tell: &mut Tell<'_>) -> Option<PathBuf> {
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Some(folder.join(path)),
        _ => {
            let hint = "sqlite: and the path of a file, as in sqlite:/data/guestpass.db";
            tell.hint(&["store"], format!("\"{text}\" is not a store that we know"), hint);
            None
        }
    }
}

fn check_key(settings: &Settings, tell: &mut Tell<'_>) -> Option<Sealer> {
    Sealer::from_master(settings.key.expose_secret())
        .map_err(|error: seal::Error| tell.hint(&["key"], error.to_string(), "`guestpass init` makes one"))
        .ok()
}

fn check_providers(providers: &BTreeMap<ProviderName, issuer::Settings>, tell: &mut Tell<'_>) {
    if providers.is_empty() {
        let hint = "name at least one provider below `providers:`";
        tell.hint(&["providers"], "nobody vouches for anybody", hint);
    }
    let mut issuers = BTreeMap::new();
    for (name, provider) in providers {
        let here = ["providers", name.as_str()];
        let issuer = [&here[..], &["issuer"]].concat();
        check_url(&provider.issuer, &issuer, tell);
        if let Some(other) = issuers.insert(provider.issuer.as_str(), name) {
            let message = format!("provider {other} has this issuer already");
            tell.hint(&issuer, message, "a person is known by issuer and subject");
        }
        if is_placeholder(&provider.client.secret) {
            let hint = "the provider shows it where guestpass is registered";
            let at = [&here[..], &["client", "secret"]].concat();
            tell.hint(&at, "the client secret is empty or a placeholder", hint);
        }
    }
}

#[derive(Default)]
struct Apps {
    apps: BTreeMap<AppName, Arc<gateway::App>>,
    targets: BTreeMap<TargetName, scim::Settings>,
    app_targets: BTreeMap<AppName, TargetName>,
}

fn check_apps(settings: BTreeMap<AppName, AppSettings>, url: &Url, tell: &mut Tell<'_>) -> Apps {
    let mut checked = Apps::default();
    if settings.is_empty() {
        tell.hint(&["apps"], "no app is protected", "name at least one below `apps:`");
    }
    let own = url.host_str().unwrap_or_default().to_owned();
    let mut hosts = BTreeMap::from([(own, "our own pages".to_owned())]);
    for (name, mut app) in settings {
        let here = ["apps", name.as_str()];
        if let Some(scim) = app.accounts.take()
            && let Ok(target) = name.as_str().parse::<TargetName>()
        {
            check_url(&scim.scim, &[&here[..], &["accounts", "scim"]].concat(), tell);
            if is_placeholder(&scim.token) {
                let at = [&here[..], &["accounts", "token"]].concat();
                tell.hint(
                    &at,
                    "the token is empty or a placeholder",
                    "ask the app's administrator for a SCIM token",
                );
            }
            checked.app_targets.insert(name.clone(), target.clone());
            checked.targets.insert(target, scim);
        }
        if let Some(app) = check_app(&name, app, &here, &mut hosts, tell) {
            checked.apps.insert(name.clone(), Arc::new(app));
        }
    }
    checked
}

fn check_app(
    name: &AppName,
    app: AppSettings,
    here: &[&str],
    hosts: &mut BTreeMap<String, String>,
    tell: &mut Tell<'_>,
) -> Option<gateway::App> {
    let AppSettings { host, upstream, title, routes, headers, accounts: _ } = app;
    let plain = !headers.is_empty();
    let app = match (gateway::Settings { host, upstream, title, routes, headers }).check(name.clone()) {
        Ok(app) => app,
        Err(wrong) => {
            for mistake in wrong {
                let below: Vec<&str> = mistake.at.iter().map(String::as_str).collect();
                tell.wrong(&[here, &below].concat(), mistake.message);
            }
            return None;
        }
    };
    if let Some(other) = hosts.insert(app.host.as_str().to_owned(), format!("app {name}")) {
        tell.wrong(&[here, &["host"]].concat(), format!("host \"{}\" is taken by {other}", app.host));
    }
    if plain {
        let message = format!("plain headers prove nothing where {name} can be reached past us");
        let hint = "let the app verify Guestpass-Assertion, or let only us connect to it";
        tell.warn(&[here, &["headers"]].concat(), message, hint);
    }
    Some(app)
}

/// A route that asks for a role which nobody can get is shut to everybody, and not by intent.
fn check_routes(apps: &BTreeMap<AppName, AppSettings>, policy: &Policy, tell: &mut Tell<'_>) {
    for (name, app) in apps {
        for (prefix, rule) in &app.routes {
            let gateway::Rule::Roles(roles) = rule else { continue };
            for role in roles.iter().filter(|role| policy.roles().all(|known| known != *role)) {
                let hint = match closest(role.as_str(), policy.roles().map(RoleName::as_str)) {
                    Some(meant) => format!("did you mean \"{meant}\"?"),
                    None => "roles are named in the policies".to_owned(),
                };
                let at = ["apps", name.as_str(), "routes", prefix, "roles"];
                tell.hint(&at, format!("no policy has a role \"{role}\""), &hint);
            }
        }
    }
}

pub(super) fn read_policies(
    folder: &Path,
    known: &Known,
    files: &mut Files,
    tell: &mut Tell<'_>,
) -> Option<Policy> {
    match policy_files(folder, files) {
        Ok(files) if files.is_empty() => {
            let hint = "without one nobody gets in; docs/policies.md shows how they are written";
            tell.hint(&["policies"], format!("{} holds no policy", folder.display()), hint);
            None
        }
        Ok(files) => Policy::parse(&files, known, tell.mistakes),
        Err(error) => {
            tell.wrong(&["policies"], format!("{} cannot be read: {error}", folder.display()));
            None
        }
    }
}

/// The `.yaml` files of a folder, by name: (path, text).
fn policy_files(folder: &Path, files: &mut Files) -> std::io::Result<Vec<(String, String)>> {
    let paths = files.list(folder)?;
    paths.into_iter().map(|path| Ok((path.display().to_string(), files.read(&path)?))).collect()
}
