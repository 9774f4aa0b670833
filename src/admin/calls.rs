//! That somebody called is in the record. What changes something is there each time, before it is done. What only looks, and
//! what is refused, would drown the rest: of equal calls by one caller the first is there at once, and those that follow
//! within the minute are one event that says how many.

use crate::audit::Actor;
use crate::clock::Clock;
use crate::lifecycle::Lifecycle;
use crate::store::Error;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// For how long equal calls are counted together.
const TOGETHER: SignedDuration = SignedDuration::from_secs(60);

/// Keeps who called. Cheap to clone.
#[derive(Clone)]
pub struct Calls(Arc<Inner>);

struct Inner {
    lifecycle: Lifecycle,
    clock: Clock,
    lately: Mutex<HashMap<Kind, Lately>>,
}

/// Calls that are equal. There are as many as tokens, routes and reasons multiply to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    by: Actor,
    call: String,
    refused: Option<&'static str>,
}

/// What is known of equal calls.
struct Lately {
    /// When they were last recorded.
    told: Timestamp,
    /// How many were not, since.
    untold: u32,
}

impl Calls {
    /// Calls that `lifecycle` records.
    pub fn new(lifecycle: Lifecycle, clock: Clock) -> Self {
        Self(Arc::new(Inner { lifecycle, clock, lately: Mutex::default() }))
    }

    /// Records a call that changes something, and is allowed.
    pub(super) async fn note_each(&self, by: Actor, call: &str) -> Result<(), Error> {
        self.tell(&Kind { by, call: call.to_owned(), refused: None }, 1).await
    }

    /// Records a call, or counts it with its like.
    pub(super) async fn note(
        &self,
        by: Actor,
        call: &str,
        refused: Option<&'static str>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let kind = Kind { by, call: call.to_owned(), refused };
        let times = {
            let mut all = self.lately();
            let lately = all.entry(kind.clone()).or_insert(Lately { told: Timestamp::MIN, untold: 0 });
            lately.untold += 1;
            if now.duration_since(lately.told) < TOGETHER {
                return Ok(());
            }
            lately.told = now;
            take(&mut lately.untold)
        };
        self.tell(&kind, times).await
    }

    /// Records what is only counted yet once a minute, and for the last time at `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let minute: Duration = TOGETHER.unsigned_abs();
        while stop.run_until_cancelled(sleep(minute)).await.is_some() {
            self.flush().await;
        }
        self.flush().await;
    }

    /// Records what is only counted yet.
    pub async fn flush(&self) {
        let now = self.0.clock.now();
        let untold: Vec<_> = {
            let mut all = self.lately();
            all.retain(|_, lately| lately.untold > 0 || now.duration_since(lately.told) < TOGETHER);
            let counted = all.iter_mut().filter(|(_, lately)| lately.untold > 0);
            counted.map(|(kind, lately)| (kind.clone(), take(&mut lately.untold))).collect()
        };
        for (kind, times) in untold {
            if let Err(error) = self.tell(&kind, times).await {
                tracing::warn!(%error, "calls of the admin API are not in the record yet");
            }
        }
    }

    /// Records so many equal calls; what cannot be is counted for later.
    async fn tell(&self, kind: &Kind, times: u32) -> Result<(), Error> {
        let Kind { by, call, refused } = kind;
        let told = self.0.lifecycle.called(by.clone(), call, *refused, times).await;
        match &told {
            Ok(()) => tracing::info!(by = by.name(), call, refused, times, "the admin API was called"),
            Err(_) => {
                let mut all = self.lately();
                let again = Lately { told: Timestamp::MIN, untold: 0 };
                let lately = all.entry(kind.clone()).or_insert(again);
                (lately.told, lately.untold) = (Timestamp::MIN, lately.untold.saturating_add(times));
            }
        }
        told
    }

    fn lately(&self) -> MutexGuard<'_, HashMap<Kind, Lately>> {
        self.0.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
