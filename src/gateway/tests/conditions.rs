//! What a role asks of each request is asked of each request, whatever is remembered or under way.

use super::repeats::on;
use super::*;
use crate::account::Strength;

/// The gate behind a proxy that says who the client is.
async fn behind_a_proxy(held: Vec<Held>) -> Front {
    let wiki = Wiki::default().open().await;
    let front = Front::open(wiki, vec!["127.0.0.1".to_owned().try_into().unwrap()], Listener::from).await;
    front.hold(held, Account::NotNeeded);
    front
}

fn headers(client: &str) -> String {
    format!("host: {HOST}\r\ncookie: guestpass={TOKEN}\r\nx-forwarded-for: {client}\r\n")
}

const INSIDE: &str = "10.1.2.3";
const OUTSIDE: &str = "192.0.2.1";

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_asked_for_each_client_of_one_connection() {
    let office = json!({ "networks": ["10.0.0.0/8"] });
    let front = behind_a_proxy(vec![limited("reader", 60, office)]).await;
    let mut stream = front.connect().await;
    for (client, expected) in [
        (INSIDE, 200),
        (OUTSIDE, 403),
        (INSIDE, 200),
        (INSIDE, 200),
        ("::ffff:10.9.9.9", 200),
        (OUTSIDE, 403),
    ] {
        let (status, body) = on(&mut stream, "GET /", &headers(client)).await;
        assert_eq!(status, expected, "{client}: {body}");
        assert!(status == 200 || body.contains("wrong_network"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_hears_only_of_roles_that_hold_for_this_request() {
    let office = json!({ "networks": ["10.0.0.0/8"] });
    let front = behind_a_proxy(vec![held("reader", 60), limited("editor", 60, office)]).await;
    let mut stream = front.connect().await;
    for (client, roles) in [
        (INSIDE, json!(["reader", "editor"])),
        (OUTSIDE, json!(["reader"])),
        (INSIDE, json!(["reader", "editor"])),
    ] {
        let (_, body) = on(&mut stream, "GET /", &headers(client)).await;
        let echoed: Value = serde_json::from_str(&body).unwrap();
        let token = values(&echoed, |name| name == "guestpass-assertion")[0];
        let key = DecodingKey::from_jwk(&serde_json::from_value(front.key.clone()).unwrap()).unwrap();
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&["wiki"]);
        rules.validate_exp = false;
        assert_eq!(decode::<Value>(token, &key, &rules).unwrap().claims["roles"], roles, "{client}");
        let admin = if client == INSIDE { 200 } else { 403 };
        assert_eq!(on(&mut stream, "GET /admin", &headers(client)).await.0, admin, "{client}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closing_hour_ends_requests_streams_and_websockets_and_says_when_it_opens() {
    // It is 08:00 UTC on a Friday.
    let hours =
        || limited("reader", 1_000_000, json!({ "hours": ["07:00:00", "08:01:00"], "days": ["fri"] }));
    let (wiki, talk) = (Wiki::default(), Front::before(parrot().await).await);
    let front = Front::before(wiki.open().await).await;
    for front in [&front, &talk] {
        front.hold(vec![hours()], Account::NotNeeded);
    }
    let mut kept = front.connect().await;
    let mine = headers(OUTSIDE);
    assert_eq!(on(&mut kept, "GET /", &mine).await.0, 200);
    let mut stream = front.connect().await;
    stream.write_all(format!("GET /events HTTP/1.1\r\n{mine}\r\n").as_bytes()).await.unwrap();
    read_until(&mut stream, "data: one").await.unwrap();
    let mut socket = open_socket(&talk).await;
    assert!(says_back(&mut socket).await);

    for front in [&front, &talk] {
        front.turn(59);
    }
    assert_eq!(on(&mut kept, "GET /", &mine).await.0, 200);
    assert!(says_back(&mut socket).await);
    for front in [&front, &talk] {
        front.turn(1);
    }
    let (status, body) = on(&mut kept, "GET /", &mine).await;
    assert_eq!(status, 403);
    assert!(
        body.contains("outside_hours") && body.contains("It opens again on 22 January, 07:00 UTC."),
        "{body}"
    );
    assert_eq!(close_code(&mut socket).await, Some(1008));
    assert_eq!(read_until(&mut stream, "data: two").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_goes_on_where_another_role_opens_as_one_closes() {
    let talk = Front::before(parrot().await).await;
    let shift = |role, from: &str, to: &str| limited(role, 100_000, json!({ "hours": [from, to] }));
    let shifts = vec![shift("early", "06:00:00", "08:01:00"), shift("late", "08:01:00", "08:02:00")];
    talk.hold(shifts, Account::NotNeeded);
    let mut socket = open_socket(&talk).await;
    talk.turn(60);
    assert!(says_back(&mut socket).await);
    talk.turn(60);
    assert_eq!(close_code(&mut socket).await, Some(1008));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_proves_too_little_or_is_too_old_is_told_from_one_that_is_neither() {
    let front = Front::before(Wiki::default().open().await).await;
    let ask = async |strength: Strength| {
        let strong = limited("reader", 10_000, json!({ "acr": ["gold"], "amr": ["otp"], "max_age": "PT1M" }));
        let mut guest = session(vec![strong], Account::NotNeeded);
        guest.strength = Some(Box::new(strength));
        front.sessions.hold(TOKEN, guest);
        front.get("/a?b", &format!("cookie: guestpass={TOKEN}\r\n")).await
    };
    let strength = |acr: &str, amr: &[&str], auth_time| Strength {
        acr: Some(acr.to_owned()),
        amr: amr.iter().map(|&method| method.to_owned()).collect(),
        auth_time: Some(at(auth_time)),
    };
    for (strength, expected) in [
        (Strength::default(), "stronger_sign_in"),
        (strength("silver", &["otp"], 0), "stronger_sign_in"),
        (strength("gold", &["pwd"], 0), "stronger_sign_in"),
        (Strength { auth_time: None, ..strength("gold", &["otp"], 0) }, "sign_in_again"),
        (strength("gold", &["otp"], -60), "sign_in_again"),
    ] {
        let (status, page) = ask(strength).await;
        assert!(status == 403 && page.contains(expected), "{page}");
    }
    assert_eq!(ask(strength("gold", &["pwd", "otp"], -59)).await.0, 200);
    front.turn(1);
    assert_eq!(front.status("/").await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_path_was_granted_opens_no_other_on_the_same_connection() {
    let wiki = Wiki::default();
    let front = Front::before(wiki.open().await).await;
    front.hold(
        vec![partial("auditor", 60, &["/reports"]), partial("editor", 60, &["/admin/log"])],
        Account::NotNeeded,
    );
    let mut stream = front.connect().await;
    for (path, expected) in [
        ("/reports/1", 200),
        ("/", 403),
        ("/reports", 200),
        ("/reportsx", 403),
        ("/REPORTS", 403),
        ("/reports/../x", 400),
        ("/reports;x", 400),
        ("/admin/log", 200),
        ("/admin", 403),
        ("/health", 200),
    ] {
        let (status, body) = on(&mut stream, &format!("GET {path}"), &headers(OUTSIDE)).await;
        assert_eq!(status, expected, "{path}: {body}");
        assert!(status != 403 || body.contains("no_role"), "{body}");
    }
}
