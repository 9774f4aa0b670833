//! What the last request on a connection was permitted. The next one is mostly by the same person for the same app;
//! then nothing is looked up again, as long as all that the permit rests on still holds.

use super::app::is_ours;
use super::assertion::Word;
use super::authorize::{Guest, Permit};
use super::headers::Cookies;
use super::live::Plan;
use super::path;
use super::tally::{Decision, Tally};
use crate::session::TokenHash;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// One connection's. Only its worker locks it.
#[derive(Default)]
pub(super) struct Memo {
    last: Mutex<Option<Remembered>>,
    address: Mutex<Option<(IpAddr, HeaderValue)>>,
}

struct Remembered {
    host: HeaderValue,
    cookie: Option<HeaderValue>,
    /// Where the app takes access tokens.
    authorization: Option<HeaderValue>,
    granted: Arc<Granted>,
}

/// A permit, and all that goes with the request.
pub(super) struct Granted {
    /// The plan by which it was judged.
    pub(super) plan: Arc<Plan>,
    pub(super) permit: Permit,
    /// Where requests for its app are counted.
    pub(super) tally: Arc<Tally>,
    /// What the app is told; nothing where nobody in particular is let in.
    pub(super) word: Option<Arc<Word>>,
    /// Where its session is found, if the request named one.
    pub(super) key: Option<TokenHash>,
    /// Whether that is the session of an access token.
    pub(super) by_token: bool,
    /// Whether the client has shown a certificate for this host, asked for or not.
    pub(super) certified: bool,
    /// The cookies that go on.
    pub(super) cookies: Cookies,
    /// The host as it is sent on.
    pub(super) host: HeaderValue,
}

impl Memo {
    /// The client's address as a header says it. On most connections it is the same for every request.
    pub(super) fn address(&self, client: IpAddr) -> HeaderValue {
        let mut known = self.address.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((address, text)) if *address == client => text.clone(),
            _ => {
                let text = HeaderValue::try_from(client.to_canonical().to_string());
                let text = text.unwrap_or(HeaderValue::from_static("unknown"));
                *known = Some((client, text.clone()));
                text
            }
        }
    }

    /// What was granted before, if `request` of `client` would be granted just the same at `now`: the same plan, host
    /// and cookies, a path with one reading that leads to the same rule, the same address where it matters, and a person
    /// about whom nothing has changed.
    pub(super) fn recall<B>(
        &self,
        plan: &Arc<Plan>,
        request: &Request<B>,
        client: IpAddr,
        now: Timestamp,
    ) -> Option<Arc<Granted>> {
        let memo = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Remembered { host, cookie, authorization, granted } = memo.as_ref()?;
        let (headers, uri) = (request.headers(), request.uri());
        let alike = Arc::ptr_eq(plan, &granted.plan)
            && uri.authority().is_none()
            && !matches!(*request.method(), Method::CONNECT | Method::TRACE)
            && only(headers, &header::HOST) == Some(Some(host))
            && only(headers, &header::COOKIE) == Some(cookie.as_ref())
            && granted.holds(client, now);
        let (app, path) = (granted.permit.app(), uri.path());
        let alike = alike
            && (app.access_tokens.is_none()
                || only(headers, &header::AUTHORIZATION) == Some(authorization.as_ref()));
        let clear = alike && path::check(path).is_ok() && !is_ours(path) && path::check_in(app, path).is_ok();
        let same = clear && {
            let route = app.route(path);
            Arc::ptr_eq(route, granted.permit.route())
                && Arc::ptr_eq(route.rule(request.method()), granted.permit.rule())
        };
        same.then(|| granted.clone())
    }

    /// Remembers what `headers` were granted, where they name one host and have one line of cookies and of credentials at
    /// most, and it was not for one path or one time alone.
    pub(super) fn remember(&self, headers: &HeaderMap, granted: &Arc<Granted>) {
        // What is overlooked is looked at each time: who is let in properly is told of.
        let once =
            granted.permit.guest().is_some_and(Guest::is_partial) || granted.permit.overlooked().is_some();
        let authorization = match granted.permit.app().access_tokens {
            Some(_) => only(headers, &header::AUTHORIZATION),
            None => Some(None),
        };
        let lines = (only(headers, &header::HOST), only(headers, &header::COOKIE), authorization);
        let remembered = match lines {
            (Some(Some(host)), Some(cookie), Some(authorization)) if !once => Some(Remembered {
                host: host.clone(),
                cookie: cookie.cloned(),
                authorization: authorization.cloned(),
                granted: granted.clone(),
            }),
            _ => None,
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = remembered;
    }
}

impl Granted {
    /// Counts a request of the worker `lane` that was answered after so long.
    pub(super) fn count(&self, lane: usize, took: SignedDuration) {
        match self.permit.overlooked() {
            None => self.tally.permitted(lane, self.permit.rule(), took),
            Some(overlooked) => self.tally.other(Decision::Observed, overlooked.reason),
        }
    }

    /// Whether it would be granted again to `client` at `now`. An assertion is renewed well before any of the roles that
    /// it names ends, or its conditions no longer hold, so while it holds the permit does.
    fn holds(&self, client: IpAddr, now: Timestamp) -> bool {
        match (self.permit.guest(), &self.word) {
            (Some(guest), Some(word)) => {
                guest.session().is_current()
                    && now < guest.until()
                    && word.holds(now)
                    && guest.address_matters().is_none_or(|address| address == client)
            }
            (None, _) => true,
            (Some(_), None) => false,
        }
    }
}

/// The one line under a name, if any; nothing where there are several.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next();
    lines.next().is_none().then_some(first)
}
