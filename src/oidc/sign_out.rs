//! The way out: here, and at the provider (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Here it is over before anybody is sent there: whatever becomes of them on the way, nothing of ours goes on. Whoever comes
//! back is known by a state that lies in a cookie meanwhile, so that nobody is told of a sign-out that is not theirs.

use super::{ATTEMPT, State, moving_on, own_host, redirect, say, with_cookie};
use crate::issuer::Leaving;
use crate::lifecycle;
use crate::page::{Action, Page};
use crate::seal::random_text;
use crate::session::cookie::Cookie;
use axum::extract::{self, Query};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use subtle::ConstantTimeEq;

/// Asks before it does it, for a link must not sign anybody out.
pub(super) async fn ask(extract::State(deps): State, headers: HeaderMap) -> Response {
    let session = match deps.own_session(&headers).await {
        Ok(Some(session)) => session,
        Ok(None) => return redirect(&deps.own("/signed-out")),
        Err(_) => return say(&Page::store_unavailable()),
    };
    let there = match deps.issuers.get(&session.person.provider) {
        Some(issuer) => issuer.ends_sessions().await,
        None => false,
    };
    let what = if there {
        "This ends your session in every app here, and at the sign-in service."
    } else {
        "This ends your session in every app here. The sign-in service may still know you."
    };
    let mut page = Page::new(StatusCode::OK, "sign_out", "Sign out?", what)
        .signed_in_as(format!("{} from {}", session.person.sub, session.person.provider));
    page.actions.push(Action { label: "Sign out".to_owned(), href: deps.own("/sign-out"), posts: true });
    say(&page.link("Stay signed in", deps.own("/")))
}

/// Ends the sign-in with all its sessions, then sends the person on to do the same at the provider.
pub(super) async fn sign_out(extract::State(deps): State, headers: HeaderMap) -> Response {
    let session = match deps.session(&headers, &own_host(&deps.url)).await {
        Ok(Some(session)) => session,
        Ok(None) => return redirect(&deps.own("/signed-out")),
        Err(_) => return say(&Page::store_unavailable()),
    };
    let sign_in = session.sign_in;
    let hint = deps.store.id_token(sign_in).await.ok().flatten();
    match deps.lifecycle.logout(sign_in).await {
        // Two clicks: the first one did it.
        Ok(()) | Err(lifecycle::Error::NotFound(..)) => {}
        Err(error) => {
            tracing::error!(%error, "not signed out");
            return say(&Page::store_unavailable());
        }
    }
    let back = deps.url.join("/signed-out").unwrap_or_else(|_| deps.url.clone());
    let (state, sub) = (random_text(), &*session.person.sub);
    let leaving = Leaving { id_token: hint.as_ref(), sub, back: &back, state: &state };
    let there = match deps.issuers.get(&session.person.provider) {
        Some(issuer) => issuer.sign_out(&leaving).await,
        None => None,
    };
    let gone = Cookie::session(deps.is_secure()).clear();
    let Some(url) = there else { return with_cookie(redirect(&deps.own("/signed-out")), gone) };
    let page = Page::new(
        StatusCode::OK,
        "signed_out",
        "You are signed out here.",
        "The sign-in service is next; the page moves on by itself.",
    );
    let onward = with_cookie(moving_on(page, "Sign out there", url.as_str()), gone);
    with_cookie(onward, Cookie::leaving(deps.is_secure()).set(&state, ATTEMPT))
}

#[derive(Deserialize)]
pub(super) struct Done {
    state: Option<String>,
}

/// Where the provider sends people back to.
pub(super) async fn done(
    extract::State(deps): State,
    Query(Done { state }): Query<Done>,
    headers: HeaderMap,
) -> Response {
    let cookie = Cookie::leaving(deps.is_secure());
    let response = match (cookie.find(&headers), state) {
        // Nobody comes back, or somebody who was known already.
        (None, None) => {
            let page =
                Page::new(StatusCode::OK, "signed_out", "You are signed out.", "You can close this page.");
            return say(&page.link("Sign in again", deps.own("/")));
        }
        // To the address that says so however often it is asked for.
        (Some(expected), Some(state)) if expected.as_bytes().ct_eq(state.as_bytes()).into() => {
            redirect(&deps.own("/signed-out"))
        }
        _ => {
            let page = Page::new(
                StatusCode::BAD_REQUEST,
                "sign_out_unconfirmed",
                "The sign-in service may still know you.",
                "You came back without what we gave you on the way. What you signed out of here is over; to be sure of \
                 the sign-in service, close the browser.",
            );
            say(&page.link("Your access", deps.own("/")))
        }
    };
    with_cookie(response, cookie.clear())
}
