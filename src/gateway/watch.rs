//! How long what was permitted may go on. A request is judged once, when it comes. Most are over a moment later, and
//! cost nothing here; whatever takes longer (an upload, a long poll, a stream, a WebSocket) is watched until its permit
//! ends.

use super::authorize::Permit;
use crate::clock::Clock;
use crate::session::Sessions;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// How long something may take before it is watched. That much later than its permit it may end, so this is a good
/// part of what an end may take in all.
const BEAT: Duration = Duration::from_millis(25);

/// A permit, and all it takes to judge again.
pub(super) struct Watch {
    pub(super) permit: Permit,
    pub(super) token: Option<String>,
    pub(super) sessions: Sessions,
    pub(super) clock: Clock,
}

impl Watch {
    /// Resolves when the permit has ended: its moment came, or the person changed and it would not be given
    /// again. Never for a place that is public.
    pub(super) async fn over(mut self) {
        let (Some(token), true) = (self.token.take(), self.permit.guest().is_some()) else {
            return std::future::pending().await;
        };
        while let Some(guest) = self.permit.guest() {
            tokio::select! {
                () = self.clock.sleep_until(guest.until()) => return,
                () = guest.session().changed() => {}
            }
            // Who cannot be judged is not let in, and so not kept in either.
            let Ok(session) = self.sessions.find(&token).await else { return };
            match self.permit.renew(session.clone(), self.clock.now()) {
                Ok(permit) => self.permit = permit,
                // Changed once more between reading and judging: read again.
                Err(_) if session.is_some_and(|session| !session.is_current()) => {}
                Err(_) => return,
            }
        }
    }
}

/// A permit that is watched from the moment when it matters.
pub(super) struct Permitted {
    watch: Option<Watch>,
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Permitted {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch: Some(watch), over: None }
    }

    /// Whether it is watched.
    pub(super) fn is_watched(&self) -> bool {
        self.over.is_some()
    }

    /// What `work` comes to; `None` if the permit ends before. It is watched if that takes longer than a beat.
    pub(super) async fn hold<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        tokio::select! {
            biased;
            done = work.as_mut() => return Some(done),
            () = beat() => {}
        }
        tokio::select! {
            biased;
            () = self.over() => None,
            done = work => Some(done),
        }
    }

    /// Resolves when the permit has ended. Not to be asked again after that.
    pub(super) async fn over(&mut self) {
        poll_fn(|context| self.poll_over(context)).await;
    }

    /// The same for those who poll.
    pub(super) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(watch) = self.watch.take() {
            self.over = Some(Box::pin(watch.over()));
        }
        self.over.as_mut().map_or(Poll::Pending, |over| over.as_mut().poll(context))
    }
}

/// Tells requests of one worker that they have been waiting for a while, all at once: a timer for each would cost
/// every request what only few need.
#[derive(Default)]
struct Heart {
    is_beating: AtomicBool,
    bell: Notify,
}

thread_local! {
    static HEART: Arc<Heart> = Arc::default();
}

/// Resolves after [`BEAT`] at the latest.
async fn beat() {
    let heart = HEART.with(Arc::clone);
    // Hears every bell from here on.
    let rung = heart.bell.notified();
    if !heart.is_beating.load(Ordering::Relaxed) {
        heart.is_beating.store(true, Ordering::Relaxed);
        let heart = heart.clone();
        tokio::spawn(async move {
            sleep(BEAT).await;
            heart.is_beating.store(false, Ordering::Relaxed);
            heart.bell.notify_waiters();
        });
    }
    rung.await;
}
