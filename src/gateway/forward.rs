//! A permitted request to its app, and the answer back, both streamed. The total time is not limited: a stream
//! may last as long as its permit.

use super::assertion::Word;
use super::body::{FromApp, ToClient};
use super::headers::{self, Client};
use super::listen::Timely;
use super::tunnel::{self, Tunnels};
use super::upload::{Cut, FromClient};
use super::upstream::{Failure, Timeouts, Upstream, Way};
use super::watch::{Permitted, Watch};
use super::websocket::Upgrade;
use http::header::CONTENT_LENGTH;
use http::{Request, Response, StatusCode, Version};
use std::pin::pin;

/// What is asked of a request and its app.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// The number of the worker, from 0.
    pub(super) lane: usize,
    /// How long the app may take.
    pub(super) timeouts: Timeouts,
    /// How long the body of the request may be, in bytes.
    pub(super) limit: Option<u64>,
}

/// Sends `request` on to the app that the watched permit opens, with what `word` tells it.
///
/// # Errors
/// Why there is no answer. Nothing was sent where the failure is [`Failure::TooLarge`] and the length was said
/// ahead.
pub(super) async fn forward(
    terms: Terms,
    upstream: &Upstream,
    tunnels: &Tunnels,
    watch: Watch,
    word: Option<&Word>,
    client: Client<'_>,
    request: Request<Timely>,
) -> Result<Response<ToClient>, Failure> {
    let (mut parts, body) = request.into_parts();
    let granted = watch.granted.clone();
    let permit = &granted.permit;
    let (app, route) = (permit.app(), permit.route());
    let upgrade = Upgrade::asked_for(&mut parts);
    let is_h2 = parts.version == Version::HTTP_2;
    let trailers = is_h2 && headers::takes_trailers(&parts.headers);
    headers::prepare(&mut parts.headers, (app, route), client, word.into_iter().flat_map(Word::headers));
    if let Some(upgrade) = &upgrade {
        upgrade.ask(&mut parts);
    }
    let body = FromClient::new(body, terms.limit, &watch).map_err(|cut| match cut {
        Cut::TooLarge(_) => Failure::TooLarge,
        Cut::Client(_) => Failure::ClientGone,
        Cut::AccessEnded => Failure::AccessEnded,
    })?;
    if is_h2 && matches!(body, FromClient::Nothing) {
        // An app would take the next request for what this one says is still to come.
        parts.headers.remove(CONTENT_LENGTH);
    }
    let mut onward = Request::new(body);
    *onward.method_mut() = parts.method;
    *onward.uri_mut() = route.onward(parts.uri);
    *onward.headers_mut() = parts.headers;

    let way = Way { lane: terms.lane, timeouts: terms.timeouts, upgrade: upgrade.is_some(), trailers };
    let mut permitted = Permitted::new(watch);
    // Pinned here, since it is too large to be handed on.
    let answer = pin!(upstream.send(&way, onward));
    let answered = permitted.hold(answer).await;
    let mut response = answered.ok_or(Failure::AccessEnded)??;
    let switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    headers::clean_response(response.headers_mut());
    headers::edit(response.headers_mut(), &route.common.response);
    match upgrade {
        Some(upgrade) if switched => {
            let app = hyper::upgrade::on(&mut response);
            let busy = response.body_mut().busy();
            let (client, response) = upgrade.accept(response.map(|_| ToClient::Page(Default::default())))?;
            let (name, idle) = (permit.app().name.clone(), terms.timeouts.idle);
            tunnels.spawn(|stop| async move {
                tunnel::run(name, client, app, permitted, stop, idle).await;
                drop(busy);
            });
            Ok(response)
        }
        None if switched => Err(Failure::Switched),
        Some(upgrade) if upgrade.is_refused_by(response.status()) => Err(Failure::NotSwitched),
        _ => {
            *response.version_mut() = Version::HTTP_11;
            Ok(response.map(|body| ToClient::App(FromApp::new(body, permitted))))
        }
    }
}
