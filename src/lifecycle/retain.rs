//! What is not kept for ever: sign-ins that are over; people who are gone for long, and events that are old. Nothing is
//! done about the latter two unless the configuration says for how long they are kept.

use super::Lifecycle;
use crate::audit::{Actor, Entry, Event};
use crate::identity::LEEWAY;
use crate::names::{UserId, VaultId};
use crate::span::Span;
use crate::store::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// How often it is looked at.
const EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How many people are read at a time.
const PEOPLE: u32 = 100;
/// How many events, or sign-ins, go by one transaction, which leaves one event behind.
const BATCH: u32 = 10_000;
/// Both go by whole days (UTC): else each hour would leave one behind.
const DAY: i64 = 24 * 60 * 60;
/// How long operators see a sign-in that is over.
const SHOWN: SignedDuration = SignedDuration::from_hours(24);

/// For how long what is kept is kept: for ever, unless said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Retention {
    /// Events.
    pub audit: Option<Span>,
    /// People of whom nothing was seen, and who have no access and no account.
    pub people: Option<Span>,
}

/// Lets go of what was kept for long enough, every hour and whenever other rules hold, until `stop`.
pub async fn run(lifecycle: Lifecycle, stop: CancellationToken) {
    let clock = lifecycle.inner().clock.clone();
    loop {
        let replaced = lifecycle.0.replaced.notified();
        // Counted from before it is looked: what comes meanwhile is not overslept.
        let next = clock.now() + EVERY;
        if let Err(error) = lifecycle.let_go(&stop).await {
            tracing::error!(%error, "what was kept for long enough is still there; tried again within the hour");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = replaced => {}
            () = clock.sleep_until(next) => {}
        }
    }
}

impl Lifecycle {
    async fn let_go(&self, stop: &CancellationToken) -> Result<(), Error> {
        let inner = self.inner();
        let Retention { audit, people } = inner.rules.settings.retention;
        let (store, now) = (&inner.store, inner.clock.now());
        if let Some(ended) = whole_days(now - SHOWN) {
            let made = now.checked_sub(inner.rules.token_life + LEEWAY).unwrap_or(Timestamp::MIN);
            while !stop.is_cancelled() && self.forget_sign_ins(ended, made).await? {}
        }
        if let Some(before) = people.map(|span| long_before(now, span)) {
            // Who was seen is noted in memory first.
            self.count_uses().await?;
            while !stop.is_cancelled() {
                let people = store.people_to_forget(before, now, PEOPLE).await?;
                let strangers = store.strangers_to_forget(before, PEOPLE).await?;
                if people.is_empty() && strangers.is_empty() {
                    break;
                }
                for user in people {
                    self.forget(user, before).await?;
                }
                for stranger in strangers {
                    self.forget_stranger(stranger).await?;
                }
            }
        }
        if let Some(before) = audit.and_then(|span| whole_days(long_before(now, span))) {
            while !stop.is_cancelled() && self.prune(before).await? {}
        }
        Ok(())
    }

    /// Whether there may be more.
    async fn forget_sign_ins(&self, ended: Timestamp, made: Timestamp) -> Result<bool, Error> {
        let mut tx = self.inner().begin().await?;
        let sign_ins = tx.forget_sign_ins(ended, made, BATCH).await?;
        if sign_ins == 0 {
            return Ok(false);
        }
        tx.commit(&entry(Event::SignInsForgotten { sign_ins }, None)).await?;
        tracing::info!(sign_ins, "sign-ins forgotten: they were over");
        Ok(sign_ins == u64::from(BATCH))
    }

    async fn forget(&self, user: UserId, before: Timestamp) -> Result<(), Error> {
        let mut tx = self.inner().begin().await?;
        let Some(person) = tx.user(user).await? else { return Ok(()) };
        // They may have come since they were looked for, or an operator may have opened something to them.
        let came = tx.identities(user).await?.iter().any(|identity| identity.confirmed >= before);
        if came || tx.grants(user).await?.iter().any(|grant| !grant.ended) {
            return Ok(());
        }
        tx.forget(user, person.vault).await?;
        tx.commit(&entry(Event::PersonForgotten, Some(person.vault))).await?;
        tracing::info!(%user, "person forgotten: nothing was seen of them for as long as people are kept");
        Ok(())
    }

    async fn forget_stranger(&self, vault: VaultId) -> Result<(), Error> {
        let mut tx = self.inner().begin().await?;
        tx.destroy(vault).await?;
        tx.commit(&entry(Event::PersonForgotten, Some(vault))).await
    }

    /// Whether there may be more.
    async fn prune(&self, before: Timestamp) -> Result<bool, Error> {
        let mut tx = self.inner().begin().await?;
        let Some((events, head)) = tx.prune(before, BATCH).await? else { return Ok(false) };
        let root = STANDARD.encode(head.root);
        tx.commit(&entry(Event::RecordPruned { events, size: head.size, root }, None)).await?;
        tracing::info!(events, gone = head.size, "events pruned: they were kept for as long as events are");
        Ok(events == u64::from(BATCH))
    }
}

fn entry(event: Event, person: Option<VaultId>) -> Entry {
    let cause = "retention".to_owned();
    Entry { event, actor: Actor::Clock, cause, person, policy: None, personal: json!({}) }
}

fn long_before(now: Timestamp, span: Span) -> Timestamp {
    now.checked_sub(span.length()).unwrap_or(Timestamp::MIN)
}

/// The beginning of its day.
fn whole_days(moment: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(moment.as_second().div_euclid(DAY) * DAY).ok()
}
