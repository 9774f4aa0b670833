//! Uses that were noted in memory are written down: of most grants as a date and no more, without an event; where an end
//! hangs on use, as another end, with one.

use super::desire::Occasion;
use super::renew::facts;
use super::{Inner, Lifecycle};
use crate::account::Grant;
use crate::audit::{Actor, Entry, Event};
use crate::names::UserId;
use crate::store::{Error, Use};
use jiff::SignedDuration;
use serde_json::json;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// How long a use stays in memory alone.
const EVERY: SignedDuration = SignedDuration::from_secs(60);

/// Writes uses down once a minute, and once more when `stop` says so.
pub async fn run(lifecycle: Lifecycle, stop: CancellationToken) {
    let clock = lifecycle.inner().clock.clone();
    loop {
        let stopped = tokio::select! {
            () = stop.cancelled() => true,
            () = clock.sleep(EVERY) => false,
        };
        if let Err(error) = lifecycle.count_uses().await {
            tracing::error!(%error, "uses not written down yet");
        }
        if stopped {
            return;
        }
    }
}

impl Lifecycle {
    /// Writes down the uses in memory. Once this returns, none that came before is left uncounted.
    pub(super) async fn count_uses(&self) -> Result<(), Error> {
        // Whoever asks while others write waits until that is done.
        let _one = self.0.counting.lock().await;
        let inner = self.inner();
        let (moving, dates): (Vec<_>, Vec<_>) =
            inner.store.take_uses().into_iter().partition(|used| used.moves_an_end);
        if !dates.is_empty()
            && let Err(error) = inner.store.bookkeep().used(&dates).await
        {
            inner.store.put_back(dates.into_iter().chain(moving));
            return Err(error);
        }
        let mut by_user: BTreeMap<UserId, Vec<Use>> = BTreeMap::new();
        for used in moving {
            by_user.entry(used.user).or_default().push(used);
        }
        while let Some((user, uses)) = by_user.pop_first() {
            if let Err(error) = inner.prolong(user, &uses).await {
                inner.store.put_back(uses.into_iter().chain(by_user.into_values().flatten()));
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Counts the uses of one person, and moves the ends that hang on them.
    async fn prolong(&self, user: UserId, uses: &[Use]) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let Some(person) = tx.user(user).await? else { return Ok(()) };
        let lapse = self.rules.settings.lapse;
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for grant in tx.grants(user).await? {
            let of = |used: &&Use| used.identity == grant.identity && used.app == grant.terms.app;
            let Some(used) = uses.iter().find(of) else { continue };
            let counted = grant.clone().used(used.at, lapse);
            if counted != grant {
                tx.save_grant(user, &counted, None).await?;
                before.push(grant);
                after.push(counted);
            }
        }
        if after.is_empty() {
            return Ok(());
        }
        // The target's own lock has to move, too.
        self.desire(&mut tx, user, Occasion::Change).await?;
        tx.commit(&Entry {
            event: Event::AccessProlonged { grants: after.iter().map(|grant: &Grant| grant.id).collect() },
            actor: Actor::Person,
            cause: "use".to_owned(),
            person: Some(person.vault),
            policy: None,
            personal: json!({ "before": facts(&before), "after": facts(&after) }),
        })
        .await
    }
}
