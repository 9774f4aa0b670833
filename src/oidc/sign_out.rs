//! The way out: here, and at the provider.

use super::{State, moving_on, own_host, redirect, say, with_cookie};
use crate::lifecycle;
use crate::page::{Action, Page};
use crate::session::cookie::Cookie;
use axum::extract;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

/// Asks before it does it, for a link must not sign anybody out.
pub(super) async fn ask(extract::State(deps): State, headers: HeaderMap) -> Response {
    let session = match deps.own_session(&headers).await {
        Ok(Some(session)) => session,
        Ok(None) => return redirect(&deps.own("/signed-out")),
        Err(_) => return say(&Page::store_unavailable()),
    };
    let mut page = Page::new(
        StatusCode::OK,
        "sign_out",
        "Sign out?",
        "This ends your session in every app here, and at the sign-in service.",
    )
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
    let there = match deps.issuers.get(&session.person.provider) {
        Some(issuer) => issuer.sign_out(hint.as_ref(), &back).await,
        None => None,
    };
    let response = match there {
        Some(url) => {
            let page = Page::new(
                StatusCode::OK,
                "signed_out",
                "You are signed out here.",
                "The sign-in service is next; the page moves on by itself.",
            );
            moving_on(page, "Sign out there", url.as_str())
        }
        None => redirect(&deps.own("/signed-out")),
    };
    with_cookie(response, Cookie::session(deps.is_secure()).clear())
}

/// Where the provider sends people back to.
pub(super) async fn done(extract::State(deps): State) -> Response {
    say(&Page::new(StatusCode::OK, "signed_out", "You are signed out.", "You can close this page.")
        .link("Sign in again", deps.own("/")))
}
