//! What a request for an app is granted, if anything: by whose session, and what the app is told with it.

use super::answer;
use super::app::{App, Rule};
use super::assertion::Word;
use super::authorize::{Overlooked, Permit, Refusal, Wanted, authorize, overlook};
use super::bearer;
use super::denied::{Denied, Why};
use super::gate::Gate;
use super::headers;
use super::listen::Peer;
use super::live::Plan;
use super::memo::Granted;
use super::route::BadRequest;
use super::step_up::StepUp;
use crate::page::Reader;
use crate::session::{Session, TokenHash, Unavailable, token_hash};
use http::{HeaderMap, HeaderValue, Method, Uri};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a request waits for its person's account to be ready before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where in an app, and how.
pub(super) struct Going<'a> {
    /// The plan by which it is judged.
    pub(super) plan: &'a Arc<Plan>,
    pub(super) app: &'a Arc<App>,
    /// As sessions are bound to it.
    pub(super) host: &'a Arc<str>,
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    /// What is wrong with its path.
    pub(super) unclear: Option<BadRequest>,
    pub(super) client: IpAddr,
}

/// A permit, and what hangs on it.
struct Judged {
    /// Where its session is found, if the request named one.
    key: Option<TokenHash>,
    permit: Permit,
    /// What the app is told.
    word: Option<Arc<Word>>,
}

impl<'a> Going<'a> {
    /// Where to, for whoever judges.
    fn wanted(&self) -> Wanted<'a> {
        let Self { app, host, method, uri, client, .. } = *self;
        let (path, route) = (uri.path(), app.route(uri.path()));
        Wanted { app, route, rule: route.rule(method), host, path, address: client }
    }
}

impl Gate {
    /// What a request of `peer` that was `sent` with these headers is granted; `host` is the one that is sent on. Where
    /// its app is observed, that is something in any case.
    pub(super) async fn grant(
        &self,
        going: &Going<'_>,
        peer: &Peer,
        reader: Reader,
        sent: &HeaderMap,
        host: HeaderValue,
    ) -> Result<Granted, Denied> {
        let by_token = going.app.access_tokens.is_some() && bearer::is_shown(sent);
        let Judged { key, permit, word } = match self.judge(going, peer, sent, by_token).await {
            Ok(judged) => judged,
            Err(denied) => {
                let denied = Denied { by_token, ..denied };
                let reason = denied.told(going, reader);
                let overlooked = Overlooked { reason, session: denied.session.clone() };
                let permit = overlook(going.wanted(), overlooked).ok_or(denied)?;
                let key = if by_token { None } else { self.key_of_cookie(sent) };
                Judged { key, permit, word: None }
            }
        };
        Ok(Granted {
            plan: going.plan.clone(),
            tally: self.gateway.tallies.of(&going.app.name),
            permit,
            word,
            key,
            by_token,
            certified: answer::shows_certificate(peer, going.host),
            cookies: headers::cookies(sent),
            host,
        })
    }

    /// A permit to go there, and what hangs on it.
    async fn judge(
        &self,
        going: &Going<'_>,
        peer: &Peer,
        sent: &HeaderMap,
        by_token: bool,
    ) -> Result<Judged, Denied> {
        if let Some(error) = going.unclear {
            return Err(Why::Unclear(error).into());
        }
        if let Some(page) = answer::client_certificate(peer, going.app, going.host) {
            return Err(Why::Certificate(Box::new(page)).into());
        }
        let key = if by_token { self.key_of_token(going, sent).await? } else { self.key_of_cookie(sent) };
        let permit = self.permit(going, key.as_ref()).await?;
        if let Some(guest) = permit.guest() {
            self.gateway.sessions.used(guest.session(), &going.app.name, guest.at());
        }
        match self.gateway.assertions.word(&permit) {
            Ok(word) => Ok(Judged { key, permit, word }),
            Err(error) => {
                tracing::error!(app = %going.app.name, %error, "no assertion could be made: {error}");
                Err(Why::Internal.into())
            }
        }
    }

    /// A permit to go there. While the person's account is being prepared it waits, within [`PATIENCE`].
    async fn permit(&self, going: &Going<'_>, key: Option<&TokenHash>) -> Result<Permit, Denied> {
        let wanted = going.wanted();
        let mut give_up = None;
        loop {
            let session = match key {
                Some(key) if **wanted.rule != Rule::Public => self.session(key).await?,
                _ => None,
            };
            let why = match authorize(session.clone(), wanted, self.gateway.clock.now()) {
                Ok(permit) => return Ok(permit),
                Err(why) => why,
            };
            if session.as_ref().is_some_and(|session| !session.is_current()) {
                // A commit came between reading and judging: what was judged no longer holds.
                continue;
            }
            // Nobody waits for what is not refused.
            if let (Refusal::Preparing, Some(session), true) = (&why, &session, wanted.app.enforce) {
                let give_up = *give_up.get_or_insert_with(|| Instant::now() + PATIENCE);
                if timeout_at(give_up, session.changed()).await.is_ok() {
                    continue;
                }
            }
            let step_up = match (&why, &session) {
                (Refusal::Limited(limit), Some(session)) => {
                    StepUp::past(*limit, session, &wanted, self.gateway.clock.now())
                }
                _ => None,
            };
            return Err(Denied { why: Why::Refused(why), session, step_up, by_token: false });
        }
    }

    /// Where the session of a browser is found, if it brings a cookie of ours.
    fn key_of_cookie(&self, sent: &HeaderMap) -> Option<TokenHash> {
        self.cookie.find(sent).map(token_hash)
    }

    /// The session under `key`: from memory when warm, else from the store.
    async fn session(&self, key: &TokenHash) -> Result<Option<Arc<Session>>, Unavailable> {
        match self.gateway.sessions.cached(key) {
            Some(session) if session.is_current() => Ok(Some(session)),
            _ => self.gateway.sessions.find(key).await,
        }
    }
}
