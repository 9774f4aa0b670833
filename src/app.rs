//! Builds everything, starts the tasks, and stops them in order.

use crate::clock::Clock;
use crate::config::{AccessLogAt, Config};
use crate::gateway::listen::{self, Drain, Entrance, Listener, Patience};
use crate::gateway::{self, AccessLog, Assertions, Gateway, Routes};
use crate::issuer::Issuer;
use crate::lifecycle::{self, Lifecycle};
use crate::names::AppName;
use crate::provision::connectors::scim::Scim;
use crate::provision::{self, Targets};
use crate::session::Sessions;
use crate::store::Store;
use crate::{admin, oidc, portal};
use anyhow::Context;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

/// How long background work may take to finish once requests have.
const FINISH: Duration = Duration::from_secs(5);

/// A gateway that runs.
pub struct App {
    store: Store,
    gateway: gateway::Running,
    drain: Drain,
    announce: Duration,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl App {
    /// Starts everything on the current runtime. `listeners` accept people's requests; where they are bound is the
    /// caller's to say.
    ///
    /// # Errors
    /// Where the store cannot be opened, the operators' socket cannot be bound, or a client cannot be made. A
    /// provider or target that does not answer is no error: it may later.
    pub async fn start(config: Config, listeners: Vec<Listener>, clock: Clock) -> anyhow::Result<Self> {
        let store = Store::open(&config.store, config.sealer, clock.now())
            .await
            .with_context(|| format!("cannot open the store {}", config.store.display()))?;
        // Time that has been seen once has passed, whatever the machine's clock says after a restart.
        clock.not_before(store.instance().high_water);
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();

        let own_host = oidc::own_host(&config.url);
        let lifecycle = Lifecycle::new(
            store.clone(),
            config.policy,
            config.app_targets,
            own_host.clone(),
            config.lifecycle,
            clock.clone(),
        );
        tasks.spawn(lifecycle::expire(lifecycle.clone(), stop.clone()));

        let mut targets = Targets::new();
        for (name, settings) in &config.targets {
            targets.insert(name.clone(), Arc::new(Scim::new(settings)?));
        }
        tasks.spawn(provision::run(store.clone(), clock.clone(), targets, stop.clone()));
        tasks.spawn(provision::sweep(store.clone(), clock.clone(), stop.clone()));

        let deps = admin::Deps { store: store.clone(), lifecycle: lifecycle.clone(), clock: clock.clone() };
        tasks.spawn(admin::run(admin::bind(&config.admin)?, deps, stop.clone()));

        let sessions = Sessions::new(store.clone(), Handle::current());
        let mut issuers = BTreeMap::new();
        let callback = config.url.join("/callback")?;
        for (name, settings) in config.providers {
            issuers.insert(name.clone(), Issuer::new(name, settings, &callback, clock.clone())?);
        }
        let apps: BTreeMap<AppName, oidc::App> =
            config.apps.iter().map(|(name, app)| (name.clone(), door(app))).collect();
        let key = store.instance().signing_key.clone();
        let pages = portal::router(portal::Deps {
            own_host,
            secure: config.url.scheme() == "https",
            apps: config
                .apps
                .iter()
                .map(|(name, app)| (name.clone(), (app.title.clone(), origin(app, &config.url))))
                .collect(),
            sessions: sessions.clone(),
            key: key.clone(),
            clock: clock.clone(),
        })
        .merge(oidc::router(oidc::Deps {
            url: config.url.clone(),
            apps,
            issuers,
            lifecycle,
            sessions: sessions.clone(),
            store: store.clone(),
            session: config.lifecycle.session,
            clock: clock.clone(),
        }));

        tasks.spawn(gateway::upstream::check(config.upstreams, stop.clone()));
        let routes = Arc::new(Routes::new(config.url.clone(), config.apps.into_values())?);
        let assertions = Arc::new(Assertions::new(routes.url(), key));
        let drain = Drain::default();
        let most = config.connections.most.map(usize::from);
        let gateway = gateway::start(Gateway {
            entrance: Entrance {
                listeners,
                trusted: config.trusted_proxies,
                most: most.unwrap_or_else(|| listen::most_connections(listen::descriptors())),
                patience: Patience::default(),
                finish: config.shutdown.finish.0,
            },
            workers: config.workers,
            routes,
            sessions,
            access_log: match &config.access_log {
                AccessLogAt::Nowhere => None,
                AccessLogAt::Stdout => Some(AccessLog::to_stdout()?),
                AccessLogAt::File(path) => Some(
                    AccessLog::to_file(path).with_context(|| format!("cannot write {}", path.display()))?,
                ),
            },
            assertions,
            pages,
            main: Handle::current(),
            clock,
            drain: drain.clone(),
        })?;
        Ok(Self { store, gateway, drain, announce: config.shutdown.announce.0, tasks, stop })
    }

    /// The store, for those who watch: the demo and the tests.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The gateway, for those who count.
    pub fn gateway(&self) -> &gateway::Running {
        &self.gateway
    }

    /// Whether requests are welcome.
    pub fn drain(&self) -> &Drain {
        &self.drain
    }

    /// Says that we are about to stop, and goes on for as long as others may need to hear of it.
    pub async fn announce(&self) {
        self.drain.leave();
        tokio::time::sleep(self.announce).await;
    }

    /// Stops accepting, lets requests finish, then background work, which they may wait for, and closes the store.
    pub async fn stop(mut self) {
        self.drain.close();
        self.gateway.finished().await;
        self.stop.cancel();
        let finish = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH, finish).await.is_err() {
            tracing::warn!(
                "some work did not finish in time; it is in the store and goes on at the next start"
            );
        }
        self.store.close().await;
    }
}

/// An app as the doors for people see it.
fn door(app: &gateway::App) -> oidc::App {
    oidc::App { title: app.title.clone(), hosts: app.hosts.clone() }
}

/// Where a browser finds an app: at its first host that is one host, at our port where that names none.
fn origin(app: &gateway::App, url: &Url) -> Option<Url> {
    let host = app.hosts.iter().find(|pattern| !pattern.is_wildcard())?.host();
    let mut origin = url.clone();
    origin.set_host(Some(host.name())).ok()?;
    host.port().map(|port| origin.set_port(Some(port))).transpose().ok()?;
    Some(origin)
}
