//! Operators who sign in as everybody does, and are operators by policy: below `/admin/api` on our own host.

use crate::harness::{ADA, CARLA, Deed, Hand, House, Site, guestpass};
use guestpass::clock::Clock;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

const OPERATORS: &str = "version: 1
roles:
  guestpass.helpdesk:
    who: { provider: demo, groups: { any: [guests] } }
    gets: { guestpass: {} }
    for: { ttl: 2h }
  guestpass.admin:
    who: { provider: demo, groups: { any: [staff] } }
    gets: { guestpass: {} }
    only: { networks: [127.0.0.0/8] }
examples:
  - when: { at: 2026-03-02T09:00:00Z, provider: demo, claims: { sub: a, groups: [staff] } }
    expect: { roles: [writer, guestpass.admin] }
";

async fn open() -> House {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    site.write("policies/operators.yaml", OPERATORS);
    House::of(site).await
}

/// The cookies of somebody who has signed in.
async fn cookies(house: &House, person: &str) -> String {
    let mut hand = Hand::new();
    let (asked, _) = hand.follow(&house.access_url, &house.provider_url).await;
    let back = hand.choose(&asked, person).await;
    hand.follow(&back, "nowhere").await;
    let cookies = hand.cookies_at(&house.access_url).iter();
    cookies.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

/// What somebody with these cookies gets, whose browser says these headers.
async fn call(
    house: &House,
    method: Method,
    path: &str,
    cookies: &str,
    said: &[(&str, &str)],
) -> (u16, Value) {
    let http = reqwest::Client::builder()
        .dns_resolver(guestpass::loopback::Resolver)
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap();
    let request =
        http.request(method, format!("{}/admin/api{path}", house.access_url)).header("cookie", cookies);
    let request = said.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let reply = request.body("{}").send().await.unwrap();
    let status = reply.status().as_u16();
    (status, serde_json::from_str(&reply.text().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn policy_makes_operators_and_their_role_ends_like_any_other() {
    let house = open().await;
    let (ada, carla) = (cookies(&house, ADA).await, cookies(&house, CARLA).await);
    let origin = house.access_url.clone();
    let ours = [("origin", &*origin), ("sec-fetch-site", "same-origin")];
    let get = async |path: &str, who: &str| call(&house, Method::GET, path, who, &[]).await;
    let post = async |path: &str, who: &str| call(&house, Method::POST, path, who, &ours).await;

    assert_eq!(get("/people", "").await.1["reason"], "sign_in_needed");
    assert_eq!(get("/people", "guestpass=forged").await.0, 401);
    let (status, people) = get("/people", &carla).await;
    assert_eq!((status, &people), (200, &house.operator().asks("/people").await));
    assert_eq!(get("/nothing", &carla).await.0, 404);
    let sessions = house.operator().asks("/sessions").await;
    let of = |person: &str| {
        let row = sessions.as_array().unwrap().iter().find(|row| row["person"] == person).unwrap();
        format!("/sessions/{}/revoke", row["id"].as_str().unwrap())
    };
    // The helpdesk shuts nobody out.
    let (status, told) = post("/people/s-4@demo/revoke", &carla).await;
    assert!(status == 403 && told["detail"].as_str().unwrap().contains("guestpass.admin"), "{told}");
    assert_eq!(post("/tokens", &carla).await.0, 403);
    house.turn(SignedDuration::from_hours(2));
    assert_eq!(get("/people", &carla).await.1["reason"], "role_needed", "their role ended");
    assert_eq!(get("/people", &ada).await.0, 200);
    assert_eq!(post(&of("c-17@demo"), &ada).await.0, 200);
    assert_eq!(get("/people", &carla).await.1["reason"], "sign_in_needed");

    let rows = house.operator().asks("/audit").await;
    let actors: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["leaf"]["what"]["event"] == "session_revoked")
        .collect();
    assert_eq!(actors[0]["sealed"]["actor"]["operator"], "s-4@demo", "{actors:?}");
    let called: Vec<String> = rows
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["leaf"]["what"]["event"] == "api_called")
        .map(|row| {
            let what = &row["leaf"]["what"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let by = text(&row["sealed"]["actor"]["operator"]);
            format!("{by} {} {}", text(&what["call"]), text(&what["refused"])).trim().to_owned()
        })
        .collect();
    let expected = [
        "c-17@demo GET /people",
        "c-17@demo no such call",
        "c-17@demo POST /people/{person}/revoke role_needed",
        "c-17@demo POST /tokens role_needed",
        "c-17@demo GET /people role_needed",
        "s-4@demo GET /people",
        "s-4@demo POST /sessions/{id}/revoke",
    ];
    assert_eq!(called, expected);

    house.operator().orders("/people/s-4@demo/revoke", json!({})).await;
    assert_eq!(get("/people", &ada).await.0, 401);
    house.finish().await;
}

#[tokio::test]
async fn no_page_of_an_app_orders_anything_for_an_operator() {
    let house = open().await;
    let ada = cookies(&house, ADA).await;
    let origin = house.access_url.clone();
    let app = house.notes_url.clone();
    for (said, status) in [
        (vec![("origin", &*app), ("sec-fetch-site", "same-site")], 403),
        (vec![("origin", &*origin), ("sec-fetch-site", "same-site")], 403),
        (vec![("origin", &*app)], 403),
        (vec![("origin", "null")], 403),
        (vec![("sec-fetch-site", "same-origin")], 403),
        (vec![], 403),
        (vec![("origin", &*origin)], 200),
    ] {
        let (is, told) = call(&house, Method::POST, "/plan", &ada, &said).await;
        assert_eq!(is, status, "{said:?}: {told}");
    }
    // The cookie of an app's host is worth nothing here, and there is nothing of it below an app.
    let guest = house.guest(ADA).await;
    let below = guest.get(&format!("{}/admin/api/people", house.echo_url)).await.unwrap();
    assert!(below.text.contains("headers"), "the app's own: {}", below.text);
    house.database.suffers(Deed::FILL).await;
    assert_eq!(call(&house, Method::GET, "/seats", &ada, &[]).await.0, 503, "nothing is told unrecorded");
    house.database.suffers(Deed::CLEAR).await;
    house.finish().await;
}

#[tokio::test]
async fn a_role_that_makes_nobody_an_operator_is_a_mistake_and_our_name_is_ours() {
    let house = open().await;
    let config = house.config().display().to_string();
    house.change("policies/operators.yaml", "guestpass.helpdesk:", "guestpass.helpdes:");
    let said = guestpass(&["check", "--config", &config]).await;
    assert_eq!(said.code, 1);
    for words in ["role \"guestpass.helpdes\" gives guestpass", "did you mean \"guestpass.helpdesk\"?"] {
        assert!(said.err.contains(words), "{}", said.err);
    }
    house.change("policies/operators.yaml", "guestpass.helpdes:", "guestpass.helpdesk:");
    house.change("guestpass.yaml", "  echo:\n", "  guestpass:\n");
    let said = guestpass(&["check", "--config", &config]).await;
    assert!(said.code == 1 && said.err.contains("is our own name"), "{}", said.err);
    house.finish().await;
}
