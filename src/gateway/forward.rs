//! A permitted request to its app, and the answer back, both streamed. The total time is not limited: a stream
//! may last as long as its permit.

use super::assertion::Word;
use super::body::{FromApp, FromClient, ToClient};
use super::headers::{self, Client};
use super::tunnel::{self, Tunnels};
use super::upstream::{Failure, Pool};
use super::watch::{Permitted, Watch};
use http::{Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

/// Sends `request` on to the app that the watched permit opens, with what `word` tells it.
pub(super) async fn forward(
    pool: &Pool,
    tunnels: &Tunnels,
    watch: Watch,
    word: Option<&Word>,
    client: Client<'_>,
    request: Request<Incoming>,
) -> Result<Response<ToClient>, Failure> {
    let (mut parts, body) = request.into_parts();
    let app = watch.permit.app().clone();
    let upgrade =
        if headers::asks_for_websocket(&parts) { parts.extensions.remove::<OnUpgrade>() } else { None };
    headers::prepare(&mut parts.headers, &app, client, word.into_iter().flat_map(Word::headers));
    if upgrade.is_some() {
        headers::set_websocket(&mut parts.headers);
    }
    let mut onward = Request::new(FromClient::Sent(body));
    *onward.method_mut() = parts.method;
    *onward.uri_mut() = origin_form(parts.uri);
    *onward.headers_mut() = parts.headers;

    let mut permitted = Permitted::new(watch);
    let answered = permitted.hold(pool.send(&app.upstream, onward)).await;
    let mut response = answered.ok_or(Failure::AccessEnded)??;
    headers::clean_response(response.headers_mut());
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let client = upgrade.ok_or(Failure::Switched)?;
        headers::set_websocket(response.headers_mut());
        let (name, app) = (app.name.clone(), hyper::upgrade::on(&mut response));
        tunnels.spawn(|stop| tunnel::run(name, client, app, permitted, stop, None));
        return Ok(response.map(|_| ToClient::Page(Default::default())));
    }
    *response.version_mut() = http::Version::HTTP_11;
    Ok(response.map(|body| ToClient::App(FromApp::new(body, permitted))))
}

/// Path and query alone, as they came: what was judged is what goes on.
fn origin_form(uri: Uri) -> Uri {
    if uri.authority().is_none() {
        return uri;
    }
    uri.into_parts().path_and_query.map_or_else(Uri::default, Uri::from)
}
