//! From settings as written to settings that are right.

use super::access_tokens;
use super::admin_api;
use super::listen;
use super::operators;
use super::targets;
use super::tell::Tell;
use super::traces;
use super::{
    AccessLogAt, AppSettings, Config, Files, LOOK_EVERY, Settings, folder, is_placeholder, own_app, socket,
};
use crate::document::closest;
use crate::gateway;
use crate::gateway::upstream::{Loader, Registry};
use crate::lifecycle;
use crate::loopback::is_here;
use crate::names::{AppName, ProviderName, RoleName, TargetName};
use crate::policy::{Known, Policy};
use crate::provision::connectors;
use crate::reach::leads_out;
use crate::seal::Sealer;
use crate::span::Span;
use crate::store::{NoPlace, Place};
use crate::{issuer, seal};
use http::Method;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use url::Url;

/// Checks everything that the file at `path` says, and goes on after each mistake, so that all are told.
pub(super) fn check(
    settings: Settings,
    path: &Path,
    upstreams: &Registry,
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
    let (listen, tls) = listen::check(&settings, folder, files, tell);
    let store = check_store(&settings, folder, tell);
    let sealer = check_key(&settings, tell);
    traces::check(settings.traces.as_ref(), tell);
    let admin_api = admin_api::check(settings.admin_api, folder, files, tell);
    check_retention(settings.retention, tell);
    check_providers(&settings.providers, tell);
    check_domains(&settings.providers, tell);
    check_origins(&settings.apps, &settings.providers, tell);
    // Policies are read even if something else is wrong, so that their mistakes are told, too.
    let known = Known {
        providers: tell.names("providers").chain(settings.providers.keys().cloned()).collect(),
        apps: tell.names("apps").chain(settings.apps.keys().cloned()).chain(own_app()).collect(),
    };
    let policy = read_policies(&folder.join(&settings.policies), &known, files, tell);
    let workers = settings.workers.unwrap_or_else(cores).max(1);
    let loader = Loader { folder, lanes: workers, registry: upstreams };
    let named = targets::named(&settings.targets, folder, files, tell);
    let Apps { apps, targets, app_targets } =
        check_apps(settings.apps, named, &settings.url, loader, files, tell);
    access_tokens::check(&apps, &settings.providers, tell);
    if let Some(policy) = &policy {
        check_routes(&apps, policy, tell);
        operators::check(policy, tell);
    }
    let store = store?;
    Some(Config {
        path: path.to_owned(),
        files: files.clone(),
        look_every: LOOK_EVERY,
        operations: settings.operations,
        traces: settings.traces,
        admin: socket(&store, settings.admin, folder),
        admin_api,
        url: settings.url,
        listen,
        tls,
        trusted_proxies: settings.trusted_proxies,
        connections: settings.connections,
        shutdown: settings.shutdown,
        store,
        sealer: sealer?,
        access_log: match settings.access_log.as_str() {
            "off" => AccessLogAt::Nowhere,
            "stdout" => AccessLogAt::Stdout,
            path => AccessLogAt::File(folder.join(path)),
        },
        workers,
        recheck: settings.session.recheck.length().unsigned_abs(),
        lifecycle: lifecycle::Settings {
            lapse: settings.lapse.length(),
            session: settings.session.length.length(),
            guard: settings.policy_guard,
            retention: settings.retention,
        },
        providers: settings.providers,
        apps,
        upstreams: upstreams.clone(),
        targets,
        app_targets,
        policy: policy?.into(),
    })
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

/// What is said to others in the clear can be read and changed by others.
pub(super) fn check_url(url: &Url, path: &[&str], tell: &mut Tell<'_>) {
    match url.scheme() {
        "https" => {}
        "http" if url.host_str().is_some_and(is_here) => {}
        "http" => {
            tell.hint(path, format!("\"{url}\" is not encrypted"), "use https; http is for loopback alone");
        }
        other => tell.wrong(path, format!("\"{other}\" is neither https nor http")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        tell.hint(path, "an address holds no name or password", "there is a setting for each");
    }
    if leads_out(url) {
        let hint = "there a machine gets its own credentials, and nobody is whom we ask";
        tell.hint(path, format!("\"{url}\" is link-local"), hint);
    }
}

/// What is let go of does not come back, so a slip of the pen must not do it.
fn check_retention(retention: lifecycle::Retention, tell: &mut Tell<'_>) {
    for (name, span) in [("audit", retention.audit), ("people", retention.people)] {
        if span.is_some_and(|span| span < Span::hours(24)) {
            tell.hint(
                &["retention", name],
                "that is less than a day",
                "as in 400d; left out, they are kept for ever",
            );
        }
    }
}

fn check_store(settings: &Settings, folder: &Path, tell: &mut Tell<'_>) -> Option<Place> {
    let parsed = Place::new(&settings.store, settings.store_password.as_ref());
    let told = parsed.map_err(|error| {
        let hint = match error {
            NoPlace::Unknown(_) => {
                "sqlite: and the path of a file, as in sqlite:/data/guestpass.db, or the URL of a PostgreSQL database"
            }
            NoPlace::Postgres(_) => "as in postgres://guestpass@db.example.com/guestpass?sslmode=verify-full",
            NoPlace::Password => "a file needs none",
        };
        tell.hint(&["store"], error.to_string(), hint);
    });
    told.ok().map(|place| place.below(folder))
}

fn check_key(settings: &Settings, tell: &mut Tell<'_>) -> Option<Sealer> {
    let hint = "`guestpass init` makes one";
    let mut sealer = Sealer::from_master(settings.key.expose_secret())
        .map_err(|error: seal::Error| tell.hint(&["key"], error.to_string(), hint))
        .ok()?;
    for (number, key) in settings.earlier_keys.iter().enumerate() {
        match sealer.and_earlier(key.expose_secret()) {
            Ok(both) => sealer = both,
            Err(error) => {
                tell.hint(&["earlier-keys", &number.to_string()], error.to_string(), "as it was below `key`");
                return None;
            }
        }
    }
    Some(sealer)
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
        for issuer::Wrong { at, message, hint } in provider.mistakes() {
            tell.hint(&[&here[..], at].concat(), message, hint);
        }
        if let Some(graph) = &provider.groups.graph {
            check_url(graph, &[&here[..], &["groups", "graph"]].concat(), tell);
        }
        for source in &provider.claim_sources {
            check_url(source, &[&here[..], &["claim-sources"]].concat(), tell);
        }
        if let Some(signals) = &provider.signals {
            let addresses = [
                (signals.issuer.as_ref(), &["signals", "issuer"][..]),
                (signals.poll.as_ref().map(|poll| &poll.at), &["signals", "poll", "at"]),
            ];
            for (address, at) in addresses {
                address.into_iter().for_each(|address| check_url(address, &[&here[..], at].concat(), tell));
            }
        }
        if provider.client.secret.as_ref().is_some_and(is_placeholder) {
            let hint = "the provider shows it where guestpass is registered";
            let at = [&here[..], &["client", "secret"]].concat();
            tell.hint(&at, "the client secret is empty or a placeholder", hint);
        }
    }
}

/// An e-mail address leads to one provider.
fn check_domains(providers: &BTreeMap<ProviderName, issuer::Settings>, tell: &mut Tell<'_>) {
    let mut taken = BTreeMap::new();
    for (name, provider) in providers {
        for domain in &provider.domains {
            if let Some(other) =
                taken.insert(domain.to_ascii_lowercase(), name).filter(|other| *other != name)
            {
                let message = format!("people of \"{domain}\" are sent to provider {other} already");
                tell.wrong(&["providers", name.as_str(), "domains"], message);
            }
        }
    }
}

/// Apps name providers that are there.
fn check_origins(
    apps: &BTreeMap<AppName, AppSettings>,
    providers: &BTreeMap<ProviderName, issuer::Settings>,
    tell: &mut Tell<'_>,
) {
    let known: Vec<ProviderName> = tell.names("providers").chain(providers.keys().cloned()).collect();
    for (name, app) in apps {
        for provider in app.providers.iter().filter(|provider| !known.contains(provider)) {
            let hint = match closest(provider.as_str(), known.iter().map(ProviderName::as_str)) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => "providers are named below `providers:`".to_owned(),
            };
            tell.hint(
                &["apps", name.as_str(), "providers"],
                format!("there is no provider \"{provider}\""),
                &hint,
            );
        }
    }
}

