//! What a route says, seen by both sides: who may go there by which method, and what the app is sent.

use super::Front;
use crate::harness::{ADA, CARLA, Reply, Site};
use serde_json::json;

const ROUTES: &str = r#"routes:
      /public: public
      /staff: { roles: [writer] }
      /welcome: signed-in
      /api:
        roles: [guest, writer]
        methods: { POST: { roles: [writer] }, DELETE: { roles: [writer] } }
        rewrite: /v2
      /page: { unauthenticated: sign-in }
      /machine: { unauthenticated: refuse }
      /small: { allow: public, body-limit: 10B }
      /edited:
        allow: public
        request-headers: { set: { X-Env: prod }, remove: [Accept-Language] }
        response-headers: { set: { X-Frame-Options: DENY }, remove: [Server] }
"#;

fn routes(site: &Site) {
    site.change("guestpass.yaml", "routes: { /public: public, /staff: { roles: [writer] } }\n", ROUTES);
}

#[tokio::test]
async fn a_method_has_a_rule_of_its_own_and_cannot_be_changed_afterwards() {
    let front = Front::with(routes).await;
    let (carla, ada) = (front.cookie(CARLA).await, front.cookie(ADA).await);
    for (method, of_carla, of_ada) in
        [("GET", 200, 200), ("POST", 403, 200), ("DELETE", 403, 200), ("PUT", 200, 200), ("PATCH", 200, 200)]
    {
        for (cookie, expected) in [(&carla, of_carla), (&ada, of_ada)] {
            front.app.forget();
            let told = front.tell(front.head(&format!("{method} /api/x"), cookie)).await;
            assert_eq!(told.status, expected, "{method}: {}", told.text());
            let reason = if expected == 403 { "no_role" } else { "" };
            assert_eq!(
                (told.reason().as_str(), front.app.sent().len()),
                (reason, usize::from(expected == 200))
            );
        }
    }
    for name in ["X-HTTP-Method-Override", "X-Http-Method", "X-METHOD-OVERRIDE", "x_http_method_override"] {
        front.app.forget();
        assert_eq!(front.get("/api/x", &format!("{carla}{name}: DELETE\r\n")).await.status, 200);
        let sent = front.app.sent();
        assert!(!format!("{sent:?}").contains("DELETE"), "{sent:?}");
    }
    // Where methods decide nothing, it is the app's own affair.
    front.app.forget();
    front.get("/public", "x-http-method-override: DELETE\r\n").await;
    assert_eq!(front.app.sent()[0].all("x-http-method-override"), ["DELETE"]);
    front.house.finish().await;
}

#[tokio::test]
async fn who_is_signed_in_may_go_where_that_is_enough_and_the_app_knows_who_it_is() {
    let front = Front::with(routes).await;
    let ada = front.cookie(ADA).await;
    let grants = front.house.grants(ADA).await;
    let grant = grants.iter().find(|grant| grant.app.as_str() == "echo").unwrap();
    front.house.operator().orders(&format!("/grants/{}/end", grant.id), json!({})).await;
    let told = front.get("/", &ada).await;
    assert_eq!((told.status, told.reason().as_str()), (403, "ended"));
    assert_eq!(front.get("/welcome", &ada).await.status, 200);
    let sent = front.app.sent();
    assert!(sent.len() == 1 && sent[0].all("guestpass-assertion")[0].starts_with("ey"), "{sent:?}");
    assert_eq!(front.get("/welcome", "").await.status, 401);
    front.house.settled().await;
    front.house.finish().await;
}

#[tokio::test]
async fn the_app_sees_the_path_that_the_route_makes_of_it() {
    let front = Front::with(routes).await;
    let carla = front.carla().await;
    for (target, sent) in [
        ("/api", "/v2"),
        ("/api/", "/v2/"),
        ("/api?q=/api/../%2f", "/v2?q=/api/../%2f"),
        ("/api/a%20b/api?x", "/v2/a%20b/api?x"),
        ("/apis", "/apis"),
        ("/v2", "/v2"),
    ] {
        front.app.forget();
        let absolute = format!("http://{}{target}", front.host);
        for target in [target, &absolute] {
            assert_eq!(front.get(target, &carla).await.status, 200, "{target}");
        }
        let targets: Vec<String> = front.app.sent().iter().map(|sent| sent.target().to_owned()).collect();
        assert_eq!(targets, [sent; 2], "{target}");
    }
    front.house.finish().await;
}

#[tokio::test]
async fn a_route_says_what_strangers_get() {
    let front = Front::with(routes).await;
    let person = "accept: text/html\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document\r\n";
    for (line, lines, expected) in [
        ("GET /", person, 303),
        ("GET /", "accept: */*\r\n", 401),
        ("GET /page", "accept: */*\r\n", 303),
        ("HEAD /page", "", 303),
        ("POST /page", person, 401),
        ("GET /machine", person, 401),
    ] {
        let told = front.tell(front.head(line, lines)).await;
        assert_eq!(told.status, expected, "{line} {lines}");
        let to_start = told.header("location").is_some_and(|to| to.contains("/sign-in?app=echo&host="));
        assert_eq!(to_start, expected == 303, "{}", told.head);
    }
    assert_eq!(front.app.sent(), []);
    front.house.finish().await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_and_never_whole_at_the_app() {
    let front = Front::with(routes).await;
    let head = |lines: &str| front.head("POST /small", lines);
    let told = front.tell(format!("{}0123456789", head("content-length: 10\r\n"))).await;
    assert_eq!(told.status, 200);
    let chunked = head("transfer-encoding: chunked\r\n");
    assert_eq!(front.tell(format!("{chunked}a\r\n0123456789\r\n0\r\n\r\n")).await.status, 200);
    assert_eq!(front.app.sent().len(), 2);
    front.app.forget();
    let told = front.tell(format!("{}0123456789a", head("content-length: 11\r\n"))).await;
    assert_eq!((told.status, told.reason().as_str()), (413, "too_large"));
    assert_eq!(front.app.sent(), [], "its length was told");
    let told = front.tell(format!("{chunked}a\r\n0123456789\r\n1\r\na\r\n0\r\n\r\n")).await;
    assert_eq!((told.status, told.reason().as_str()), (413, "too_large"));
    assert!(front.app.sent().iter().all(|sent| !sent.whole), "{:?}", front.app.sent());
    front.house.finish().await;
}

#[tokio::test]
async fn headers_are_set_and_removed_both_ways() {
    let front = Front::with(routes).await;
    let answer = "HTTP/1.1 200 OK\r\nserver: x\r\nx-frame-options: ALLOW\r\nx-frame-options: ALLOWALL\r\nx-own: 1\r\ncontent-length: 0\r\n\r\n";
    front.app.answers(Reply::bytes(answer));
    let told =
        front.get("/edited", "x-env: mine\r\nx-env: again\r\naccept-language: de\r\nx-mine: 1\r\n").await;
    assert_eq!(told.head.to_lowercase().matches("x-frame-options: ").count(), 1, "{}", told.head);
    assert_eq!(
        [told.header("x-frame-options"), told.header("server"), told.header("x-own")],
        [Some("DENY"), None, Some("1")]
    );
    let sent = &front.app.sent()[0];
    assert_eq!((sent.all("x-env"), sent.all("accept-language")), (vec!["prod"], vec![]));
    assert_eq!(sent.all("x-mine"), ["1"]);
    front.house.finish().await;
}
