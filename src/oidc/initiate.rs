//! A sign-in that begins elsewhere: at the provider, or on a page that links to us (OpenID Connect Core, section 4).

use super::wish::Wish;
use super::{Deps, State, local_path, redirect, say, sign_in};
use axum::extract::{self, Query};
use axum::response::Response;
use serde::Deserialize;
use url::form_urlencoded::Serializer;
use url::{Position, Url};

#[derive(Deserialize)]
pub(super) struct Initiate {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    login_hint: String,
    #[serde(default)]
    target_link_uri: String,
}

/// On our own host: to the provider that is named, by way of the app that is wanted. An address that is none of ours leads
/// to our own pages, for nobody is sent anywhere else.
pub(super) async fn initiate(
    extract::State(deps): State,
    Query(Initiate { iss, login_hint, target_link_uri }): Query<Initiate>,
) -> Response {
    let Some(issuer) = deps.issuers.values().find(|issuer| issuer.is_named(&iss)) else {
        return say(&sign_in::not_understood(&deps));
    };
    let wish = Wish { provider: issuer.name().to_string(), hint: login_hint, ..Wish::default() };
    let mut query = Serializer::new(String::new());
    wish.write(&mut query);
    match target(&deps, &target_link_uri) {
        Some((host, path)) => {
            query.append_pair("to", &path);
            redirect(&format!("{}/.guestpass/start?{}", deps.origin(&host), query.finish()))
        }
        None => redirect(&deps.own(&format!("/sign-in?{}", query.finish()))),
    }
}

/// The host of an app and the path there that an address leads to.
fn target(deps: &Deps, address: &str) -> Option<(String, String)> {
    let url = Url::parse(address).ok().filter(|url| url.scheme() == deps.url.scheme())?;
    // Hosts that name no port are reached at ours.
    let ours = url.port() == deps.url.port();
    let end = if ours { Position::AfterHost } else { Position::AfterPort };
    let named = [&url[Position::BeforeHost..Position::AfterPort], &url[Position::BeforeHost..end]];
    let leads = |host: &&str| deps.apps.keys().any(|app| deps.leads_to(app, Some(host)));
    let host = named.into_iter().find(leads)?;
    Some((host.to_owned(), local_path(&url[Position::BeforePath..Position::AfterQuery])))
}
