//! Why a request is kept out, and the answer to it: a page, a challenge, or the way to sign in.

use super::answer::{self, About};
use super::authorize::Refusal;
use super::bearer;
use super::body::ToClient;
use super::gate::Asking;
use super::grant::Going;
use super::route::{BadRequest, origin_form};
use super::settings::Unauthenticated;
use super::step_up::StepUp;
use crate::bearer::Refusal as TokenRefusal;
use crate::page::{Page, Reader};
use crate::session::{Session, Unavailable};
use axum::body::Body as RouterBody;
use http::{HeaderMap, Method, Request, Response, Uri, header};
use std::sync::Arc;
use url::form_urlencoded::Serializer;

/// The reason of whoever would be sent to sign in: a page of ours says another, since it is for those who cannot be.
const SENT_TO_SIGN_IN: &str = "sent_to_sign_in";

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
    /// By a rule.
    Refused(Refusal),
    /// By what its access token is worth.
    Token(TokenRefusal),
    /// It could be read in two ways.
    Unclear(BadRequest),
    /// By what its TLS handshake told.
    Certificate(Box<Page>),
    /// The store cannot be asked.
    Unavailable,
    /// Something of ours broke.
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

    /// Why, in a word: that of the page.
    pub(super) fn reason(&self, going: &Going<'_>) -> &'static str {
        self.page(going).reason
    }

    /// The same for those who go on all the same: also whether they would have been sent to sign in.
    pub(super) fn told(&self, going: &Going<'_>, reader: Reader) -> &'static str {
        match self.why {
            Why::Refused(Refusal::SignIn) if self.is_sent_to_sign_in(going, reader) => SENT_TO_SIGN_IN,
            _ => self.reason(going),
        }
    }

    /// The answer that `page` is, which says why.
    pub(super) fn answer(&self, asking: &Asking, going: &Going<'_>, page: Page) -> Response<ToClient> {
        let (page, challenge) = bearer::challenged(self, page, going.app);
        let (app, session) = (Some(&**going.app), self.session.as_deref());
        About { app, session, challenge, ..asking.about(going.uri) }.answer(page)
    }

    /// The page that says why.
    pub(super) fn page(&self, going: &Going<'_>) -> Page {
        match &self.why {
            Why::Refused(Refusal::SignIn) if self.by_token => bearer::over(),
            Why::Token(why) => bearer::refused(why, going.app),
            Why::Refused(why) => {
                let from =
                    answer::From { url: going.plan.routes.url(), target: going.uri, client: going.client };
                answer::refused(why, going.app, self.session.as_deref(), &from)
            }
            Why::Unclear(error) => answer::bad_request(*error),
            Why::Certificate(page) => (**page).clone(),
            Why::Unavailable => Page::store_unavailable(),
            Why::Internal => answer::internal(),
        }
    }
}

/// The page that sends a person to sign in, and knows where they wanted to go.
pub(super) fn to_sign_in(headers: &HeaderMap, uri: &Uri, step_up: Option<&StepUp>) -> Request<RouterBody> {
    let mut query = Serializer::new(String::new());
    query.append_pair("to", &origin_form(uri.clone()).to_string());
    if let Some(step_up) = step_up {
        step_up.write(&mut query);
    }
    let mut request = Request::new(RouterBody::empty());
    // What is URL-encoded makes a URI; were it too long, the person starts at the app's front door.
    *request.uri_mut() = Uri::try_from(format!("/.guestpass/start?{}", query.finish()))
        .unwrap_or_else(|_| Uri::from_static("/.guestpass/start?to=%2F"));
    // Browsers whose tabs start at the same time share what the first was given.
    for cookie in headers.get_all(header::COOKIE) {
        request.headers_mut().append(header::COOKIE, cookie.clone());
    }
    request
}
