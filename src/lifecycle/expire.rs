//! Time is up. The gate has closed by itself, for it asks the clock; here the end is written down, so that the
//! accounts follow.

use super::Lifecycle;
use super::desire::Occasion;
use super::renew::facts;
use crate::account::Grant;
use crate::audit::{Actor, Entry, Event};
use crate::names::UserId;
use crate::store::Error;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// How many people are read at a time.
const BATCH: u32 = 100;

/// How long to wait after the store has failed.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(1);

/// Ends what is over, sleeping until the earliest end or until something was committed, for as long as `stop` lets it.
pub async fn run(lifecycle: Lifecycle, stop: CancellationToken) {
    let (mut bell, clock) = (lifecycle.inner().store.bell(), lifecycle.inner().clock.clone());
    loop {
        bell.mark_unchanged();
        let next = match lifecycle.end_what_is_over().await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "ends not recorded; the gate keeps them all the same");
                Some(clock.now() + AFTER_FAILURE)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            _ = bell.changed() => {}
            () = clock.sleep_until(next.unwrap_or(Timestamp::MAX)) => {}
        }
    }
}

impl Lifecycle {
    /// Records every end that has come, of access and of the time for which accounts are kept after it; returns when
    /// the next one comes.
    async fn end_what_is_over(&self) -> Result<Option<Timestamp>, Error> {
        loop {
            let inner = self.inner();
            let people = inner.store.people_to_end(inner.clock.now(), BATCH).await?;
            if people.is_empty() {
                let people = inner.store.people_to_delete(inner.clock.now(), BATCH).await?;
                if people.is_empty() {
                    let next = [inner.store.next_end().await?, inner.store.next_deletion().await?];
                    return Ok(next.into_iter().flatten().min());
                }
                for user in people {
                    self.delete_accounts(user).await?;
                }
                continue;
            }
            // Somebody may have put an end off, and it is not written down yet. Where it cannot be, ends come all the
            // same: what nobody was seen to use can be opened again, what stays open too long cannot be taken back.
            if let Err(error) = self.count_uses().await {
                tracing::error!(%error, "uses not written down before ends are");
            }
            for user in people {
                self.expire(user).await?;
            }
        }
    }

    async fn expire(&self, user: UserId) -> Result<(), Error> {
        let inner = self.inner();
        let mut tx = inner.begin().await?;
        let now = tx.now();
        let Some(person) = tx.user(user).await? else { return Ok(()) };
        let before: Vec<Grant> =
            tx.grants(user).await?.into_iter().filter(|grant| !grant.ended && !grant.is_live(now)).collect();
        if before.is_empty() {
            return Ok(());
        }
        let after: Vec<Grant> = before.iter().cloned().map(|grant| grant.close_if_over(now)).collect();
        for grant in &after {
            tx.save_grant(user, grant, None).await?;
            let (app, role) = (&grant.terms.app, &grant.terms.role);
            tracing::info!(%app, %role, %user, ended = %grant.end.at, because = grant.end.because.short(), "access ended");
        }
        inner.desire(&mut tx, user, Occasion::Calendar).await?;
        let entry = Entry {
            event: Event::AccessEnded { grants: after.iter().map(|grant| grant.id).collect() },
            actor: Actor::Clock,
            cause: "deadline".to_owned(),
            person: Some(person.vault),
            policy: None,
            personal: json!({ "before": facts(&before), "after": facts(&after) }),
        };
        tx.commit(&entry).await
    }

    /// Has those accounts of a person deleted whose time after the end is over.
    async fn delete_accounts(&self, user: UserId) -> Result<(), Error> {
        let inner = self.inner();
        let mut tx = inner.begin().await?;
        let Some(person) = tx.user(user).await? else { return Ok(()) };
        let kept = tx.standing_accounts(user).await?;
        let over = kept.into_iter().filter(|account| account.delete_at.is_some_and(|at| at <= tx.now()));
        let over: Vec<_> = over.map(|account| (account.id, account.target)).collect();
        inner.desire(&mut tx, user, Occasion::Calendar).await?;
        for (_, app) in &over {
            tracing::info!(%app, %user, "account to be deleted: its time after the end is over");
        }
        let entry = Entry {
            event: Event::RetentionEnded { accounts: over.into_iter().map(|(id, _)| id).collect() },
            actor: Actor::Clock,
            cause: "delete-after".to_owned(),
            person: Some(person.vault),
            policy: None,
            personal: json!({}),
        };
        tx.commit(&entry).await
    }
}
