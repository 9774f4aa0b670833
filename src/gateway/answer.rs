//! What the gate itself answers: pages, each with a reference and one line in the log.

use super::authorize::Refusal;
use super::body::ToClient;
use super::route::BadRequest;
use super::settings::App;
use super::upstream::Failure;
use crate::page::{self, Page, Reader};
use crate::session::Session;
use http::{HeaderValue, Response, StatusCode, header};

/// What a request was about, for its line in the log.
pub(super) struct About<'a> {
    pub(super) reader: Reader,
    pub(super) app: Option<&'a App>,
    /// Without its query, which may hold secrets.
    pub(super) path: &'a str,
    pub(super) session: Option<&'a Session>,
}

impl About<'_> {
    /// Answers with `page`, which gets a reference, and logs it.
    pub(super) fn answer(&self, page: Page) -> Response<ToClient> {
        let app = self.app.map_or("-", |app| app.name.as_str());
        let person = self.session.map(|session| session.person.to_string());
        let (reference, reason) = (page::reference(), page.reason);
        tracing::info!(
            app,
            path = self.path,
            reason,
            person = person.as_deref().unwrap_or("-"),
            reference,
            "request refused: {reason}"
        );
        let mut response =
            page.reference(reference).respond(self.reader).map(|body| ToClient::Page(body.into()));
        if response.status() == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 15.5.2: a 401 says how to authenticate. Our way is a person with a browser.
            let challenge = HeaderValue::from_static("Guestpass realm=\"apps\"");
            response.headers_mut().entry(header::WWW_AUTHENTICATE).or_insert(challenge);
        }
        response
    }
}

/// Why `refusal` keeps somebody out of `app`, and what they can do; `url` is our own address.
pub(super) fn refused(refusal: &Refusal, app: &App, session: Option<&Session>, url: &str) -> Page {
    let title = &app.title;
    let page = match refusal {
        Refusal::SignIn => return Page::sign_in_needed(),
        Refusal::Preparing => Page::preparing(title),
        Refusal::NoRole => {
            Page::no_role(title).link("Sign in with another account", format!("{url}/sign-out"))
        }
        Refusal::Ended { at, because } => {
            Page::ended(title, *at, &because.sentence()).link("Your access", url)
        }
        Refusal::Stuck => Page::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stuck",
            format!("Your account in {title} can't be prepared."),
            "It is refused there, or nobody answers. We keep trying, and an operator can see why.",
        )
        .retry_after(60),
    };
    match session {
        Some(Session { person, .. }) => {
            let shown = person.email.as_ref().unwrap_or(&person.sub);
            page.signed_in_as(format!("{shown} from {}", person.provider))
        }
        None => page,
    }
}

/// A request that cannot be judged.
pub(super) fn bad_request(error: BadRequest) -> Page {
    let detail = format!("The request was not sent on: {error}.");
    Page::new(StatusCode::BAD_REQUEST, "bad_request", "This address can't be used.", detail)
}

/// A request for a host that nobody told us of.
pub(super) fn unknown_host() -> Page {
    let detail = "The address leads here, but no app of this name is set up.";
    Page::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", "Nothing is here.", detail)
}

/// Access ended while the app had yet to answer.
pub(super) fn ended_meanwhile(app: &App) -> Page {
    let title = format!("Your access to {} has just ended.", app.title);
    let detail = "It ended before there was an answer. What you sent may have arrived, or a part of it.";
    Page::new(StatusCode::FORBIDDEN, "ended", title, detail)
}

/// The app gave no answer.
pub(super) fn upstream_unavailable(app: &App, failure: &Failure) -> Page {
    let status = match failure {
        Failure::TooSlow => StatusCode::GATEWAY_TIMEOUT,
        Failure::Connect(_) | Failure::Broken(_) | Failure::Switched | Failure::AccessEnded => {
            StatusCode::BAD_GATEWAY
        }
    };
    let title = format!("{} does not answer.", app.title);
    let detail = "You are signed in and may use it, but it can't be reached right now.";
    Page::new(status, "upstream_unavailable", title, detail).retry_after(5)
}

/// Something of ours broke.
pub(super) fn internal() -> Page {
    let detail = "Something here broke. It was logged under the reference below.";
    Page::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "That did not work.", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Because;
    use crate::gateway::testing::{app, held, session};
    use crate::session::Account;
    use serde_json::json;

    #[test]
    fn an_ended_grant_says_when_and_why() {
        let at = "2026-03-10T00:00:00Z".parse().unwrap();
        let guest = session(vec![held("reader", 0)], Account::NotNeeded);
        let refusal = Refusal::Ended { at, because: Because::Claim("contract_end".to_owned()) };
        let page = refused(&refusal, &app(json!({})), Some(&guest), "https://access.example.com");
        assert_eq!(page.title, "Your access to Wiki ended on 10 March, 00:00 UTC.");
        assert_eq!(page.detail, "It was given until the date that your organisation set (contract_end).");
        assert_eq!(page.signed_in_as.as_deref(), Some("carla@partner.example from partners"));
        assert_eq!((page.status.as_u16(), page.reason), (403, "ended"));
        assert_eq!(page.actions[0].href, "https://access.example.com");
    }
}
