//! Who is refused reaches no app, is told why in a form they can read, and is never told more than that.

use super::Front;
use crate::harness::{CARLA, Hand, House, OTTO, Reply, soon};
use serde_json::Value;
use std::time::{Duration, Instant};

const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "FROBNICATE"];

#[tokio::test]
async fn a_refused_request_never_reaches_an_app() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for method in METHODS {
        for (target, lines, status) in [("/a", "", 401), ("/staff", carla.as_str(), 403)] {
            let mut wire = front.wire().await;
            let lines = format!("{lines}connection: close\r\ncontent-length: 2\r\n");
            wire.send(format!("{}hi", front.head(&format!("{method} {target}"), &lines))).await;
            let bytes = wire.rest().await;
            let line = String::from_utf8_lossy(&bytes);
            assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {target}: {line}");
        }
    }
    assert!(front.app.bytes().iter().all(Vec::is_empty), "{:?}", front.app.bytes());
    front.house.finish().await;
}

#[tokio::test]
async fn only_a_navigation_is_sent_to_sign_in() {
    let front = Front::open().await;
    let html = "accept: text/html,*/*;q=0.8\r\n";
    let navigates = "sec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n";
    for lines in [html.to_owned(), navigates.to_owned(), format!("{navigates}{html}")] {
        for method in ["GET", "HEAD"] {
            let mut wire = front.wire().await;
            wire.send(front.head(&format!("{method} /a?b"), &format!("{lines}connection: close\r\n"))).await;
            let bytes = wire.rest().await;
            let answer = String::from_utf8_lossy(&bytes);
            assert!(answer.starts_with("HTTP/1.1 303 "), "{method} {lines}: {answer}");
        }
    }
    let programs = [
        "".to_owned(),
        "accept: application/json\r\n".to_owned(),
        "accept: */*\r\n".to_owned(),
        format!("{html}sec-fetch-mode: cors\r\nsec-fetch-dest: empty\r\n"),
        format!("{html}sec-fetch-mode: no-cors\r\nsec-fetch-dest: image\r\n"),
        format!("{html}sec-fetch-mode: navigate\r\nsec-fetch-dest: iframe\r\n"),
        format!("{html}upgrade: websocket\r\nconnection: upgrade\r\n"),
    ];
    for lines in &programs {
        is_told_401(&front, "GET", lines).await;
    }
    // A body would be lost on the way, and the method with it.
    for method in &METHODS[2..] {
        for lines in [html, navigates, ""] {
            is_told_401(&front, method, lines).await;
        }
    }
    assert_eq!(front.app.sent(), []);
    front.house.finish().await;
}

async fn is_told_401(front: &Front, method: &str, lines: &str) {
    let head = front.head(&format!("{method} /a"), &format!("{lines}content-length: 3\r\n"));
    let told = front.tell(format!("{head}a=1")).await;
    let about = format!("{method} {lines}: {told:?}");
    assert_eq!((told.status, told.header("location")), (401, None), "{about}");
    assert!(told.header("www-authenticate").is_some() && told.header("set-cookie").is_none(), "{about}");
    assert_eq!(told.header("content-type"), Some("application/problem+json"), "{about}");
    let problem: Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!((&problem["reason"], &problem["status"]), (&"sign_in_needed".into(), &401.into()), "{about}");
    assert!(problem["reference"].is_string(), "{about}");
}

#[tokio::test]
async fn a_session_opens_its_own_host_in_its_own_person_only() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let (_, value) = carla.trim_end().split_once('=').unwrap();
    let port = front.house.front.port();
    let elsewhere = format!("GET / HTTP/1.1\r\nhost: notes.localhost:{port}\r\n{carla}\r\n");
    assert_eq!(front.tell(elsewhere).await.status, 401);
    let mut other = value.to_owned();
    other.replace_range(..1, if value.starts_with('A') { "B" } else { "A" });
    for forged in [
        format!("guestpass={other}"),
        format!("guestpass={value}x"),
        format!("guestpass=\"{value}\""),
        format!("guestpass=%20{value}"),
        format!("Guestpass={value}"),
        format!("__Host-guestpass={value}"),
        format!("guestpass-nonce={value}"),
        format!("x=guestpass={value}"),
        format!("guestpass=; guestpass={value}"),
        format!("guestpass=x,guestpass={value}"),
    ] {
        assert_eq!(front.get("/a", &format!("cookie: {forged}\r\n")).await.status, 401, "{forged}");
    }
    assert_eq!(front.app.sent(), []);
    // Whoever has no role is in nobody's place.
    let mut hand = Hand::new();
    let asked = hand.follow(&front.house.echo_url, &front.house.provider_url).await.0;
    let back = hand.choose(&asked, OTTO).await;
    assert_eq!(hand.follow(&back, "never").await.1.status, 403);
    assert_eq!(front.app.sent(), []);
    front.house.finish().await;
}

