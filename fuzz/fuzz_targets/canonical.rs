//! A request that is not refused has one reading: whoever reads its path more kindly finds the same rule.
//!
//! Input: the request target, then one or more hosts, a line each.
#![no_main]

use guestpass::gateway::Routes;
use guestpass::gateway::route::{Asked, Place};
use guestpass_fuzz::{HOST, WIKI, app, decode, readings, rule};
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    let notes = app("notes", "notes.example.com:8443", serde_json::json!({})).expect("settings are right");
    Routes::new("https://access.example.com".parse().expect("a URL"), [WIKI.clone(), notes])
        .expect("no host twice")
});

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Ok(uri) = Uri::try_from(lines.next().unwrap_or_default()) else { return };
    let mut hosts: Vec<HeaderValue> = lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    if hosts.is_empty() {
        hosts.push(HeaderValue::from_static(HOST));
    }
    let Some(asked) = find(&uri, hosts) else { return };
    let again = find(&uri_of(&uri), vec![asked.host.clone()]).expect("what was canonical is found again");
    assert_eq!((name(&again.place), &again.host), (name(&asked.place), &asked.host));

    let path = uri.path();
    let decoded = decode(path);
    assert_eq!(decoded.matches('/').count(), path.matches('/').count(), "{path:?}");
    assert!(
        !decoded.contains(['\\', '#']) && !decoded.chars().any(|letter| letter.is_ascii_control()),
        "{path:?}"
    );
    let bare = |segment: &str| segment.split(';').next().unwrap_or_default().to_owned();
    assert!(decoded.split('/').all(|segment| !matches!(&*bare(segment), "." | "..")), "{path:?}");
    if let Place::App(app) = &asked.place
        && app.path_decides()
    {
        for reading in readings(path) {
            assert_eq!(rule(app, path), rule(app, &reading), "{path:?} read as {reading:?}");
        }
    }
});

fn find(uri: &Uri, hosts: Vec<HeaderValue>) -> Option<Asked> {
    let mut request = Request::new(());
    request.uri_mut().clone_from(uri);
    *request.headers_mut() = hosts.into_iter().map(|host| (header::HOST, host)).collect::<HeaderMap>();
    ROUTES.find(&request).ok().flatten()
}

/// The path and query that would be sent on.
fn uri_of(uri: &Uri) -> Uri {
    Uri::from(uri.path_and_query().expect("a target that was accepted has a path").clone())
}

fn name(place: &Place) -> String {
    match place {
        Place::Ours => "ours".to_owned(),
        Place::Beside(app) => format!("beside {}", app.name),
        Place::App(app) => app.name.to_string(),
    }
}
