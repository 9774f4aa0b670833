//! One endpoint of an app: its connections, and what may be sent twice.
//!
//! A kept connection may have been closed just now. Then a request is sent once more, on a new one: if nothing
//! of it had been written, or if it has no body, doing it twice is doing it once (RFC 9110, section 9.2.2), and
//! the connection broke before an answer.

use super::address::Address;
use super::connect::{Fresh, Peer};
use super::failure::Failure;
use super::health::Health;
use super::lane::{Lane, Taken};
use super::message::{to_http1, to_http2};
use super::returning::{Home, Returning};
use super::settings::{Checks, Protocol};
use super::{Timeouts, Way};
use crate::gateway::upload::{FromClient, Progress};
use http::{Request, Response, StatusCode};
use http_body::Body;
use hyper::body::Incoming;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// What makes two endpoints one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Spec {
    pub(super) address: Address,
    pub(super) protocol: Option<Protocol>,
    /// The print of its TLS, and the name in its certificate.
    pub(super) tls: Option<([u8; 32], String)>,
    pub(super) checks: Option<Checks>,
    /// One lane for each worker.
    pub(super) lanes: usize,
}

/// One place where an app is.
pub(super) struct Endpoint {
    pub(super) peer: Peer,
    pub(super) checks: Option<Checks>,
    pub(super) health: Arc<Health>,
    lanes: Box<[Arc<Lane>]>,
    /// Whether it chose HTTP/1.1 where it had the choice.
    prefers_http1: AtomicBool,
    has_checks: AtomicBool,
}

/// A request that was not answered, and itself if another endpoint may have it.
pub(super) struct Unanswered {
    pub(super) failure: Failure,
    pub(super) again: Option<Box<Request<FromClient>>>,
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self { failure, again: None }
    }
}

impl Endpoint {
    pub(super) fn new(peer: Peer, checks: Option<Checks>, lanes: usize) -> Self {
        let lanes = (0..lanes.max(1)).map(|_| Arc::default()).collect();
        Self {
            peer,
            checks,
            health: Arc::default(),
            lanes,
            prefers_http1: AtomicBool::new(false),
            has_checks: AtomicBool::new(false),
        }
    }

    /// Whether nobody checks it so far; from now on, whoever asked does.
    pub(super) fn begin_checks(&self) -> bool {
        !self.has_checks.swap(true, Ordering::Relaxed)
    }

    /// Sends a request. The answer's body hands the connection back.
    ///
    /// `may_repeat` is taken away once the request was written a first time and is written again.
    pub(super) async fn send(
        &self,
        way: &Way,
        may_repeat: &mut bool,
        mut request: Request<FromClient>,
    ) -> Result<Response<Returning>, Unanswered> {
        let lane = &self.lanes[way.lane % self.lanes.len()];
        if let Some(kept) = lane.take(way.upgrade) {
            let spare = if *may_repeat { spare(&request) } else { None };
            let broken = match self.ask(lane, kept, way, request).await {
                Ok(response) => return Ok(response),
                Err(broken) => broken,
            };
            request = match (broken.again, spare) {
                (Some(unsent), _) => *unsent,
                (None, Some(spare)) if broken.is_hung_up => {
                    *may_repeat = false;
                    spare
                }
                _ => return Err(broken.failure.into()),
            };
        }
        // In a box: most requests find a connection, and have no use for the room that opening one takes.
        let fresh = match timeout(way.timeouts.connect, Box::pin(self.open(lane, way))).await {
            Ok(Ok(fresh)) => fresh,
            Ok(Err(failure)) => return Err(Unanswered { failure, again: Some(Box::new(request)) }),
            Err(_) => {
                let failure = Failure::NoConnection(way.timeouts.connect);
                return Err(Unanswered { failure, again: Some(Box::new(request)) });
            }
        };
        let asked = self.ask(lane, fresh, way, request).await;
        asked.map_err(|broken| Unanswered { failure: broken.failure, again: broken.again })
    }

    /// A connection that nothing was sent on, or a share of one. Who could share waits while one is being opened.
    async fn open(&self, lane: &Lane, way: &Way) -> Result<Taken, Failure> {
        let mut opening = None;
        if !way.upgrade && self.may_share() {
            let first = lane.opening.lock().await;
            if let Some(share) = lane.share() {
                return Ok(share);
            }
            // While we waited it may have turned out that there is nothing to share.
            opening = self.may_share().then_some(first);
        }
        let fresh = self.peer.connect(way.upgrade).await?;
        if !way.upgrade {
            self.prefers_http1.store(matches!(fresh, Fresh::One(_)), Ordering::Relaxed);
        }
        let taken = lane.open(fresh);
        drop(opening);
        Ok(taken)
    }