#[tokio::test]
async fn the_front_door_shows_nothing_of_the_inside() {
    let front = Front::open().await;
    let port = front.house.front.port();
    for path in [
        "/metrics",
        "/debug/pprof/",
        "/debug/vars",
        "/healthz",
        "/ready",
        "/admin",
        "/accounts",
        "/people",
        "/status",
        "/server-status",
        "/actuator",
        "/actuator/env",
        "/.env",
        "/.guestpass/metrics",
        "/.guestpass/admin",
        "/.guestpass/debug",
        "/.guestpass",
    ] {
        for host in ["access.localhost", "echo.localhost"] {
            let told = front.tell(format!("GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n")).await;
            assert!(matches!(told.status, 400..=499), "{host}{path}: {told:?}");
            for name in ["server", "x-powered-by", "via"] {
                assert_eq!(told.header(name), None, "{host}{path}: {told:?}");
            }
        }
    }
    assert_eq!(front.app.sent(), []);
    front.house.finish().await;
}

#[tokio::test]
async fn our_cookies_go_to_no_app_and_no_error_page_of_one() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let value = carla.trim_end().split_once('=').unwrap().1.to_owned();
    let mine = format!(
        "cookie: a=1; guestpass={value}; b=2\r\ncookie: __Host-guestpass={value}; guestpass-nonce={value}\r\n"
    );
    front.app.answers(Reply::bytes("HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy"));
    for (target, status) in [("/a", 503), ("/public", 200), ("/missing", 200)] {
        assert_eq!(front.get(target, &mine).await.status, status, "{target}");
        let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
        assert_eq!(sent.all("cookie"), ["a=1; b=2"]);
        assert!(!String::from_utf8_lossy(&front.app.bytes().concat()).contains(&value), "{sent:?}");
        front.app.forget();
    }
    front.house.finish().await;
}

/// A cookie that says how many more there are, and 60 KB of such lines: read once, in no time, and nobody is let in.
#[tokio::test]
async fn a_hostile_cookie_header_costs_no_time_and_opens_nothing() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let lines = [
        "guestpass=chunks-99999999; guestpass_0=a; guestpass_1=b".to_owned(),
        "guestpass_count=99999999".to_owned(),
        format!("{}guestpass=x", "guestpass=; ".repeat(4_000)),
        "guestpass-".repeat(6_000),
        ";".repeat(60_000),
        "=".repeat(60_000),
        " ;=".repeat(20_000),
        format!("guestpass={}", "a".repeat(60_000)),
        format!("\"{}", "guestpass=\\\";".repeat(4_000)),
        "\u{e4}=\u{fc};guestpass".to_owned(),
    ];
    let began = Instant::now();
    for line in &lines {
        assert_eq!(front.get("/a", &format!("cookie: {line}\r\n")).await.status, 401, "{}", &line[..20]);
        assert_eq!(front.get("/public", &format!("cookie: {line}\r\n")).await.status, 200, "{}", &line[..20]);
        assert!(front.app.sent()[0].all("cookie").iter().all(|left| left.len() <= 2 * line.len()));
        front.app.forget();
        // One of them before the right one, which is found all the same unless another comes first under its name.
        if !line.contains("guestpass=") {
            assert_eq!(
                front.get("/a", &format!("cookie: {line}\r\n{carla}")).await.status,
                200,
                "{}",
                &line[..20]
            );
            front.app.forget();
        }
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let many = "cookie: guestpass=x\r\n".repeat(90);
    assert_eq!(front.get("/a", &many).await.status, 401);
    front.house.finish().await;
}

/// Spaces without end, as JSON.
fn endless() -> axum::Router {
    let answer = || async {
        let chunk = axum::body::Bytes::from(vec![b' '; 1 << 16]);
        let body = futures_util::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
        ([("content-type", "application/json")], axum::body::Body::from_stream(body))
    };
    axum::Router::new().fallback(answer)
}

#[tokio::test]
async fn a_provider_that_never_stops_talking_is_not_listened_to() {
    let front = Front::open().await;
    let mut hand = Hand::new();
    let asked = hand.follow(&front.house.echo_url, &front.house.provider_url).await.0;
    let back = hand.choose(&asked, CARLA).await;
    front.house.provider.becomes(endless());
    let (_, reply) = hand.follow(&back, "never").await;
    assert!(matches!(reply.status, 500..=599), "{} {}", reply.status, reply.text);
    assert!(reply.text.len() < 20_000 && front.app.sent().is_empty());
    front.house.finish().await;
}

#[tokio::test]
async fn a_target_that_never_stops_talking_is_not_listened_to_and_opens_nothing() {
    let mut house = House::open().await;
    house.scim.becomes(endless());
    let page = house.sign_in(&house.browser(), &house.notes_url, CARLA).await;
    assert_eq!(page.status.as_u16(), 503, "{}", page.text);
    soon(|| async { house.kept().await.first().is_some_and(|account| account.attempts > 0).then_some(()) })
        .await;
    assert_eq!(house.pages.seen(), []);
    house.end().await;
}
