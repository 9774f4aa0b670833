//! A request that is not refused has one reading: whoever reads its path more kindly finds the same rule, also in what
//! a route makes of it, and its session is for one host.
//!
//! Input: the request target, then one or more hosts, a line each.
#![no_main]

use guestpass::gateway::route::{Asked, Place};
use guestpass::gateway::{App, Routes, fuzzing};
use guestpass_fuzz::{HOST, WIKI, app, decode, readings, rule};
use http::{HeaderMap, HeaderValue, Request, Uri, header};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use std::sync::LazyLock;

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    let notes = app("notes", "notes.example.com:8443", json!({})).expect("settings are right");
    let pages = app("pages", "*.pages.example.com", json!({})).expect("settings are right");
    let shop = json!({
        "/admin": { "roles": ["editor"] },
        "/open": { "allow": "public", "rewrite": "/" },
        "/open/admin": { "roles": ["editor"], "rewrite": "/admin" },
        "/old": { "roles": ["editor"], "rewrite": "/admin/old" },
        "/new": { "allow": "public", "rewrite": "/administration" },
    });
    let shop = app("shop", "shop.example.com", shop).expect("settings are right");
    let url = "https://access.example.com".parse().expect("a URL");
    Routes::new(url, [WIKI.clone(), notes, pages, shop]).expect("no host twice")
});

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Ok(uri) = Uri::try_from(lines.next().unwrap_or_default()) else { return };
    let mut hosts: Vec<HeaderValue> = lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    if hosts.is_empty() {
        hosts.push(HeaderValue::from_static(HOST));
    }
    let Some(asked) = find(&uri, hosts) else { return };
    let again = find(&fuzzing::origin_form(uri.clone()), vec![asked.host.clone()])
        .expect("what was canonical is found again");
    let found = |asked: &Asked| (name(&asked.place), asked.host.clone(), asked.bound.clone());
    assert_eq!(found(&again), found(&asked));
    if let Place::App(app) | Place::Beside(app) = &asked.place {
        let covering = app.hosts.iter().filter(|pattern| pattern.covers(&asked.bound)).count();
        assert_eq!(covering, 1, "{:?}", asked.bound);
    }

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
        leads_past_no_rule(app, &uri);
    }
});

/// What goes on to the app is below its `/admin` only for whoever may go there, however the app reads it; and it has
/// one reading again, with the query as it came.
fn leads_past_no_rule(app: &App, uri: &Uri) {
    let onward = fuzzing::onward(app, uri.clone());
    assert_eq!(onward.query(), uri.query());
    let plain = vec![HeaderValue::from_static("a.pages.example.com")];
    assert!(find(&onward, plain).is_some(), "{uri} goes on as {onward}");
    let admin = rule(app, "/admin");
    for reading in readings(onward.path()) {
        let is_admin =
            reading.strip_prefix("/admin").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let may = rule(app, uri.path()) == admin || rule(app, onward.path()) != admin;
        assert!(!is_admin || may, "{uri} goes on as {onward}");
    }
}

fn find(uri: &Uri, hosts: Vec<HeaderValue>) -> Option<Asked> {
    let mut request = Request::new(());
    request.uri_mut().clone_from(uri);
    *request.headers_mut() = hosts.into_iter().map(|host| (header::HOST, host)).collect::<HeaderMap>();
    ROUTES.find(&request).ok().flatten()
}

fn name(place: &Place) -> String {
    match place {
        Place::Ours => "ours".to_owned(),
        Place::Beside(app) => format!("beside {}", app.name),
        Place::App(app) => app.name.to_string(),
    }
}
