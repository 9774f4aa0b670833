//! The way to the provider.

use super::attempt::{Attempt, Way};
use super::enter::hand_over;
use super::wish::{Wish, providers};
use super::{ATTEMPT, Deps, State, local_path, moving_on, nonce_hash, redirect, round, say, with_cookie};
use crate::issuer::Issuer;
use crate::names::AppName;
use crate::page::{Page, Question};
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
    #[serde(flatten)]
    wish: Wish,
}

/// On an app's host: binds what follows to this browser, and sends it to our own host.
pub(super) async fn start(
    extract::State(deps): State,
    Extension(visit): Extension<Visit>,
    Query(Start { to, wish }): Query<Start>,
    headers: HeaderMap,
) -> Response {
    let to = local_path(&to);
    let again = once_more(&to, &wish);
    if let Some(page) = round::circle(&deps, &headers, &visit, &wish, &again).await {
        return with_cookie(say(&page), round::forget(&deps));
    }
    let Some(app) = visit.app else { return redirect(&deps.own("/sign-in")) };
    let cookie = Cookie::nonce(deps.is_secure());
    // Tabs that start at the same time share the nonce, so that each can come back.
    let nonce = cookie.find(&headers).map_or_else(random_text, str::to_owned);
    let way =
        Way { app: Some(app), host: Some(visit.host.to_string()), path: to, browser: nonce_hash(&nonce) };
    with_cookie(redirect(&address(&deps, &way, &wish)), cookie.set(&nonce, ATTEMPT))
}

/// The address of [`start`] for going there again.
fn once_more(to: &str, wish: &Wish) -> String {
    let mut query = Serializer::new(String::new());
    query.append_pair("to", to);
    wish.write(&mut query);
    format!("/.guestpass/start?{}", query.finish())
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    app: Option<AppName>,
    host: Option<String>,
    #[serde(default)]
    to: String,
    #[serde(default)]
    browser: String,
    /// The address by which somebody asks who vouches for them.
    email: Option<String>,
    #[serde(flatten)]
    wish: Wish,
}

/// On our own host: straight on for whoever is signed in here, to the provider for everybody else.
pub(super) async fn sign_in(
    extract::State(deps): State,
    query: Result<Query<SignIn>, extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(SignIn { app, host, to, browser, email, mut wish })) = query else {
        return say(&not_understood(&deps));
    };
    if app.as_ref().is_some_and(|app| !deps.leads_to(app, host.as_deref())) {
        return say(&not_understood(&deps));
    }
    let way = Way { app, host, path: local_path(&to), browser };
    if wish.takes_any() || wish.steps_up() {
        match deps.own_session(&headers).await {
            Ok(Some(session)) if wish.takes_any() => return hand_over(&deps, session.sign_in, &way).await,
            // More is to be proved of who they are, which nobody else can.
            Ok(Some(session)) if wish.provider.is_empty() => {
                wish.provider = session.person.provider.to_string();
            }
            Ok(_) => {}
            Err(_) => return say(&Page::store_unavailable()),
        }
    }
    if let Some(email) = email {
        return by_address(&deps, &way, wish, &email);
    }
    let mut issuers = providers(&deps, way.app.as_ref());
    let issuer = match (&*wish.provider, issuers.next(), issuers.next()) {
        ("", Some(only), None) => Some(only),
        ("", ..) => return say(&which_provider(&deps, &way, &wish)),
        (name, ..) => providers(&deps, way.app.as_ref()).find(|issuer| issuer.name().as_str() == name),
    };
    match issuer {
        Some(issuer) => to_provider(&deps, issuer, way, &wish, &headers).await,
        None => say(&not_understood(&deps)),
    }
}

async fn to_provider(deps: &Deps, issuer: &Issuer, way: Way, wish: &Wish, headers: &HeaderMap) -> Response {
    match issuer.authorize(&wish.ask()).await {
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

/// Somebody has named their e-mail address: on to the provider that has people of its domain, if one has.
fn by_address(deps: &Deps, way: &Way, wish: Wish, email: &str) -> Response {
    let Some(issuer) = providers(deps, way.app.as_ref()).find(|issuer| issuer.knows(email)) else {
        let mut page = which_provider(deps, way, &wish);
        page.detail = "We know no organisation by that address. Check it, or choose below.".to_owned();
        return say(&page);
    };
    let wish = Wish { provider: issuer.name().to_string(), hint: email.trim().to_owned(), ..wish };
    let page = Page::new(
        StatusCode::OK,
        "provider_found",
        "Your organisation signs you in.",
        "The page moves on by itself.",
    );
    moving_on(page, "Go on", &address(deps, way, &wish))
}

/// The address of [`sign_in`] for going that `way`.
pub(super) fn address(deps: &Deps, way: &Way, wish: &Wish) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in said(way) {
        query.append_pair(name, &value);
    }
    wish.write(&mut query);
    deps.own(&format!("/sign-in?{}", query.finish()))
}

fn said(way: &Way) -> Vec<(&'static str, String)> {
    let Way { app, host, path, browser } = way;
    let app = app.iter().map(|app| ("app", app.to_string()));
    let host = host.iter().map(|host| ("host", host.clone()));
    app.chain(host).chain([("to", path.clone()), ("browser", browser.clone())]).collect()
}

/// Those that people find by their e-mail address are not shown to others.
fn which_provider(deps: &Deps, way: &Way, wish: &Wish) -> Page {
    let page = Page::new(
        StatusCode::OK,
        "choose_provider",
        "Where do you sign in?",
        "Choose the organisation that knows you.",
    );
    let (by_address, shown): (Vec<_>, Vec<_>) =
        providers(deps, way.app.as_ref()).partition(|issuer| issuer.has_domains());
    let page = shown.iter().fold(page, |page, issuer| {
        let wish = Wish { provider: issuer.name().to_string(), ..wish.clone() };
        page.link(issuer.title(), address(deps, way, &wish))
    });
    if by_address.is_empty() {
        return page;
    }
    page.question(Question {
        label: "Your e-mail address at work".to_owned(),
        name: "email",
        action: deps.own("/sign-in"),
        besides: said(way),
        button: "Go on".to_owned(),
    })
}

pub(super) fn not_understood(deps: &Deps) -> Page {
    Page::new(
        StatusCode::BAD_REQUEST,
        "bad_request",
        "This address is not complete.",
        "It may have been cut off when it was copied. Start again from the app.",
    )
    .link("Your access", deps.own("/"))
}
