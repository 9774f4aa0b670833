//! Circles. Somebody who comes in and is sent to sign in again at once, twice, would go round for ever: the third time we
//! stop, and say what is wrong.
//!
//! Each host counts in a cookie how often it let this browser in within the last seconds. A browser that brings back no
//! cookie at all does not get that far: the way in stops where its nonce is missing.

use super::Deps;
use super::wish::Wish;
use crate::page::Page;
use crate::session::cookie::Cookie;
use crate::session::{Visit, token_hash};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::SignedDuration;

/// Whoever is sent to sign in so soon after coming in goes round.
const SOON: SignedDuration = SignedDuration::from_secs(15);

/// How often that may be.
const ROUNDS: u32 = 2;

/// How often this browser came in here lately.
fn rounds(deps: &Deps, headers: &HeaderMap) -> u32 {
    let cookie = Cookie::round(deps.is_secure()).find(headers);
    cookie.and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The cookie that counts one more.
pub(super) fn count(deps: &Deps, headers: &HeaderMap) -> Option<HeaderValue> {
    let count = rounds(deps, headers).saturating_add(1).min(ROUNDS);
    Cookie::round(deps.is_secure()).set(&count.to_string(), SOON)
}

/// The cookie that forgets it: whoever has read what is wrong may try again.
pub(super) fn forget(deps: &Deps) -> Option<HeaderValue> {
    Cookie::round(deps.is_secure()).clear()
}

/// What is wrong, if a browser goes round on this host; `again` is where it starts anew. Whoever has a session there and
/// starts all the same does so by hand, unless more is asked than the last sign-in proved.
pub(super) async fn circle(
    deps: &Deps,
    headers: &HeaderMap,
    visit: &Visit,
    wish: &Wish,
    again: &str,
) -> Option<Page> {
    if rounds(deps, headers) < ROUNDS {
        return None;
    }
    let host = &visit.host;
    let (reason, detail) = match Cookie::session(deps.is_secure()).find(headers) {
        None => (
            "circle_cookie",
            format!(
                "Your browser does not bring back the cookie that {host} gives it. It may be set to refuse it, or \
                 something between you and us takes it away{}.",
                if deps.is_secure() { ", or a part of the way is not https" } else { "" }
            ),
        ),
        Some(token) => match deps.sessions.find(&token_hash(token)).await {
            Err(_) => return Some(Page::store_unavailable()),
            Ok(None) => (
                "circle_store",
                "We opened a session for you, and do not know it any more. Our parts may not share a store."
                    .to_owned(),
            ),
            Ok(Some(session)) if *session.host != **host => (
                "circle_host",
                format!(
                    "Your session was opened for {}, and you are at {host}. Something in front of us changes \
                     the host.",
                    session.host
                ),
            ),
            Ok(Some(session)) if session.until <= deps.clock.now() => (
                "circle_clock",
                "Your session is over as soon as it begins. A clock of ours may be wrong, or your role allows \
                 no longer sign-in."
                    .to_owned(),
            ),
            Ok(Some(_)) if !wish.steps_up() => return None,
            Ok(Some(_)) => (
                "circle_provider",
                "The sign-in service was asked to check more of who you are, and did not say that it has."
                    .to_owned(),
            ),
        },
    };
    tracing::warn!(%host, reason, "sign-in goes round");
    let page = Page::new(StatusCode::BAD_REQUEST, reason, "Signing in goes round in circles.", detail);
    Some(page.link("Try again", again).link("Your access", deps.own("/")))
}
