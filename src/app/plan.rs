//! What the gate and the pages go by, made from a configuration: at the start, and again whenever it changes.

use crate::audit::OperatorRole;
use crate::bearer::Bearers;
use crate::clock::Clock;
use crate::config::Config;
use crate::gateway::{self, Plan, Routes};
use crate::issuer::{self, Issuer};
use crate::lifecycle::{Lifecycle, Rules};
use crate::names::{AppName, ProviderName, TargetName};
use crate::provision::connectors;
use crate::provision::{Budget, Targets};
use crate::session::Sessions;
use crate::store::Store;
use crate::{admin, oidc, portal, signals};
use jiff::SignedDuration;
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

/// What stays as it is, whatever is configured anew.
pub(super) struct Standing {
    /// Our own address.
    pub(super) url: Url,
    pub(super) store: Store,
    pub(super) lifecycle: Lifecycle,
    pub(super) sessions: Sessions,
    pub(super) clock: Clock,
    pub(super) outcomes: oidc::Outcomes,
    pub(super) admin: admin::Deps,
    pub(super) calls: admin::Calls,
    pub(super) signals: signals::Counts,
}

/// The providers by name.
pub(super) type Issuers = BTreeMap<ProviderName, Arc<Issuer>>;

impl Standing {
    /// The plan for these apps and providers; a sign-in lasts for `session`.
    ///
    /// # Errors
    /// Where two apps, or an app and we, would have one host.
    pub(super) fn plan(
        &self,
        apps: &BTreeMap<AppName, Arc<gateway::App>>,
        issuers: Issuers,
        session: SignedDuration,
    ) -> anyhow::Result<Plan> {
        let Self { url, store, lifecycle, sessions, clock, outcomes, admin, calls, signals: counts } = self;
        let secure = url.scheme() == "https";
        let routes = Routes::new(url.clone(), apps.values().cloned())?;
        store.keep_strength(apps.values().any(|app| app.asks_strength()));
        let bearers = Bearers::new(issuers.clone(), lifecycle.clone(), store.clone(), clock.clone());
        let places = apps.iter().map(|(name, app)| (name.clone(), (app.title.clone(), origin(app, url))));
        // What operators do here has no page of its own yet.
        let own = OperatorRole::APP.parse().ok().map(|app| (app, ("guestpass itself".to_owned(), None)));
        let places = places.chain(own).collect();
        let pages = portal::router(portal::Deps {
            own_host: oidc::own_host(url),
            secure,
            apps: places,
            sessions: sessions.clone(),
            keys: store.signing_keys().clone(),
            clock: clock.clone(),
        })
        .merge(signals::router(signals::Deps {
            issuers: issuers.clone(),
            lifecycle: lifecycle.clone(),
            sessions: sessions.clone(),
            store: store.clone(),
            own_host: oidc::own_host(url),
            secure,
            counts: counts.clone(),
            clock: clock.clone(),
        }))
        .merge(oidc::router(oidc::Deps {
            url: url.clone(),
            apps: apps.iter().map(|(name, app)| (name.clone(), door(app))).collect(),
            issuers,
            lifecycle: lifecycle.clone(),
            sessions: sessions.clone(),
            store: store.clone(),
            outcomes: outcomes.clone(),
            session,
            clock: clock.clone(),
        }))
        .merge(admin::for_people(
            admin.clone(),
            calls.clone(),
            admin::People {
                sessions: sessions.clone(),
                own_host: oidc::own_host(url),
                own_origin: url.origin().ascii_serialization(),
                secure,
            },
        ));
        Ok(Plan { routes, pages, bearers: Some(bearers) })
    }

    /// The providers of `settings`; those of `before` that stay where they are keep what they have published.
    ///
    /// # Errors
    /// Where an HTTP client cannot be made.
    pub(super) fn issuers(
        &self,
        settings: &BTreeMap<ProviderName, issuer::Settings>,
        before: &Issuers,
    ) -> anyhow::Result<Issuers> {
        let callback = self.url.join("/callback")?;
        let issuer = |(name, settings): (&ProviderName, &issuer::Settings)| {
            let issuer = match before.get(name) {
                Some(before) => before.renew(settings.clone())?,
                None => Issuer::new(name.clone(), settings.clone(), &callback, self.clock.clone())?,
            };
            Ok((name.clone(), Arc::new(issuer)))
        };
        settings.iter().map(issuer).collect()
    }
}

/// By what everything is decided where `config` holds.
pub(super) fn rules(config: &Config) -> Rules {
    let gives = |settings: &issuer::Settings| {
        settings.access_tokens.as_ref().is_some_and(|tokens| tokens.machine_accounts)
    };
    let tokens = config.providers.values().filter_map(|settings| settings.access_tokens.as_ref());
    let machines = config.providers.iter().filter(|(_, settings)| gives(settings));
    let observed = config.apps.iter().filter(|(_, app)| !app.enforce);
    let groups = config.providers.iter().map(|(name, settings)| (name.clone(), settings.groups.clone()));
    let privileged = config.targets.iter();
    let privileged = privileged.map(|(name, target)| (name.clone(), target.treatment.privileged.clone()));
    Rules {
        policy: config.policy.clone(),
        groups: groups.collect(),
        targets: config.app_targets.clone(),
        machine_accounts: machines.map(|(name, _)| name.clone()).collect(),
        token_life: tokens.map(|tokens| tokens.max_lifetime.length()).max().unwrap_or_default(),
        observed: observed.map(|(name, _)| name.clone()).collect(),
        privileged: privileged.collect(),
        settings: config.lifecycle,
    }
}

/// The targets of `settings`; those whose settings are as `before` are the very same that are `running`. `store` counts
/// what each is asked.
///
/// # Errors
/// Where an HTTP client cannot be made.
pub(super) fn targets(
    store: &Store,
    clock: &Clock,
    settings: &BTreeMap<TargetName, connectors::Settings>,
    before: &BTreeMap<TargetName, connectors::Settings>,
    running: &Targets,
) -> anyhow::Result<Targets> {
    let mut targets = Targets::new();
    for (name, settings) in settings {
        let unchanged = running.get(name).filter(|_| before.get(name) == Some(settings));
        let target = match unchanged {
            Some(target) => target.clone(),
            None => {
                let budget = |per_day| Budget::new(store.clone(), clock.clone(), name.clone(), per_day);
                Arc::new(settings.build(settings.treatment.pace.per_day.map(budget))?)
            }
        };
        targets.insert(name.clone(), target);
    }
    Ok(targets)
}

/// An app as the doors for people see it.
fn door(app: &gateway::App) -> oidc::App {
    let (title, hosts, providers) = (app.title.clone(), app.hosts.clone(), app.providers.clone());
    oidc::App { title, hosts, providers }
}

/// Where a browser finds an app: at its first host that is one host, at our port where that names none.
fn origin(app: &gateway::App, url: &Url) -> Option<Url> {
    let host = app.hosts.iter().find(|pattern| !pattern.is_wildcard())?.host();
    let mut origin = url.clone();
    origin.set_host(Some(host.name())).ok()?;
    host.port().map(|port| origin.set_port(Some(port))).transpose().ok()?;
    Some(origin)
}
