//! Builds everything, starts the tasks, and stops them in order.

mod api;
mod condition;
mod expiry;
mod fixed;
mod inquire;
mod plan;
mod preview;
mod reload;
mod tell;
mod traffic;

use crate::admin::Calls;
use crate::clock::Clock;
use crate::config::{AccessLogAt, Config};
use crate::gateway::listen::{self, Drain, Entrance, Listener, Patience};
use crate::gateway::{self, AccessLog, Assertions, Gateway, Live, Tallies};
use crate::lifecycle::{self, Lifecycle};
use crate::metrics::Metrics;
use crate::provision::{self, Targets};
use crate::session::Sessions;
use crate::store::Store;
use crate::trace::{self, Traces};
use crate::{admin, oidc, operations, signals};
use anyhow::Context;
use fixed::Fixed;
use futures_util::future::BoxFuture;
use inquire::Inquire;
use plan::{Issuers, Standing, rules, targets};
use reload::Reload;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tell::Told;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long background work may take to finish once requests have.
const FINISH: Duration = Duration::from_secs(5);

/// How many wishes to reload may wait; who comes later finds that somebody has wished it already.
const WISHES: usize = 8;

/// A gateway that runs.
pub struct App {
    store: Store,
    gateway: gateway::Running,
    drain: Drain,
    announce: Duration,
    tasks: JoinSet<()>,
    /// Told to the last: whether we are ready, and what is counted.
    operations: JoinSet<()>,
    reloads: admin::Reloads,
    stop: CancellationToken,
}

impl App {
    /// Starts everything on the current runtime. `listeners` accept people's requests; where they are bound is the
    /// caller's to say.
    ///
    /// # Errors
    /// Where the store cannot be opened, the operators' socket or the address for operations cannot be bound, or a
    /// client cannot be made. A provider or target that does not answer is no error: it may later.
    pub async fn start(config: Config, listeners: Vec<Listener>, clock: Clock) -> anyhow::Result<Self> {
        let fixed = Fixed::of(&config);
        let cannot_open = format!("cannot open the store {}", config.store);
        let rules = rules(&config);
        let store = Store::open(config.store, config.sealer, clock.now()).await.context(cannot_open)?;
        // Time that has been seen once has passed, whatever the machine's clock says after a restart.
        clock.not_before(store.instance().high_water);
        let (stop, drain, metrics) = (CancellationToken::new(), Drain::default(), Metrics::new());
        let started = CancellationToken::new();
        let (mut tasks, mut operations) = (JoinSet::new(), JoinSet::new());
        if let Some(address) = config.operations {
            let deps = operations::Deps {
                metrics: metrics.clone(),
                store: store.clone(),
                clock: clock.clone(),
                started: started.clone(),
                leaving: drain.leaving(),
            };
            operations.spawn(operations::run(operations::bind(address).await?, deps));
        }
        let traces = match &config.traces {
            Some(settings) => {
                let (traces, exporter) = Traces::new(settings, &metrics, clock.clone())?;
                tasks.spawn(trace::run(exporter, stop.clone()));
                Some(traces)
            }
            None => None,
        };
        let told = Told::new(&metrics, clock.now());
        told.policy(&config.policy.version().to_string());
        told.enforced(&config.apps);
        told.left_alone(&store, &config.targets).await;

        let apps = watch::Sender::new(config.app_targets.clone());
        let lifecycle = Lifecycle::new(store.clone(), rules, oidc::own_host(&config.url), clock.clone());
        tasks.spawn(store.clone().hear(
            config.recheck,
            condition::delays(&metrics, clock.clone()),
            stop.clone(),
        ));
        tasks.spawn(store.clone().follow_signing_keys(stop.clone()));
        tasks.spawn(lifecycle::count_uses(lifecycle.clone(), stop.clone()));

        let none = BTreeMap::new();
        let targets = watch::Sender::new(targets(&store, &clock, &config.targets, &none, &Targets::new())?);
        condition::tell(&metrics, &targets.subscribe(), &clock);
        let signals = signals::Counts::new(&metrics);

        let (reloads, wishes) = mpsc::channel(WISHES);
        let (inquiries, asked) = mpsc::channel(WISHES);
        let inquire = Inquire {
            store: store.clone(),
            clock: clock.clone(),
            targets: targets.subscribe(),
            apps: apps.subscribe(),
        };
        tasks.spawn(inquire.run(asked, stop.clone()));
        let deps = admin::Deps {
            store: store.clone(),
            lifecycle: lifecycle.clone(),
            clock: clock.clone(),
            reloads: reloads.clone(),
            inquiries,
        };
        tasks.spawn(admin::run(admin::bind(&config.admin)?, deps.clone(), stop.clone()));
        let calls = Calls::new(lifecycle.clone(), clock.clone());
        tasks.spawn(calls.clone().run(stop.clone()));
        let admin_tls = config.admin_api.as_ref().and_then(|api| api.tls.clone());
        if let Some(api) = config.admin_api {
            tasks.spawn(api::run(api::bind(&api)?, deps.clone(), calls.clone(), stop.clone()));
        }

        let sessions = Sessions::new(store.clone(), Handle::current());
        let standing = Standing {
            url: config.url,
            store: store.clone(),
            lifecycle,
            sessions: sessions.clone(),
            clock: clock.clone(),
            outcomes: oidc::Outcomes::new(&metrics),
            admin: deps,
            calls,
            signals: signals.clone(),
        };
        let issuers = standing.issuers(&config.providers, &Issuers::new())?;
        let plan = standing.plan(&config.apps, issuers.clone(), config.lifecycle.session)?;
        let asked = watch::Sender::new(issuers.clone());
        condition::tell_of_providers(&metrics, asked.subscribe());
        let refreshing = oidc::Refreshing {
            issuers: asked.subscribe(),
            lifecycle: standing.lifecycle.clone(),
            store: store.clone(),
            clock: clock.clone(),
        };
        tasks.spawn(oidc::refresh(refreshing, stop.clone()));
        let polling = signals::Polling {
            issuers: asked.subscribe(),
            lifecycle: standing.lifecycle.clone(),
            counts: signals,
            clock: clock.clone(),
        };
        let (verbs, heard) = (standing.lifecycle.clone(), targets.subscribe());
        let led = led(verbs, store.clone(), clock.clone(), heard, polling, traces.clone());
        tasks.spawn(store.clone().lead(led, stop.clone()));
        let assertions = Assertions::new(plan.routes.url(), store.signing_keys().clone());
        let live = Arc::new(Live::new(plan));
        tasks.spawn(gateway::upstream::check(config.upstreams.clone(), stop.clone()));
        let most = config.connections.most.map(usize::from);
        let tallies = Tallies::new(config.workers);
        let gateway = gateway::start(Gateway {
            entrance: Entrance {
                listeners,
                trusted: config.trusted_proxies,
                most: most.unwrap_or_else(|| listen::most_connections(listen::descriptors())),
                patience: Patience::default(),
                finish: config.shutdown.finish.0,
            },
            workers: config.workers,
            tallies: tallies.clone(),
            traces,
            access_log: access_log(&config.access_log)?,
            live: live.clone(),
            sessions,
            assertions: Arc::new(assertions),
            main: Handle::current(),
            clock,
            drain: drain.clone(),
        })?;
        let shown = config.tls.iter().chain(&admin_tls).cloned().collect();
        expiry::tell(&metrics, shown, asked.subscribe(), config.upstreams.clone());
        traffic::tell(&metrics, &gateway, &config.upstreams, &tallies);
        let reload = Reload {
            standing,
            live,
            targets,
            apps,
            asked,
            issuers,
            target_settings: config.targets,
            fixed,
            path: config.path,
            files: config.files,
            tls: config.tls,
            admin_tls,
            upstreams: config.upstreams,
            look_every: config.look_every,
            told,
        };
        tasks.spawn(reload.run(wishes, stop.clone()));
        started.cancel();
        let announce = config.shutdown.announce.0;
        Ok(Self { store, gateway, drain, announce, tasks, operations, reloads, stop })
    }

