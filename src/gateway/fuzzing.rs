//! A door for the fuzz targets in `fuzz/`, to what is private here. Built for them alone.

use super::app::App;
use super::headers::{self, Client};
use super::listen::{Reading, read_introduction};
use super::route;
use super::settings::Settings;
use super::upstream::{Loader, Registry};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// What [`prepare`] says to the app about a request, by name and value.
pub const WORDS: [(&str, &str); 6] = [
    ("guestpass-assertion", "signed"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-host", "wiki.example.com"),
    ("x-forwarded-proto", "https"),
    ("x-request-id", "wiki.example.com"),
    ("x-user", "c-17"),
];

/// The app called `name` that `settings` describe, if they are right.
pub fn app(name: &str, settings: Settings<()>) -> Option<Arc<App>> {
    let loader = Loader { folder: Path::new("."), lanes: 1, registry: &Registry::default() };
    settings.check(name.parse().ok()?, loader).ok().map(Arc::new)
}

/// Makes the headers of a request those that go to `app`, with [`WORDS`] as ours.
pub fn prepare(headers: &mut HeaderMap, app: &App) {
    let host = HeaderValue::from_static("wiki.example.com");
    let address = HeaderValue::from_static("192.0.2.7");
    let cookies = &headers::cookies(headers);
    let client = Client { address: &address, host: &host, https: true, request_id: &host, cookies };
    let said = [WORDS[0], WORDS[5]]
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    headers::prepare(headers, (app, app.route("/")), client, said.iter().map(|(name, value)| (name, value)));
}

/// Makes the headers of an app's answer those that go to the client.
pub fn clean_response(headers: &mut HeaderMap) {
    headers::clean_response(headers);
}

/// The path and query of `uri` alone.
pub fn origin_form(uri: Uri) -> Uri {
    route::origin_form(uri)
}

/// The path and query of `uri` as they go on to `app`.
pub fn onward(app: &App, uri: Uri) -> Uri {
    app.route(uri.path()).onward(uri)
}

/// What the first bytes of a connection are to whoever expects a PROXY protocol header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Introduction {
    /// No header, whatever comes.
    Refused,
    /// The beginning of one.
    Incomplete,
    /// One of this length, in bytes, about this client.
    Header(Option<IpAddr>, usize),
}

/// Reads the PROXY protocol header that `bytes` begin with.
pub fn introduction(bytes: &[u8]) -> Introduction {
    match read_introduction(bytes) {
        Err(_) => Introduction::Refused,
        Ok(Reading::Incomplete) => Introduction::Incomplete,
        Ok(Reading::Header { client, length }) => Introduction::Header(client, length),
    }
}