#[derive(Default)]
struct Apps {
    apps: BTreeMap<AppName, Arc<gateway::App>>,
    targets: BTreeMap<TargetName, connectors::Settings>,
    app_targets: BTreeMap<AppName, TargetName>,
}

fn check_apps(
    settings: BTreeMap<AppName, AppSettings>,
    targets: BTreeMap<TargetName, connectors::Settings>,
    url: &Url,
    loader: Loader<'_>,
    files: &mut Files,
    tell: &mut Tell<'_>,
) -> Apps {
    let mut checked = Apps { targets, ..Apps::default() };
    if settings.is_empty() {
        tell.hint(&["apps"], "no app is protected", "name at least one below `apps:`");
    }
    let own = url.host_str().unwrap_or_default().to_owned();
    let mut hosts = BTreeMap::from([(own, "our own pages".to_owned())]);
    for (name, mut app) in settings {
        let here = ["apps", name.as_str()];
        if own_app().as_ref() == Some(&name) {
            let hint = "policies mean the admin API by it; choose another name";
            tell.hint(&here, "\"guestpass\" is our own name", hint);
        }
        if let Some(accounts) = app.accounts.take() {
            let at = [&here[..], &["accounts"]].concat();
            match accounts {
                Value::String(target) => {
                    checked.app_targets.extend(
                        targets::referred(&target, &checked.targets, &at, tell)
                            .map(|target| (name.clone(), target)),
                    );
                }
                _ => {
                    if let (Some(settings), Ok(target)) =
                        (targets::read(&at, loader.folder, files, tell), name.as_str().parse::<TargetName>())
                    {
                        if checked.targets.contains_key(&target) {
                            let hint = "an app with accounts of its own has a target of its own name";
                            tell.hint(&at, format!("there is a target \"{target}\" already"), hint);
                        }
                        checked.app_targets.insert(name.clone(), target.clone());
                        checked.targets.insert(target, settings);
                    }
                }
            }
        }
        app.upstreams()
            .flat_map(|upstream| upstream.files())
            .for_each(|path| files.watch(&loader.folder.join(path)));
        if let Some(app) = check_app(&name, app, &here, loader, &mut hosts, tell) {
            checked.apps.insert(name.clone(), Arc::new(app));
        }
    }
    checked
}