    /// The store, for those who watch: the demo and the tests.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Loads the configuration soon; log and metrics tell what came of it.
    pub fn reload(&self) {
        // Where there is no room for one more wish, those that wait find the same files.
        let _ = self.reloads.try_send(admin::Wish::Reload { confirm: None, answer: oneshot::channel().0 });
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
        self.operations.shutdown().await;
        self.store.close().await;
    }
}

/// What one replica does for all: ends, what another policy takes, what is let go of, accounts, and signals that are asked
/// for.
fn led(
    lifecycle: Lifecycle,
    store: Store,
    clock: Clock,
    targets: watch::Receiver<Targets>,
    polling: signals::Polling,
    traces: Option<Traces>,
) -> impl Fn(CancellationToken) -> BoxFuture<'static, ()> {
    move |stop| {
        let mut tasks = JoinSet::new();
        tasks.spawn(lifecycle::expire(lifecycle.clone(), stop.clone()));
        tasks.spawn(lifecycle::revise(lifecycle.clone(), stop.clone()));
        tasks.spawn(lifecycle::retain(lifecycle.clone(), stop.clone()));
        tasks.spawn(provision::run(
            store.clone(),
            clock.clone(),
            targets.clone(),
            traces.clone(),
            stop.clone(),
        ));
        tasks.spawn(signals::poll(polling.clone(), stop.clone()));
        tasks.spawn(store.clone().reseal(stop.clone()));
        tasks.spawn(provision::sweep(store.clone(), clock.clone(), stop));
        Box::pin(async move { while tasks.join_next().await.is_some() {} })
    }
}

fn access_log(at: &AccessLogAt) -> anyhow::Result<Option<AccessLog>> {
    Ok(match at {
        AccessLogAt::Nowhere => None,
        AccessLogAt::Stdout => Some(AccessLog::to_stdout()?),
        AccessLogAt::File(path) => {
            let cannot = || format!("cannot write the access log {}", path.display());
            Some(AccessLog::to_file(path).with_context(cannot)?)
        }
    })
}
