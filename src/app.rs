//! Builds everything, starts the tasks, and stops them in order.

use crate::clock::Clock;
use crate::config::Config;
use crate::gateway::{self, Assertions, Gateway, Live, Plan, Routes};
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
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

/// How long requests and background work may take to finish once we are asked to stop.
const FINISH: Duration = Duration::from_secs(15);

/// A gateway that runs.
pub struct App {
    store: Store,
    gateway: gateway::Running,
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
    pub async fn start(config: Config, listeners: Vec<TcpListener>, clock: Clock) -> anyhow::Result<Self> {
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
        let apps: BTreeMap<AppName, oidc::App> = config
            .apps
            .iter()
            .map(|(name, app)| Ok((name.clone(), door(app, &config.url)?)))
            .collect::<anyhow::Result<_>>()?;
        let key = store.instance().signing_key.clone();
        let pages = portal::router(portal::Deps {
            own_host,
            secure: config.url.scheme() == "https",
            apps: apps
                .iter()
                .map(|(name, app)| (name.clone(), (app.title.clone(), app.origin.clone())))
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

        let routes = Routes::new(config.url.clone(), config.apps.into_values())?;
        let assertions = Arc::new(Assertions::new(routes.url(), key));
        let gateway = gateway::start(Gateway {
            listeners,
            workers: config.workers,
            live: Arc::new(Live::new(Plan { routes, pages })),
            sessions,
            assertions,
            main: Handle::current(),
            clock,
            stop: stop.clone(),
        })?;
        Ok(Self { store, gateway, tasks, stop })
    }

    /// The store, for those who watch: the demo and the tests.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stops accepting, lets what is under way finish, then closes the store.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let finish = async {
            self.gateway.finished().await;
            while self.tasks.join_next().await.is_some() {}
        };
        if tokio::time::timeout(FINISH, finish).await.is_err() {
            tracing::warn!(
                "some work did not finish in time; it is in the store and goes on at the next start"
            );
        }
        self.store.close().await;
    }
}

/// An app as the doors for people see it.
fn door(app: &gateway::App, url: &Url) -> anyhow::Result<oidc::App> {
    let host = app.host.as_str();
    // An app whose host names no port is reached at ours.
    let port = url.port().filter(|_| !host.contains(':')).map(|port| format!(":{port}")).unwrap_or_default();
    let origin = Url::parse(&format!("{}://{host}{port}/", url.scheme()))?;
    Ok(oidc::App { title: app.title.clone(), host: host.to_owned(), origin })
}
