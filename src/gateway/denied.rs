//! Why a request has no permit, and what becomes of it: a page, a challenge, or the way to sign in.

use super::answer::{self, About};
use super::app::App;
use super::authorize::Refusal;
use super::bearer;
use super::body::ToClient;
use super::gate::{Asking, Going, to_sign_in};
use super::live::Plan;
use super::settings::Unauthenticated;
use super::step_up::StepUp;
use crate::bearer::Refusal as TokenRefusal;
use crate::page::{Page, Reader};
use crate::session::{Session, Unavailable};
use axum::body::Body as RouterBody;
use http::{HeaderMap, Method, Request, Response, Uri};
use std::sync::Arc;

/// Why there is no permit, and whose session was looked at.
pub(super) struct Denied {
    pub(super) why: Why,
    pub(super) session: Option<Arc<Session>>,
    /// What another sign-in has to be asked for, where one would help who is signed in.
    pub(super) step_up: Option<StepUp>,
    /// Whether an access token was shown: whoever shows one is never sent to a page.
    pub(super) by_token: bool,
}

pub(super) enum Why {
    Refused(Refusal),
    Token(TokenRefusal),
    Unavailable,
    Internal,
}

impl From<Why> for Denied {
    fn from(why: Why) -> Self {
        Self { why, session: None, step_up: None, by_token: false }
    }
}

impl From<Unavailable> for Denied {
    fn from(_: Unavailable) -> Self {
        Why::Unavailable.into()
    }
}

impl Denied {
    /// Whether the request is one that starts a sign-in.
    pub(super) fn is_sent_to_sign_in(&self, going: &Going<'_>, reader: Reader) -> bool {
        let sends = match going.app.route(going.uri.path()).common.unauthenticated {
            Unauthenticated::Auto => reader == Reader::Person,
            Unauthenticated::SignIn => matches!(*going.method, Method::GET | Method::HEAD),
            Unauthenticated::Refuse => false,
        };
        sends
            && !self.by_token
            && (self.step_up.is_some() || matches!(self.why, Why::Refused(Refusal::SignIn)))
    }

    /// The page that it is sent to.
    pub(super) fn to_sign_in(&self, headers: &HeaderMap, uri: &Uri) -> Request<RouterBody> {
        to_sign_in(headers, uri, self.step_up.as_ref())
    }

    pub(super) fn answer(&self, asking: &Asking, plan: &Plan, app: &App, uri: &Uri) -> Response<ToClient> {
        let session = self.session.as_deref();
        let page = match &self.why {
            Why::Refused(Refusal::SignIn) if self.by_token => bearer::over(),
            Why::Refused(why) => {
                let from = answer::From { url: plan.routes.url(), target: uri, client: asking.client };
                answer::refused(why, app, session, &from)
            }
            Why::Token(why) => bearer::refused(why, app),
            Why::Unavailable => Page::store_unavailable(),
            Why::Internal => answer::internal(),
        };
        let (page, challenge) = bearer::challenged(self, page, app);
        About { app: Some(app), session, challenge, ..asking.about(uri) }.answer(page)
    }
}