fn check_app(
    name: &AppName,
    app: AppSettings,
    here: &[&str],
    loader: Loader<'_>,
    hosts: &mut BTreeMap<String, String>,
    tell: &mut Tell<'_>,
) -> Option<gateway::App> {
    let plain = !app.headers.is_empty();
    let app = match app.check(name.clone(), loader) {
        Ok(app) => app,
        Err(wrong) => {
            for mistake in wrong {
                let below: Vec<&str> = mistake.at.iter().map(String::as_str).collect();
                tell.wrong(&[here, &below].concat(), mistake.message);
            }
            return None;
        }
    };
    for host in app.hosts.iter().map(ToString::to_string) {
        if let Some(other) = hosts.insert(host.clone(), format!("app {name}")) {
            tell.wrong(&[here, &["host"]].concat(), format!("host \"{host}\" is taken by {other}"));
        }
    }
    if !app.enforce {
        let message = format!("{name} is observed, not enforced: whoever asks gets in");
        let hint = "take `enforce` out once the access log shows that nobody is kept out who should get in";
        tell.warn(&[here, &["enforce"]].concat(), message, hint);
    }
    if plain {
        let message = format!("plain headers prove nothing where {name} can be reached past us");
        let hint = "let the app verify Guestpass-Assertion, or let only us connect to it";
        tell.warn(&[here, &["headers"]].concat(), message, hint);
    }
    Some(app)
}

/// A route that asks for a role which nobody can get, or an app that no role opens, is shut to everybody, and not by
/// intent.
fn check_routes(apps: &BTreeMap<AppName, Arc<gateway::App>>, policy: &Policy, tell: &mut Tell<'_>) {
    for (name, app) in apps {
        let opens = |role: &RoleName| policy.opens(role, name);
        let asks = |rule: &gateway::Rule| matches!(rule, gateway::Rule::AnyRole | gateway::Rule::Roles(_));
        let asked_for = app.rules().any(|(.., rule)| asks(rule)) || asks(app.route("/").rule(&Method::GET));
        if asked_for && !policy.roles().any(opens) {
            let message = format!("nobody can enter app \"{name}\": no role opens it");
            tell.warn(
                &["apps", name.as_str()],
                message,
                &format!("give it in a role: gets: {{ {name}: {{}} }}"),
            );
        }
        for (prefix, method, rule) in app.rules() {
            let gateway::Rule::Roles(roles) = rule else { continue };
            let prefix = if prefix.is_empty() { "/" } else { prefix };
            let route = ["apps", name.as_str(), "routes", prefix];
            let method = method.map(|method| ["methods", method.as_str()]);
            let at = [&route[..], method.as_ref().map_or(&[], |method| &method[..]), &["roles"]].concat();
            for role in roles.iter().filter(|role| policy.roles().all(|known| known != *role)) {
                let hint = match closest(role.as_str(), policy.roles().map(RoleName::as_str)) {
                    Some(meant) => format!("did you mean \"{meant}\"?"),
                    None => "roles are named in the policies".to_owned(),
                };
                tell.hint(&at, format!("no policy has a role \"{role}\""), &hint);
            }
            let known = |role: &&RoleName| policy.roles().any(|known| known == *role);
            for role in roles.iter().filter(known).filter(|role| !opens(role)) {
                let message = format!("role \"{role}\" does not open app \"{name}\", and so no route of it");
                tell.warn(&at, message, &format!("let the role give it: gets: {{ {name}: {{}} }}"));
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
