//! What the fuzz targets share: an app to ask for, and the ways in which lenient servers read a path.

use guestpass::gateway::{App, Rule, Settings, fuzzing};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

/// The host of [`WIKI`].
pub const HOST: &str = "wiki.example.com";

/// An app at `host` with these rules, if they can be configured.
pub fn app(name: &str, host: &str, routes: Value) -> Option<Arc<App>> {
    let settings = json!({
        "host": host, "upstream": "http://127.0.0.1:1", "routes": routes,
        "headers": { "X-User": "subject", "X-Mail": "email" },
    });
    let settings: Settings<()> = serde_json::from_value(settings).ok()?;
    fuzzing::app(name, settings)
}

/// An app whose paths decide.
pub static WIKI: LazyLock<Arc<App>> = LazyLock::new(|| {
    let routes = json!({
        "/pub": "public", "/pub/x/inner": { "roles": ["reader"] }, "/admin": { "roles": ["editor"] },
        "/admin/help": "public",
    });
    app("wiki", HOST, routes).expect("settings are right")
});

/// The rule of `app` for `path`.
pub fn rule<'a>(app: &'a App, path: &str) -> &'a Rule {
    app.route(path).rule(&Method::GET)
}

/// The headers that `lines` write, one `name: value` a line. What makes no header is left out.
pub fn headers(lines: &[u8]) -> HeaderMap {
    let lines = lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
    });
    lines.collect()
}

/// What `path` is to servers that read it more kindly than it was sent, whatever the order of their kindnesses.
/// It is decoded once at the most: nobody that we know of does it twice.
pub fn readings(path: &str) -> Vec<String> {
    let mut found = tidied(vec![path.to_owned()]);
    found.extend(found.iter().map(|path| decode(path)).collect::<Vec<_>>());
    tidied(found)
}

/// The same paths, and what becomes of them where any of these is done, in any order.
fn tidied(mut found: Vec<String>) -> Vec<String> {
    let kindnesses: [fn(&str) -> String; 4] = [cut_parameters, turn_backslashes, merge_slashes, resolve_dots];
    for kindness in kindnesses.iter().chain(&kindnesses) {
        found.extend(found.iter().map(|path| kindness(path)).collect::<Vec<_>>());
        found.sort();
        found.dedup();
    }
    found
}

/// RFC 3986, section 2.1; what is not UTF-8 then is replaced.
pub fn decode(path: &str) -> String {
    let mut bytes = path.as_bytes();
    let mut decoded = Vec::new();
    while let [first, rest @ ..] = bytes {
        let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        (bytes, _) = match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => (&rest[2..], decoded.extend(u8::try_from(high << 4 | low))),
            _ => (rest, decoded.push(*first)),
        };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn cut_parameters(path: &str) -> String {
    let segments = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    segments.collect::<Vec<_>>().join("/")
}

fn turn_backslashes(path: &str) -> String {
    path.replace('\\', "/")
}

fn merge_slashes(path: &str) -> String {
    let mut merged = String::new();
    for letter in path.chars() {
        if letter != '/' || !merged.ends_with('/') {
            merged.push(letter);
        }
    }
    merged
}

/// RFC 3986, section 5.2.4.
fn resolve_dots(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}
