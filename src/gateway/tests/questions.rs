//! What other proxies are answered that ask about a request.

use super::*;
use crate::gateway::listen::{Peer, Secured};

impl Front {
    /// The status and headers of an answer to a question with these headers.
    async fn asks(&self, line: &str, headers: &str) -> (u16, String) {
        self.raw(&format!("{line} HTTP/1.1\r\nhost: guestpass\r\nconnection: close\r\n{headers}\r\n")).await
    }

    async fn told(&self, method: &str, host: &str, uri: &str, more: &str) -> (u16, String) {
        let told = format!(
            "x-forwarded-method: {method}\r\nx-forwarded-host: {host}\r\nx-forwarded-uri: {uri}\r\n{more}"
        );
        self.asks("GET /.guestpass/auth", &told).await
    }
}

fn cookie() -> String {
    format!("cookie: guestpass={TOKEN}\r\n")
}

async fn asked() -> (Wiki, Front) {
    let wiki = Wiki::default();
    let front = Front::asked_by("127.0.0.0/8", wiki.open().await).await;
    front.hold(vec![held("reader", 60)], Account::Ready("n-1".into()));
    (wiki, front)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_gets_the_decision_of_the_request_and_never_reaches_the_app() {
    let (wiki, front) = asked().await;
    let (status, answer) = front.told("GET", "WIKI.example.com", "/a?b", &cookie()).await;
    assert!(status == 200 && answer.contains("guestpass-assertion: ey"), "{answer}");
    assert!(answer.contains("x-user: c-17\r\n") && answer.contains("x-request-id: "), "{answer}");
    assert_eq!(front.told("GET", HOST, "/admin", &cookie()).await.0, 403);
    assert_eq!(front.told("GET", HOST, "/a", "").await.0, 401);
    let (status, answer) = front.told("GET", HOST, "/a?b", "accept: text/html\r\n").await;
    assert!(status == 303 && answer.contains("location: /.guestpass/start?to=%2Fa%3Fb#"), "{answer}");
    assert_eq!(front.told("POST", HOST, "/a", "accept: text/html\r\n").await.0, 401);
    assert_eq!(front.told("GET", "other.example.com", "/", &cookie()).await.0, 421);
    front.turn(60);
    let (status, answer) = front.told("GET", HOST, "/", &cookie()).await;
    assert!(status == 403 && answer.contains("\"ended\""), "{answer}");
    assert_eq!(wiki.hits.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_we_know_nothing_for_is_said_to_be_empty() {
    let (_, front) = asked().await;
    let (status, answer) =
        front.told("GET", HOST, "/health", "x-user: forged\r\nguestpass-assertion: x\r\n").await;
    assert_eq!(status, 200);
    assert!(answer.contains("x-user: \r\n") && answer.contains("guestpass-assertion: \r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_in_the_path_is_told_by_nothing_else() {
    let (_, front) = asked().await;
    let ask = async |line: &str, more: &str| {
        front.raw(&format!("{line} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n{more}\r\n")).await.0
    };
    let spoofed =
        "x-forwarded-uri: /health\r\nx-forwarded-host: wiki.example.com\r\nx-forwarded-method: GET\r\n";
    assert_eq!(ask("GET /.guestpass/auth/health", "").await, 200);
    assert_eq!(ask("GET /.guestpass/auth/private", spoofed).await, 401);
    assert_eq!(ask("GET /.guestpass/auth/a?b=/.guestpass/auth", &cookie()).await, 200);
    for path in ["/../health", "/health/..", "//health", "/%2e%2e/health", "/health%2f..", "/\\health"] {
        let status = ask(&format!("GET /.guestpass/auth{path}"), "").await;
        assert_eq!(status, 400, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_could_be_read_in_two_ways_is_refused() {
    let (_, front) = asked().await;
    for (headers, why) in [
        ("x-forwarded-host: wiki.example.com\r\nx-forwarded-uri: /health\r\n", "no method"),
        ("x-forwarded-method: GET\r\nx-forwarded-uri: /health\r\n", "no host"),
        ("x-forwarded-method: GET\r\nx-forwarded-host: wiki.example.com\r\n", "no target"),
        (
            "x-forwarded-method: GET\r\nx-forwarded-host: wiki.example.com\r\nx-forwarded-uri: /health\r\nx-forwarded-uri: /a\r\n",
            "two targets",
        ),
    ] {
        assert_eq!(front.asks("GET /.guestpass/auth", headers).await.0, 400, "{why}");
    }
    for uri in ["health", "http://wiki.example.com/health", "/x/../health", "//health", "/health;x", "*"] {
        assert_eq!(front.told("GET", HOST, uri, "").await.0, 400, "{uri}");
    }
    assert_eq!(front.told("CONNECT", HOST, "/health", "").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_is_told_by_three_statuses_alone() {
    let (_, front) = asked().await;
    let status = async |uri: &str, more: &str| {
        let told = format!(
            "x-forwarded-method: GET\r\nx-forwarded-host: {HOST}\r\nx-forwarded-uri: {uri}\r\n{more}"
        );
        front.asks("GET /.guestpass/auth?answer=status", &told).await.0
    };
    assert_eq!(status("/", &cookie()).await, 200);
    assert_eq!(status("/", "accept: text/html\r\n").await, 401);
    assert_eq!(status("/a/../b", &cookie()).await, 403);
    front.hold(vec![held("reader", 60)], Account::Stuck);
    assert_eq!(status("/", &cookie()).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_in_passes_by_questions_and_is_never_a_yes() {
    let (_, front) = asked().await;
    let (status, answer) = front.told("GET", HOST, "/.guestpass/start?to=%2Fx", "").await;
    assert!(status == 303 && answer.contains("location: /.guestpass/start?to=%2Fx#"), "{answer}");
    assert_eq!(front.told("GET", HOST, "/.guestpass/fine", "").await.0, 403);
    assert_eq!(front.told("POST", HOST, "/.guestpass/start", "").await.0, 421);
    assert_eq!(front.told("GET", "access.example.com", "/", "").await.0, 421);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_trusted_proxies_are_answered_and_only_where_they_ask() {
    let untrusted = Front::asked_by("192.0.2.0/24", Wiki::default().open().await).await;
    untrusted.hold(vec![held("reader", 60)], Account::NotNeeded);
    let (status, answer) = untrusted.told("GET", HOST, "/health", &cookie()).await;
    assert!(status == 403 && !answer.contains("guestpass-assertion"), "{answer}");
    let (_, front) = asked().await;
    assert_eq!(front.asks("GET /health", &cookie()).await.0, 403);

    let people = Front::before(Wiki::default().open().await).await;
    people.hold(vec![held("reader", 60)], Account::NotNeeded);
    for path in ["/.guestpass/auth", "/.guestpass/auth/", "/.guestpass/auth?answer=status"] {
        let told = format!(
            "x-forwarded-method: GET\r\nx-forwarded-host: {HOST}\r\nx-forwarded-uri: /\r\n{}",
            cookie()
        );
        let (status, answer) = people.get(path, &told).await;
        assert!(status == 404 && !answer.contains("guestpass-assertion"), "{path}: {answer}");
    }
}

#[test]
fn a_client_certificate_is_asked_for_under_the_name_that_the_handshake_had() {
    let shut = testing::app(json!({ "client-certificate": true }));
    let open = testing::app(json!({}));
    let judge = |app: &App, name: Option<&str>, certificate| {
        let tls = Some(Secured { server_name: name.map(Into::into), client_certificate: certificate });
        let peer = Peer { address: "192.0.2.1".parse().unwrap(), trusted: false, asks: false, tls };
        answer::client_certificate(&peer, app, "wiki.example.com:8443").map(|page| page.reason)
    };
    assert_eq!(judge(&shut, Some(HOST), true), None);
    assert_eq!(judge(&shut, Some(HOST), false), Some("client_certificate_needed"));
    assert_eq!(judge(&shut, None, true), Some("client_certificate_needed"));
    assert_eq!(judge(&shut, Some("notes.example.com"), true), Some("other_host"));
    assert_eq!(judge(&open, Some("notes.example.com"), false), None);
    let clear = Peer { address: "192.0.2.1".parse().unwrap(), trusted: true, asks: false, tls: None };
    assert!(answer::client_certificate(&clear, &shut, HOST).is_some());
}
