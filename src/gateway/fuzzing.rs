//! A door for the fuzz targets in `fuzz/`, to what is private here. Built for them alone.

use super::headers::{self, Client};
use super::settings::App;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::net::{IpAddr, Ipv4Addr};

/// What [`prepare`] says to the app about a request, by name and value.
pub const WORDS: [(&str, &str); 5] = [
    ("guestpass-assertion", "signed"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-host", "wiki.example.com"),
    ("x-forwarded-proto", "https"),
    ("x-user", "c-17"),
];

/// Makes the headers of a request those that go to `app`, with [`WORDS`] as ours.
pub fn prepare(headers: &mut HeaderMap, app: &App) {
    let host = HeaderValue::from_static("wiki.example.com");
    let client = Client { address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), host: &host, https: true };
    let said = [WORDS[0], WORDS[4]]
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    headers::prepare(headers, app, client, said.iter().map(|(name, value)| (name, value)));
}

/// Makes the headers of an app's answer those that go to the client.
pub fn clean_response(headers: &mut HeaderMap) {
    headers::clean_response(headers);
}
