//! How long what was permitted may go on. A request is judged once, when it comes. Most are over a moment later, and
//! cost nothing here; whatever takes longer (an upload, a long poll, a stream, a WebSocket) is watched until its permit
//! ends.

use super::app::{App, Rule};
use super::authorize::{Overlooked, Permit, Wanted, authorize, overlook};
use super::bearer;
use super::gate::Gate;
use super::live::Plan;
use super::memo::Granted;
use super::route::{Asked, Named, Place, canonical};
use crate::clock::Clock;
use http::{Method, Uri};
use std::future::{pending, poll_fn};
use std::net::IpAddr;
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

/// What was granted, and all it takes to judge again.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) granted: Arc<Granted>,
    pub(super) gate: Arc<Gate>,
    /// What the rule hangs on beside the person: where in the app, and by which method.
    pub(super) uri: Uri,
    pub(super) method: Method,
    /// From where it was asked for.
    pub(super) client: IpAddr,
}

impl Watch {
    /// Resolves when the permit has ended: its moment came, or the person or the plan changed, and it would not be given
    /// again. Where hours of one role end, another may open. An app that its host does not lead to any more is open to nobody;
    /// one that is observed stays open to everybody, until it is enforced.
    pub(super) async fn over(self) {
        let gateway = &*self.gate.gateway;
        let (mut permit, mut plan) = (self.granted.permit.clone(), self.granted.plan.clone());
        loop {
            tokio::select! {
                () = deadline(&permit, &gateway.clock) => {}
                () = person_changed(&permit) => {}
                () = gateway.live.changed(&plan) => plan = gateway.live.plan(),
            }
            let Some(asked) = self.asked(&plan) else { return };
            match self.judge_again(&asked).await.or_else(|| self.look_away(&asked)) {
                Some(again) => permit = again,
                None => return,
            }
        }
    }

    /// What a new request would ask for by `plan`; `None` where that is another app, or nothing.
    fn asked(&self, plan: &Plan) -> Option<Anew> {
        let Granted { permit, host, .. } = &*self.granted;
        let Named { name, port, sent } = canonical(host.to_str().ok()?, Some(host)).ok()?;
        let Asked { place, bound, unclear, .. } =
            plan.routes.find_at(&name, port, self.uri.path(), sent).ok()??;
        match place {
            Place::App(app) if app.name == permit.app().name => {
                Some(Anew { app, bound, is_clear: unclear.is_none() })
            }
            _ => None,
        }
    }

    /// Where that is, for whoever judges.
    fn wanted<'a>(&'a self, Anew { app, bound: host, .. }: &'a Anew) -> Wanted<'a> {
        let (path, route) = (self.uri.path(), app.route(self.uri.path()));
        Wanted { app, route, rule: route.rule(&self.method), host, path, address: self.client }
    }

    /// The permit that would be given now, if one would.
    async fn judge_again(&self, asked: &Anew) -> Option<Permit> {
        let Granted { permit, key, by_token, certified, .. } = &*self.granted;
        let (wanted, app) = (self.wanted(asked), &*asked.app);
        let lacks_certificate = app.client_certificate && !certified;
        if lacks_certificate || !asked.is_clear || (app.enforce && permit.overlooked().is_some()) {
            return None;
        }
        let is_public = **wanted.rule == Rule::Public;
        if *by_token && !is_public && !bearer::takes_the_same(permit.app(), app) {
            return None;
        }
        let gateway = &*self.gate.gateway;
        loop {
            let session = match key {
                // Who cannot be judged is not let in, and so not kept in either.
                Some(key) if !is_public => gateway.sessions.find(key).await.ok()?,
                _ => None,
            };
            match authorize(session.clone(), wanted, gateway.clock.now()) {
                Ok(permit) => return Some(permit),
                // Changed once more between reading and judging: read again.
                Err(_) if session.is_some_and(|session| !session.is_current()) => {}
                Err(_) => return None,
            }
        }
    }

    /// A permit to go on where the app is observed, not enforced.
    fn look_away(&self, asked: &Anew) -> Option<Permit> {
        let again = overlook(self.wanted(asked), Overlooked { reason: "ended", session: None });
        if again.is_some() && self.granted.permit.overlooked().is_none() {
            tracing::info!(app = %asked.app.name, "what is under way would have been ended, and goes on: the app is not enforced");
        }
        again
    }
}

/// What was granted once, as it is asked for again.
struct Anew {
    app: Arc<App>,
    /// The host, as sessions are bound to it.
    bound: Arc<str>,
    /// Whether its path can be read in one way only.
    is_clear: bool,
}

async fn deadline(permit: &Permit, clock: &Clock) {
    match permit.guest() {
        Some(guest) => clock.sleep_until(guest.until()).await,
        None => pending().await,
    }
}

async fn person_changed(permit: &Permit) {
    match permit.guest() {
        Some(guest) => guest.session().changed().await,
        None => pending().await,
    }
}

/// A permit that is watched from the moment when it matters.
pub(super) struct Permitted {
    /// In a box, since it goes through many hands and is mostly not needed.
    watch: Option<Box<Watch>>,
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Permitted {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch: Some(Box::new(watch)), over: None }
    }

    /// Whether it is watched.
    fn is_watched(&self) -> bool {
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
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(watch) = self.watch.take() {
            self.over = Some(Box::pin(watch.over()));
        }
        self.over.as_mut().map_or(Poll::Pending, |over| over.as_mut().poll(context))
    }
}

/// What comes piece by piece under a permit. What is short is over before anybody could be waiting for its end: the watch
/// begins with the first wait, or, where none is needed, after so many pieces.
pub(super) struct Passing {
    permitted: Permitted,
    /// How many more may pass before it is watched.
    left: u8,
}

impl Passing {
    pub(super) fn new(permitted: Permitted, short: u8) -> Self {
        Self { permitted, left: short }
    }

    /// The next piece, which `poll` polls for; `None` once the permit has ended, and then not to be asked again.
    pub(super) fn poll_next<T>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Option<T>> {
        if (self.permitted.is_watched() || self.left == 0) && self.permitted.poll_over(context).is_ready() {
            return Poll::Ready(None);
        }
        match poll(context) {
            Poll::Ready(piece) => {
                self.left = self.left.saturating_sub(1);
                Poll::Ready(Some(piece))
            }
            Poll::Pending if self.permitted.is_watched() => Poll::Pending,
            Poll::Pending => self.permitted.poll_over(context).map(|()| None),
        }
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
