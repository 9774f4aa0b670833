//! The way to the provider.

use super::attempt::{Attempt, Way};
use super::enter::hand_over;
use super::{ATTEMPT, Deps, State, local_path, nonce_hash, redirect, say, with_cookie};
use crate::issuer::Issuer;
use crate::names::{AppName, ProviderName};
use crate::page::Page;
use crate::seal::random_text;
use crate::session::Visit;
use crate::session::cookie::Cookie;
use axum::extract::Query;
use axum::response::Response;
use axum::{Extension, extract};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

#[derive(Deserialize)]
pub(super) struct Start {
    #[serde(default)]
    to: String,
    /// Whether the provider is to ask who it is, even if it or we know.
    #[serde(default)]
    again: bool,
}

/// On an app's host: binds what follows to this browser, and sends it to our own host.
pub(super) async fn start(
    extract::State(deps): State,
    Extension(visit): Extension<Visit>,
    Query(Start { to, again }): Query<Start>,
    headers: HeaderMap,
) -> Response {
    let Some(app) = visit.app else { return redirect(&deps.own("/sign-in")) };
    let cookie = Cookie::nonce(deps.is_secure());
    // Tabs that start at the same time share the nonce, so that each can come back.
    let nonce = cookie.find(&headers).map_or_else(random_text, str::to_owned);
    let mut query = Serializer::new(String::new());
    query
        .append_pair("app", app.as_str())
        .append_pair("host", &visit.host)
        .append_pair("to", &local_path(&to))
        .append_pair("browser", &nonce_hash(&nonce));
    if again {
        query.append_pair("again", "true");
    }
    let sign_in = deps.own(&format!("/sign-in?{}", query.finish()));
    with_cookie(redirect(&sign_in), cookie.set(&nonce, ATTEMPT))
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    app: Option<AppName>,
    host: Option<String>,
    #[serde(default)]
    to: String,
    #[serde(default)]
    browser: String,
    provider: Option<ProviderName>,
    /// Whether to ask the provider to ask who it is, even if it knows.
    #[serde(default)]
    again: bool,
}

/// On our own host: straight on for whoever is signed in here, to the provider for everybody else.
pub(super) async fn sign_in(
    extract::State(deps): State,
    query: Result<Query<SignIn>, extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(wish)) = query else { return say(&not_understood(&deps)) };
    if wish.app.as_ref().is_some_and(|app| !deps.leads_to(app, wish.host.as_deref())) {
        return say(&not_understood(&deps));
    }
    let way = Way {
        app: wish.app.clone(),
        host: wish.host.clone(),
        path: local_path(&wish.to),
        browser: wish.browser.clone(),
    };
    if !wish.again {
        match deps.own_session(&headers).await {
            Ok(Some(session)) => return hand_over(&deps, session.sign_in, &way).await,
            Ok(None) => {}
            Err(_) => return say(&Page::store_unavailable()),
        }
    }
    let issuer = match &wish.provider {
        Some(name) => deps.issuers.get(name),
        None if deps.issuers.len() == 1 => deps.issuers.values().next(),
        None => return say(&which_provider(&deps, &way)),
    };
    match issuer {
        Some(issuer) => to_provider(&deps, issuer, way, wish.again, &headers).await,
        None => say(&not_understood(&deps)),
    }
}

async fn to_provider(deps: &Deps, issuer: &Issuer, way: Way, again: bool, headers: &HeaderMap) -> Response {
    match issuer.authorize(again).await {
        Ok((url, secrets)) => {
            let attempt = Attempt::new(issuer.name().clone(), secrets, way, deps.clock.now());
            let mut response = redirect(url.as_str());
            for cookie in attempt.remember(deps, headers) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => {
            tracing::warn!(%error, "sign-in not started");
            say(&Page::provider_unavailable())
        }
    }
}

/// The address of [`sign_in`] for going that `way`.
pub(super) fn address(deps: &Deps, way: &Way, more: &[(&str, &str)]) -> String {
    let mut query = Serializer::new(String::new());
    if let Some(app) = &way.app {
        query.append_pair("app", app.as_str());
    }
    if let Some(host) = &way.host {
        query.append_pair("host", host);
    }
    query.append_pair("to", &way.path).append_pair("browser", &way.browser);
    for (name, value) in more {
        query.append_pair(name, value);
    }
    deps.own(&format!("/sign-in?{}", query.finish()))
}

fn which_provider(deps: &Deps, way: &Way) -> Page {
    let page = Page::new(
        StatusCode::OK,
        "choose_provider",
        "Where do you sign in?",
        "Choose the organisation that knows you.",
    );
    deps.issuers.keys().fold(page, |page, name| {
        page.link(name.to_string(), address(deps, way, &[("provider", name.as_str())]))
    })
}

fn not_understood(deps: &Deps) -> Page {
    Page::new(
        StatusCode::BAD_REQUEST,
        "bad_request",
        "This address is not complete.",
        "It may have been cut off when it was copied. Start again from the app.",
    )
    .link("Your access", deps.own("/"))
}
