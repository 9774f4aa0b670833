//! Operators who signed in as everybody does. Policy gives them a role of the app `guestpass`, and that role ends, and asks
//! for networks, hours and a strong sign-in, like any other.

use super::failure::{Failure, Refusal};
use crate::account::Circumstances;
use crate::audit::OperatorRole;
use crate::session::cookie::Cookie;
use crate::session::{Held, Session, Sessions, Visit};
use http::request::Parts;
use http::{HeaderMap, Method, header};
use jiff::Timestamp;
use std::sync::Arc;

/// Where they find it on our own host.
pub(super) const PEOPLE_AT: &str = "/admin/api";

/// How people are known who are signed in.
pub struct People {
    /// Who is there.
    pub sessions: Sessions,
    /// The host of our own pages, as sessions are bound to it.
    pub own_host: String,
    /// Our own address, as browsers name it where a page of ours asks (RFC 6454, section 6.2).
    pub own_origin: String,
    /// Whether people reach us by https.
    pub secure: bool,
}

/// Somebody who is signed in, and what they may do.
pub(super) struct SignedIn {
    /// As `subject@provider`.
    pub(super) person: String,
    /// What policy gives them, as it holds for this very request.
    pub(super) role: Option<OperatorRole>,
}

impl People {
    /// Who is signed in, if anybody is.
    ///
    /// # Errors
    /// [`Failure::Refused`] where nobody is, [`Failure::Unavailable`] where nobody can say.
    pub(super) async fn find(&self, parts: &Parts, now: Timestamp) -> Result<SignedIn, Failure> {
        let visit = parts.extensions.get::<Visit>().filter(|visit| visit.app.is_none());
        let visit = visit.ok_or(Failure::NoSuchCall)?;
        let cookie = Cookie::session(self.secure);
        let found = self.sessions.on(&self.own_host, &parts.headers, cookie, now).await;
        let session = found.map_err(|_| Failure::Unavailable)?.filter(|session| session.is_current());
        let session = session.ok_or(Failure::Refused(Refusal::NotSignedIn))?;
        Ok(SignedIn { person: session.person.to_string(), role: self.role(&session, visit, now) })
    }

    /// The most that somebody may at `now`. A role that opens a part of its app only opens nothing here.
    fn role(&self, session: &Arc<Session>, visit: &Visit, now: Timestamp) -> Option<OperatorRole> {
        let circumstances = Circumstances { now, address: visit.client, strength: session.strength() };
        let access = session.access.iter().find(|access| access.app.as_str() == OperatorRole::APP)?;
        let holds = |held: &&Held| {
            held.is_live(now) && !held.opening.is_partial() && held.judge(&circumstances).is_ok()
        };
        let role = access.held.iter().filter(holds).filter_map(|held| OperatorRole::of_policy(held.role()));
        let role = role.max()?;
        self.sessions.used(session, &access.app, now);
        Some(role)
    }

    /// Whether a page of ours asks, or only looks: a page of an app sends our cookie along, too.
    pub(super) fn is_ours(&self, method: &Method, headers: &HeaderMap) -> bool {
        let said = |name: &str| headers.get(name).map(|value| value.as_bytes());
        let origin = said(header::ORIGIN.as_str()).is_some_and(|origin| origin == self.own_origin.as_bytes());
        let site = said("sec-fetch-site").is_none_or(|site| site == b"same-origin");
        method == Method::GET || origin && site
    }
}
