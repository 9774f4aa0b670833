//! What the gate itself answers: pages, each with a reference and one line in the log.

use super::access_log::Outcome;
use super::app::App;
use super::authorize::Refusal;
use super::body::ToClient;
use super::listen::Peer;
use super::route::{BadRequest, origin_form};
use super::upstream::Failure;
use crate::account::Limit;
use crate::page::{self, Page, Reader, moment};
use crate::session::Session;
use http::{HeaderValue, Response, StatusCode, Uri, header};
use std::net::IpAddr;
use url::form_urlencoded::byte_serialize;

/// What a request was about, for its line in the log.
pub(super) struct About<'a> {
    pub(super) reader: Reader,
    /// The id of the request.
    pub(super) request: &'a HeaderValue,
    pub(super) app: Option<&'a App>,
    /// Without its query, which may hold secrets.
    pub(super) path: &'a str,
    pub(super) session: Option<&'a Session>,
    /// What an app that takes access tokens says of them.
    pub(super) challenge: Option<HeaderValue>,
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
            request_id = self.request.to_str().unwrap_or("-"),
            "request refused: {reason}"
        );
        let page = page.reference(&reference);
        let mut response = page.respond(self.reader).map(|body| ToClient::Page(body.into()));
        let app = self.app.map(|app| app.name.clone());
        response.extensions_mut().insert(Outcome::Refused { reason, reference, app, person });
        if let Some(challenge) = &self.challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge.clone());
        } else if response.status() == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 15.5.2: a 401 says how to authenticate. Our way is a person with a browser.
            let challenge = HeaderValue::from_static("Guestpass realm=\"apps\"");
            response.headers_mut().entry(header::WWW_AUTHENTICATE).or_insert(challenge);
        }
        response
    }
}

/// Where somebody was who is refused.
pub(super) struct From<'a> {
    /// Our own address.
    pub(super) url: &'a str,
    /// What they asked for.
    pub(super) target: &'a Uri,
    /// Their address.
    pub(super) client: IpAddr,
}

