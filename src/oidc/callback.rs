//! The way back from the provider.
//!
//! An answer that comes as a form comes from another site, and the cookie of the attempt is not sent with that. So the
//! answer goes on in an address of ours, sealed: the browser asks for that by itself, brings its cookie, and the code
//! stands in no address that anybody could read.

use super::attempt::{Attempt, Way};
use super::enter::hand_over;
use super::sign_in::address;
use super::wish::Wish;
use super::{Deps, State, redirect, say, with_cookie};
use crate::account::End;
use crate::issuer::{self, Error, Vouched};
use crate::lifecycle::{Admission, Refused};
use crate::page::Page;
use crate::session::cookie::Cookie;
use axum::extract::{self, Form, Query};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

/// What an answer that was posted is sealed for.
const POSTED: &str = "posted answer";

/// The longest answer that is taken as a form, in bytes: sealed, it has to fit into an address.
pub(super) const LONGEST_FORM: usize = 8 * 1024;

#[derive(Deserialize, Serialize)]
pub(super) struct Answer {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
    error: Option<String>,
    iss: Option<String>,
    /// All of it, sealed.
    #[serde(skip_serializing)]
    posted: Option<String>,
}

/// On our own host: the provider's answer as a form (OAuth 2.0 Form Post Response Mode).
pub(super) async fn posted(extract::State(deps): State, Form(answer): Form<Answer>) -> Response {
    let plain = serde_json::to_vec(&answer).unwrap_or_default();
    match deps.store.sealer().seal_text(POSTED, &plain) {
        Ok(sealed) => redirect(&deps.own(&format!("/callback?posted={sealed}"))),
        Err(_) => say(&too_late(&deps)),
    }
}

/// On our own host: the provider's answer.
pub(super) async fn callback(
    extract::State(deps): State,
    Query(answer): Query<Answer>,
    headers: HeaderMap,
) -> Response {
    let opened = answer.posted.as_ref().map(|sealed| deps.store.sealer().open_text(POSTED, sealed));
    let answer = match opened {
        Some(plain) => match plain.ok().and_then(|plain| serde_json::from_slice(&plain).ok()) {
            Some(answer) => answer,
            None => return say(&too_late(&deps)),
        },
        None => answer,
    };
    let Some(attempt) = Attempt::find(&deps, &headers, &answer.state, deps.clock.now()) else {
        // A tab from yesterday, or a second click. Whoever is signed in goes on; nobody sees an error for nothing.
        return match deps.own_session(&headers).await {
            Ok(Some(_)) => redirect(&deps.own("/")),
            Ok(None) => say(&too_late(&deps)),
            Err(_) => say(&Page::store_unavailable()),
        };
    };
    let response = answered(&deps, &attempt, answer).await;
    with_cookie(response, attempt.forget(&deps))
}

async fn answered(deps: &Deps, attempt: &Attempt, answer: Answer) -> Response {
    let way = &attempt.way;
    let Some(issuer) = deps.issuers.get(&attempt.provider) else { return say(&too_late(deps)) };
    let Answer { code, error, iss, .. } = answer;
    let vouched = match issuer.vouch(&issuer::Answer { code, error, iss }, &attempt.secrets()).await {
        Ok(vouched) => vouched,
        Err(error) => return not_vouched(deps, attempt, error).await,
    };
    let Vouched { claims, id_token, refresh } = vouched;
    let counted = |outcome| deps.outcomes.count(&attempt.provider, outcome);
    match deps.lifecycle.login(&claims, id_token.as_ref(), refresh.as_ref(), way.app.as_ref()).await {
        Ok(Admission::Admitted { sign_in, token }) => {
            counted("signed_in");
            let cookie = Cookie::session(deps.is_secure()).set(&token, deps.session);
            with_cookie(hand_over(deps, sign_in, way).await, cookie)
        }
        Ok(Admission::Refused(refused)) => {
            counted(refused.reason);
            let who = format!("{} from {}", claims.subject().sub, attempt.provider);
            say(&not_admitted(deps, way, refused).signed_in_as(who))
        }
        Err(error) => {
            tracing::error!(%error, "sign-in not recorded, so nobody was let in");
            let page = Page::store_unavailable();
            counted(page.reason);
            say(&page)
        }
    }
}

/// The provider did not vouch for anybody.
async fn not_vouched(deps: &Deps, attempt: &Attempt, error: Error) -> Response {
    let (reason, title, detail) = match &error {
        Error::Unavailable(..) => {
            tracing::warn!(%error, "sign-in not finished");
            let page = Page::provider_unavailable();
            deps.outcomes.count(&attempt.provider, page.reason);
            return say(&page);
        }
        Error::Refused(..) | Error::Grant(..) => (
            "provider_refused",
            "The sign-in service did not let you in.",
            "You may have cancelled, or it does not accept this address. You can try again.",
        ),
        Error::Unverified(..) => (
            "not_verified",
            "We can't believe what the sign-in service says.",
            "Its answer does not prove who you are. An operator can find out why by the reference.",
        ),
    };
    deps.outcomes.count(&attempt.provider, reason);
    let provider = attempt.provider.clone();
    match deps.lifecycle.refuse(provider, attempt.way.app.as_ref(), reason, &error.to_string()).await {
        Ok(reference) => say(&Page::new(StatusCode::FORBIDDEN, reason, title, detail)
            .reference(reference)
            .link("Try again", address(deps, &attempt.way, &Wish::asking_again()))),
        Err(error) => {
            tracing::error!(%error, "refused sign-in not recorded");
            say(&Page::store_unavailable())
        }
    }
}

/// The provider vouched for somebody whom policy gives nothing.
fn not_admitted(deps: &Deps, way: &Way, refused: Refused) -> Page {
    let app = way.app.as_ref().and_then(|app| deps.apps.get(app)).map_or("anything here", |app| &app.title);
    let page = match (refused.reason, refused.end) {
        (_, Some(End { at, because })) => Page::ended(app, at, &because.sentence()),
        ("revoked", _) => Page::new(
            StatusCode::FORBIDDEN,
            refused.reason,
            "Your access was withdrawn.",
            "An operator has ended it. Ask whoever invited you.",
        ),
        ("claims_unknown" | "policy_failed", _) => Page::new(
            StatusCode::FORBIDDEN,
            refused.reason,
            format!("We can't tell whether you have access to {app}."),
            "The sign-in service left out something that our rules need. An operator can find out what by the reference.",
        ),
        ("denied" | "separated", _) => Page::new(
            StatusCode::FORBIDDEN,
            refused.reason,
            format!("You don't have access to {app}."),
            "A rule of your organisation keeps you out. An operator can find out which by the reference.",
        ),
        ("needs_approval", _) => Page::new(
            StatusCode::FORBIDDEN,
            refused.reason,
            format!("Your access to {app} has to be approved."),
            "That cannot be done here yet. Ask whoever invited you.",
        ),
        ("not_yet", _) => Page::new(
            StatusCode::FORBIDDEN,
            refused.reason,
            format!("Your access to {app} has not begun."),
            "It was given from a later date. Sign in again then.",
        ),
        _ => Page { reason: refused.reason, ..Page::no_role(app) },
    };
    page.reference(refused.reference)
        .link("Sign in with another account", address(deps, way, &Wish::asking_again()))
}

fn too_late(deps: &Deps) -> Page {
    Page::new(
        StatusCode::BAD_REQUEST,
        "sign_in_expired",
        "This sign-in is over.",
        "It took too long, or began in another browser. Starting again takes a moment.",
    )
    .link("Sign in", deps.own("/"))
}