    fn may_share(&self) -> bool {
        match self.peer.protocol {
            Some(Protocol::Http1) => false,
            Some(Protocol::H2) => true,
            None => self.peer.tls.is_some() && !self.prefers_http1.load(Ordering::Relaxed),
        }
    }

    async fn ask(
        &self,
        lane: &Arc<Lane>,
        connection: Taken,
        way: &Way,
        mut request: Request<FromClient>,
    ) -> Result<Response<Returning>, Broken> {
        let progress = request.body().progress();
        let Timeouts { first_byte, idle, .. } = way.timeouts;
        match connection {
            Taken::One(mut sender) => {
                to_http1(&mut request);
                let sending = sender.try_send_request(request);
                let response = within(first_byte, progress.as_deref(), sending)
                    .await?
                    .map_err(|mut error| Broken::new(error.take_message(), error.into_error(), progress))?;
                let home = match response.status() {
                    StatusCode::SWITCHING_PROTOCOLS => Home::None,
                    _ => Home::Lane(Arc::downgrade(lane), sender),
                };
                Ok(response.map(|body| Returning::new(body, home, idle)))
            }
            Taken::Share(mut sender, stream) => {
                to_http2(&mut request, self.peer.tls.is_some(), way.trailers);
                let sending = sender.try_send_request(request);
                let response: Response<Incoming> =
                    match within(first_byte, progress.as_deref(), sending).await {
                        Ok(Ok(response)) => response,
                        Ok(Err(mut error)) => {
                            return Err(Broken::new(error.take_message(), error.into_error(), progress));
                        }
                        Err(failure) => {
                            // Perhaps the network forgot it, and then nothing on it will ever be answered.
                            lane.retire(&stream);
                            return Err(failure.into());
                        }
                    };
                Ok(response.map(|body| Returning::new(body, Home::Shared(stream), idle)))
            }
        }
    }
}

/// What became of a request on one connection.
struct Broken {
    failure: Failure,
    /// The request, if nothing of it was written.
    again: Option<Box<Request<FromClient>>>,
    /// Whether the connection broke, rather than the request, and before there was an answer.
    is_hung_up: bool,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self { failure, again: None, is_hung_up: false }
    }
}

impl Broken {
    fn new(
        unsent: Option<Request<FromClient>>,
        error: hyper::Error,
        progress: Option<Arc<Progress>>,
    ) -> Self {
        let is_hung_up = !error.is_parse() && !is_reset(&error);
        let failure = match progress {
            Some(progress) if progress.is_too_large() => Failure::TooLarge,
            Some(progress) if progress.is_broken_off() => Failure::ClientGone,
            Some(progress) if progress.is_ended() => Failure::AccessEnded,
            _ => Failure::Broken(error),
        };
        Self { failure, again: unsent.map(Box::new), is_hung_up }
    }
}

/// Whether the app gave up this one request, having seen it. A stream that it refused it has not seen (RFC 9113,
/// section 8.7).
fn is_reset(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_reset() && cause.reason() != Some(h2::Reason::REFUSED_STREAM))
}

/// The same request for a second try, if it may have one.
fn spare(request: &Request<FromClient>) -> Option<Request<FromClient>> {
    if !request.method().is_idempotent() || !request.body().is_end_stream() {
        return None;
    }
    let mut spare = Request::new(FromClient::Nothing);
    spare.method_mut().clone_from(request.method());
    spare.uri_mut().clone_from(request.uri());
    spare.headers_mut().clone_from(request.headers());
    Some(spare)
}

/// Waits for an answer that is to begin within `limit`; not while the request is still being sent.
async fn within<F: Future>(
    limit: Option<Duration>,
    progress: Option<&Progress>,
    answer: F,
) -> Result<F::Output, Failure> {
    let Some(limit) = limit else { return Ok(answer.await) };
    let mut answer = pin!(answer);
    loop {
        match timeout(limit, answer.as_mut()).await {
            Ok(answered) => return Ok(answered),
            Err(_) if progress.is_some_and(Progress::is_under_way) => {}
            Err(_) => return Err(Failure::NoAnswer(limit)),
        }
    }
}
