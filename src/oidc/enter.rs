//! From our own host to the host of an app.

use super::attempt::Way;
use super::{Deps, HANDOVER, State, nonce_hash, redirect, round, say, with_cookie};
use crate::names::SignInId;
use crate::page::Page;
use crate::seal::random_text;
use crate::session::Visit;
use crate::session::cookie::Cookie;
use crate::store::Handover;
use axum::extract::Query;
use axum::response::Response;
use axum::{Extension, extract};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

/// Sends a browser on its `way` with what opens a session there.
pub(super) async fn hand_over(deps: &Deps, sign_in: SignInId, way: &Way) -> Response {
    let wanted = way.app.as_ref().filter(|app| deps.leads_to(app, way.host.as_deref()));
    let first = || wanted.and_then(|app| deps.apps.get(app)?.first_host());
    let Some(host) = way.host.as_deref().filter(|_| wanted.is_some()).or_else(first) else {
        return redirect(&deps.own("/"));
    };
    let now = deps.clock.now();
    let code = random_text();
    let handover = Handover {
        sign_in,
        host: host.to_owned(),
        browser: browser_bytes(&way.browser),
        path: way.path.clone(),
        until: now + HANDOVER,
    };
    match deps.store.bookkeep().give(&code, &handover, now).await {
        Ok(()) => redirect(&format!("{}/.guestpass/enter?code={code}", deps.origin(host))),
        Err(error) => {
            tracing::error!(%error, "hand-over not written");
            say(&Page::store_unavailable())
        }
    }
}

/// The hash of a browser's nonce as bytes; whatever is not one fits no browser.
fn browser_bytes(text: &str) -> [u8; 32] {
    URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).unwrap_or_default()
}

#[derive(Deserialize)]
pub(super) struct Enter {
    #[serde(default)]
    code: String,
}

/// On the app's host: takes the hand-over and opens a session here.
pub(super) async fn enter(
    extract::State(deps): State,
    Extension(visit): Extension<Visit>,
    Query(Enter { code }): Query<Enter>,
    headers: HeaderMap,
) -> Response {
    let Some((name, app)) = visit.app.as_ref().and_then(|name| deps.apps.get_key_value(name)) else {
        return redirect(&deps.own("/"));
    };
    let taken = match Cookie::nonce(deps.is_secure()).find(&headers) {
        Some(nonce) => {
            let browser = browser_bytes(&nonce_hash(nonce));
            deps.store.bookkeep().take(&code, &visit.host, browser, deps.clock.now()).await
        }
        None => Ok(None),
    };
    let opened = match taken {
        Ok(Some(handover)) => deps
            .lifecycle
            .open(handover.sign_in, name, &visit.host)
            .await
            .map(|token| token.map(|token| (token, handover.path))),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    match opened {
        Ok(Some((token, path))) => {
            let cookie = Cookie::session(deps.is_secure()).set(&token, deps.session);
            with_cookie(with_cookie(redirect(&path), cookie), round::count(&deps, &headers))
        }
        // A tab that comes late, or twice: whoever is in goes on.
        Ok(None) => match deps.session(&headers, &visit.host).await {
            Ok(Some(_)) => redirect("/"),
            Ok(None) if Cookie::nonce(deps.is_secure()).find(&headers).is_none() => {
                say(&no_cookie(&deps, &visit.host))
            }
            Ok(None) => say(&too_late(&app.title)),
            Err(_) => say(&Page::store_unavailable()),
        },
        Err(error) => {
            tracing::error!(%error, "session not opened");
            say(&Page::store_unavailable())
        }
    }
}

/// The browser has none of the cookies that it was given a moment ago.
fn no_cookie(deps: &Deps, host: &str) -> Page {
    let https = if deps.is_secure() { ", or a part of the way is not https" } else { "" };
    Page::new(
        StatusCode::BAD_REQUEST,
        "cookie_missing",
        "Your browser did not bring back our cookie.",
        format!("It may refuse the cookies of {host}, or this link was opened in another browser{https}."),
    )
    .link("Try again", "/")
}

fn too_late(app: &str) -> Page {
    Page::new(
        StatusCode::BAD_REQUEST,
        "hand_over_expired",
        "This link works once, for a minute, in one browser.",
        format!(
            "Open {app} again to get a new one. If this comes back, your browser may be refusing our cookies."
        ),
    )
    .link(format!("Open {app}"), "/")
}
