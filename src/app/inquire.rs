//! Answers what operators ask about targets: here the doors meet that do not know one another. Nothing is changed.

mod drift;
mod import;
mod seats;

pub(super) use drift::planned;

use crate::admin::{Inquiry, TargetRow};
use crate::clock::Clock;
use crate::names::{AppName, TargetName};
use crate::provision::{Target, Targets};
use crate::store::{self, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What answers are found with.
#[derive(Clone)]
pub(super) struct Inquire {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) targets: watch::Receiver<Targets>,
    /// Which target has the accounts of which app.
    pub(super) apps: watch::Receiver<BTreeMap<AppName, TargetName>>,
}

impl Inquire {
    /// Answers until `stop`, several at a time: a target may take its time.
    pub(super) async fn run(self, mut inquiries: mpsc::Receiver<Inquiry>, stop: CancellationToken) {
        let mut running = JoinSet::new();
        while let Some(Some(inquiry)) = stop.run_until_cancelled(inquiries.recv()).await {
            running.spawn(self.clone().answer(inquiry));
            while running.try_join_next().is_some() {}
        }
        running.shutdown().await;
    }

    /// Whoever asked may have gone meanwhile; then nobody hears it.
    async fn answer(self, inquiry: Inquiry) {
        match inquiry {
            Inquiry::Targets(answer) => drop(answer.send(self.conditions().await.map_err(words))),
            Inquiry::Drift { of, after, limit, answer } => {
                drop(answer.send(self.drift(of.as_ref(), after, limit).await));
            }
            Inquiry::Import(target, answer) => drop(answer.send(self.import(&target).await)),
            Inquiry::Seats(unused, answer) => drop(answer.send(self.seats(unused).await.map_err(words))),
        }
    }

    fn target(&self, name: &TargetName) -> Result<Arc<Target>, String> {
        let targets = self.targets.borrow();
        targets.get(name).cloned().ok_or_else(|| format!("there is no target {name}"))
    }

    async fn conditions(&self) -> Result<Vec<TargetRow>, store::Error> {
        let now = self.clock.now();
        let targets = self.targets.borrow().clone();
        let states = self.store.accounts_by_state().await?;
        let mut rows = Vec::new();
        for (name, target) in targets {
            let count = |wanted: &[&str]| -> u64 {
                let of =
                    states.iter().filter(|(of, state, _)| *of == name && wanted.contains(&state.as_str()));
                of.map(|(.., accounts)| accounts.unsigned_abs()).sum()
            };
            let all = states.iter().filter(|(of, ..)| *of == name);
            let condition = target.condition(now);
            rows.push(TargetRow {
                accounts: all.map(|(.., accounts)| accounts.unsigned_abs()).sum(),
                due: count(&["preparing", "disabling", "deleting"]),
                stuck: count(&["stuck", "undecided"]),
                narrowed: self.store.narrowed(&name, target.treatment.guard.since(now)).await?,
                held: condition.held,
                paused_until: condition.paused_until,
                failures: condition.failures,
                target: name,
            });
        }
        Ok(rows)
    }
}

fn words(error: store::Error) -> String {
    error.to_string()
}