/// Why `refusal` keeps somebody out of `app`, and what they can do.
pub(super) fn refused(refusal: &Refusal, app: &App, session: Option<&Session>, from: &From<'_>) -> Page {
    let (title, url) = (&app.title, from.url);
    let page = match refusal {
        Refusal::SignIn => return Page::sign_in_needed(),
        Refusal::Preparing => Page::preparing(title),
        Refusal::NoRole => {
            Page::no_role(title).link("Sign in with another account", format!("{url}/sign-out"))
        }
        Refusal::Ended { at, because } => {
            Page::ended(title, *at, &because.sentence()).link("Your access", url)
        }
        Refusal::Limited(limit) => limited(*limit, title, from),
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

/// What a role asks for does not hold.
fn limited(limit: Limit, app: &str, from: &From<'_>) -> Page {
    let page =
        |reason, title: String, detail: String| Page::new(StatusCode::FORBIDDEN, reason, title, detail);
    let again = |page: Page| {
        let to = origin_form(from.target.clone()).to_string();
        let to = byte_serialize(to.as_bytes()).collect::<String>();
        page.link("Sign in again", format!("/.guestpass/start?again=true&to={to}"))
    };
    match limit {
        Limit::OutsideHours { next } => {
            let opens = next.map(|next| format!(" It opens again on {}.", moment(next))).unwrap_or_default();
            let detail = format!("Your role opens it at certain hours.{opens}");
            page("outside_hours", format!("{app} is closed to you at this hour."), detail)
        }
        Limit::Network => {
            let address = from.client.to_canonical();
            let detail =
                format!("Your role opens it from certain networks, and {address} is in none of them.");
            page("wrong_network", format!("{app} is not open to you from here."), detail)
        }
        Limit::Acr | Limit::Amr => {
            let detail = "Your role opens it after a sign-in that proves more than yours did, such as a second factor.";
            again(page("stronger_sign_in", format!("{app} asks for a stronger sign-in."), detail.to_owned()))
        }
        Limit::TooLongAgo => {
            let detail =
                "Your role opens it for a while after you have proved who you are, and that is over.";
            again(page("sign_in_again", format!("{app} asks you to sign in again."), detail.to_owned()))
        }
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

/// On the listener for other proxies: whoever may not ask, or asks something else.
pub(super) fn not_asked() -> Page {
    let detail = "Only trusted proxies are answered here, below /.guestpass/auth.";
    Page::new(StatusCode::FORBIDDEN, "not_asked", "This is not a question.", detail)
}

/// Whether a client has shown a certificate in a handshake for `host`.
pub(super) fn shows_certificate(peer: &Peer, host: &str) -> bool {
    peer.tls.as_ref().is_some_and(|tls| {
        tls.client_certificate && tls.server_name.as_deref().is_some_and(|name| name == without_port(host))
    })
}

/// Why `app` stays shut to a client by what its TLS handshake told; `host` is the one that it now speaks to.
pub(super) fn client_certificate(peer: &Peer, app: &App, host: &str) -> Option<Page> {
    if !app.client_certificate || shows_certificate(peer, host) {
        return None;
    }
    let name = peer.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    if name.is_some_and(|name| name != without_port(host)) {
        let detail = "This connection was made to another host; it can't be used for this one.";
        return Some(Page::new(StatusCode::MISDIRECTED_REQUEST, "other_host", "Connect again.", detail));
    }
    let title = format!("{} asks for a client certificate.", app.title);
    let detail = "Your browser or program has shown none. Ask whoever gave you access how to get one.";
    Some(Page::new(StatusCode::FORBIDDEN, "client_certificate_needed", title, detail))
}

fn without_port(host: &str) -> &str {
    host.split_once(':').map_or(host, |(host, _)| host)
}

/// The app is for another proxy to carry requests to, and this one came to us.
pub(super) fn elsewhere(app: &App) -> Page {
    let title = format!("{} is ready for you.", app.title);
    let detail = "You may use it. The page moves on by itself.";
    Page::new(StatusCode::SERVICE_UNAVAILABLE, "ready", title, detail).retry_after(1)
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
        Failure::TooLarge => return too_large(app),
        Failure::ClientGone => return incomplete(app),
        Failure::AccessEnded => return ended_meanwhile(app),
        Failure::NoConnection(_) | Failure::NoAnswer(_) => StatusCode::GATEWAY_TIMEOUT,
        Failure::Connect(_) | Failure::Broken(_) | Failure::Switched | Failure::NotSwitched => {
            StatusCode::BAD_GATEWAY
        }
    };
    let title = format!("{} does not answer.", app.title);
    let detail = "You are signed in and may use it, but it can't be reached right now.";
    Page::new(status, "upstream_unavailable", title, detail).retry_after(5)
}

/// The request is longer than may be sent to `app`.
fn too_large(app: &App) -> Page {
    let title = format!("That is too much for {}.", app.title);
    let detail = "What you sent is longer than what may be sent there.";
    Page::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title, detail)
}

/// The client did not send all of its request, or was silent for too long.
fn incomplete(app: &App) -> Page {
    let title = format!("{} has not got all of your request.", app.title);
    let detail = "It broke off, or nothing more of it came. It is not known what was made of the beginning.";
    Page::new(StatusCode::REQUEST_TIMEOUT, "request_incomplete", title, detail)
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
    use crate::gateway::testing::{app, at, held, session};
    use crate::session::Account;
    use serde_json::json;

    fn shown(refusal: &Refusal, guest: &Session) -> Page {
        let target = Uri::from_static("/a?b=1&c");
        let client = "::ffff:192.0.2.7".parse().unwrap();
        let from = From { url: "https://access.example.com", target: &target, client };
        refused(refusal, &app(json!({})), Some(guest), &from)
    }

    #[test]
    fn a_limit_says_what_would_help() {
        let guest = session(vec![], Account::NotNeeded);
        let shown = |limit| {
            let page = self::shown(&Refusal::Limited(limit), &guest);
            assert_eq!(page.status, StatusCode::FORBIDDEN);
            (page.reason, page.detail, page.actions.first().map(|action| action.href.clone()))
        };
        let (reason, detail, action) = shown(Limit::OutsideHours { next: Some(at(3600)) });
        assert_eq!((reason, action), ("outside_hours", None));
        assert_eq!(detail, "Your role opens it at certain hours. It opens again on 15 January, 09:00 UTC.");
        let (reason, detail, action) = shown(Limit::Network);
        assert_eq!((reason, action), ("wrong_network", None));
        assert!(detail.contains("192.0.2.7 is in none"), "{detail}");
        let again = Some("/.guestpass/start?again=true&to=%2Fa%3Fb%3D1%26c".to_owned());
        for (limit, expected) in [
            (Limit::Acr, "stronger_sign_in"),
            (Limit::Amr, "stronger_sign_in"),
            (Limit::TooLongAgo, "sign_in_again"),
        ] {
            let (reason, _, action) = shown(limit);
            assert_eq!((reason, &action), (expected, &again));
        }
    }

    #[test]
    fn an_ended_grant_says_when_and_why() {
        let at = "2026-03-10T00:00:00Z".parse().unwrap();
        let guest = session(vec![held("reader", 0)], Account::NotNeeded);
        let refusal = Refusal::Ended { at, because: Because::Claim("contract_end".to_owned()) };
        let page = shown(&refusal, &guest);
        assert_eq!(page.title, "Your access to Wiki ended on 10 March, 00:00 UTC.");
        assert_eq!(page.detail, "It was given until the date that your organisation set (contract_end).");
        assert_eq!(page.signed_in_as.as_deref(), Some("carla@partner.example from partners"));
        assert_eq!((page.status.as_u16(), page.reason), (403, "ended"));
        assert_eq!(page.actions[0].href, "https://access.example.com");
    }
}
