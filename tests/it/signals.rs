//! What is signalled of a provider's people (OpenID Shared Signals), pushed to us and asked for. The hostile provider signs.

use crate::harness::{Answered as Reply, CARLA, Change, Hand, Play, Signs, Site, Stage, guestpass, soon};
use guestpass::clock::Clock;
use guestpass::seal::random_text;
use jiff::SignedDuration;
use serde_json::{Value, json};

const FROM: &str = "groups: { claim: groups }";
const TOKEN: &str = "a-token-of-ours-that-nobody-guesses";
const AUDIENCE: &str = "https://access.example.com/signals";
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type";
const RISC: &str = "https://schemas.openid.net/secevent/risc/event-type";

fn pushed(more: &str) -> String {
    format!("{FROM}\n    signals: {{ audience: \"{AUDIENCE}\", token: {TOKEN}{more} }}")
}

async fn stage(more: &str) -> Stage {
    Stage::with(FROM, &pushed(more)).await
}

/// Signed in within a session at the provider.
fn here() -> Play {
    Play { claims: |claims| claims["sid"] = "there-1".into(), ..Play::default() }
}

/// That this happened to Carla, but for `change`.
fn claims(stage: &Stage, event: &str, change: impl Fn(&mut Value)) -> Value {
    let iss = &stage.house.provider_url;
    let mut claims = json!({
        "iss": iss, "aud": AUDIENCE, "iat": stage.house.clock.now().as_second(), "jti": random_text(),
        "sub_id": { "format": "iss_sub", "iss": iss, "sub": CARLA }, "events": { event: { "event_timestamp": 1 } },
    });
    change(&mut claims);
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn revoked() -> String {
    format!("{CAEP}/session-revoked")
}

fn token(stage: &Stage, event: &str, change: impl Fn(&mut Value)) -> String {
    stage.provider.says(Some("secevent+jwt"), &claims(stage, event, change))
}

/// Pushes it with these headers.
async fn push_with(stage: &Stage, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut transmitter = Hand::new();
    transmitter.headers.clear();
    for (name, value) in headers {
        transmitter.say(name, value);
    }
    let address = format!("{}/signals/demo", stage.house.access_url);
    let reply = transmitter.post_text(&address, body).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    reply
}

async fn push(stage: &Stage, body: &str) -> Reply {
    let shown = format!("Bearer {TOKEN}");
    push_with(stage, &[("authorization", &shown), ("content-type", "application/secevent+jwt")], body).await
}

fn code(reply: &Reply) -> String {
    let said: Value = serde_json::from_str(&reply.text).unwrap_or_default();
    said["err"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_session_that_is_revoked_there_is_over_here_at_once_and_once() {
    let stage = stage("").await;
    let guest = stage.guest(here()).await;
    let complex: fn(&mut Value) = |claims| {
        let user = claims["sub_id"].clone();
        let session = json!({ "format": "opaque", "id": "there-2" });
        claims["sub_id"] = json!({ "format": "complex", "user": user, "session": session });
    };
    let reply = push(&stage, &token(&stage, &revoked(), complex)).await;
    assert_eq!((reply.status, &*reply.text), (202, ""));
    assert_eq!(stage.knocks(&guest).await, 200, "another session of theirs");
    let one = token(&stage, &revoked(), |_| {});
    assert_eq!(push(&stage, &one).await.status, 202);
    assert_eq!(stage.knocks(&guest).await, 401);
    // Again, it is known for what it is; held back, it ends nothing that began later.
    let late = token(&stage, &revoked(), |_| {});
    let guest = stage.guest(here()).await;
    assert_eq!(push(&stage, &one).await.status, 202);
    assert_eq!(stage.knocks(&guest).await, 200);
    stage.house.turn(SignedDuration::from_mins(5));
    let later = stage.guest(here()).await;
    assert_eq!(push(&stage, &late).await.status, 202);
    assert_eq!((stage.knocks(&guest).await, stage.knocks(&later).await), (401, 200));
    let record = stage.house.record().await;
    let heard = record.iter().filter(|event| *event == "provider_signalled caep/session-revoked");
    assert_eq!(heard.count(), 3);
    stage.close().await;
}

#[tokio::test]
async fn an_event_that_is_not_for_us_or_not_theirs_ends_nothing_and_says_why() {
    let stage = stage("").await;
    let guest = stage.guest(here()).await;
    let good = token(&stage, &revoked(), |_| {});
    let own = format!("Bearer {TOKEN}");
    let typed = ("content-type", "application/secevent+jwt");
    for shown in ["", "Bearer", "Bearer ", "Bearer another", &format!("Basic {TOKEN}"), TOKEN] {
        let reply = push_with(&stage, &[("authorization", shown), typed], &good).await;
        assert_eq!((reply.status, code(&reply)), (401, "authentication_failed".to_owned()), "{shown:?}");
    }
    for media in ["application/jwt", "application/x-www-form-urlencoded", "text/plain"] {
        let reply = push_with(&stage, &[("authorization", &own), ("content-type", media)], &good).await;
        assert_eq!((reply.status, code(&reply)), (400, "invalid_request".to_owned()), "{media}");
    }
    let changes: [(&str, Change); 11] = [
        ("invalid_issuer", |claims| claims["iss"] = "https://evil.example".into()),
        ("invalid_issuer", |claims| claims["iss"] = Value::Null),
        ("invalid_audience", |claims| claims["aud"] = "guestpass".into()),
        ("invalid_audience", |claims| claims["aud"] = json!(["another"])),
        ("invalid_audience", |claims| claims["aud"] = Value::Null),
        ("invalid_request", |claims| claims["jti"] = Value::Null),
        ("invalid_request", |claims| claims["iat"] = Value::Null),
        ("invalid_request", |claims| claims["iat"] = (claims["iat"].as_i64().unwrap() + 61).into()),
        ("invalid_request", |claims| claims["exp"] = claims["iat"].clone()),
        ("invalid_request", |claims| claims["events"] = Value::Null),
        ("invalid_request", |claims| claims["events"] = json!({})),
    ];
    let refused = async |expected: &str, token: &str| {
        let reply = push(&stage, token).await;
        assert_eq!((reply.status, code(&reply)), (400, expected.to_owned()), "{}", reply.text);
        assert_eq!(reply.header("content-language"), "en");
    };
    for (expected, change) in changes {
        refused(expected, &token(&stage, &revoked(), change)).await;
    }
    for typ in [None, Some("JWT"), Some("logout+jwt"), Some("at+jwt")] {
        let claims = claims(&stage, &revoked(), |_| {});
        refused("invalid_request", &stage.provider.says(typ, &claims)).await;
    }
    for signs in [Signs::Nobody, Signs::Stranger, Signs::Secret, Signs::Published] {
        stage.provider.plays(Play { signs, ..Play::default() });
        refused("invalid_request", &token(&stage, &revoked(), |_| {})).await;
    }
    stage.provider.plays(Play::default());
    for body in ["", "a.b.c"] {
        refused("invalid_request", body).await;
    }
    let record = stage.house.record().await;
    assert!(record.iter().all(|event| !event.starts_with("provider_signalled")), "{record:?}");
    assert_eq!(stage.knocks(&guest).await, 200);
    assert_eq!(push(&stage, &good).await.status, 202);
    assert_eq!(stage.knocks(&guest).await, 401);
    stage.close().await;
}

#[tokio::test]
async fn what_is_about_nobody_or_changes_nothing_is_taken_and_recorded() {
    let stage = stage("").await;
    let guest = stage.guest(here()).await;
    let of = |subject: Value| move |claims: &mut Value| claims["sub_id"] = subject.clone();
    let address = json!({ "format": "email", "email": "carla@example.com" });
    let stranger = json!({ "format": "iss_sub", "iss": "https://evil.example", "sub": CARLA });
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    for (event, subject, told) in [
        (revoked(), address, "caep/session-revoked"),
        (revoked(), stranger, "caep/session-revoked"),
        (revoked(), json!({ "format": "phone_number", "phone_number": "+1" }), "caep/session-revoked"),
        (verification.to_owned(), json!({ "format": "opaque", "id": "stream-1" }), "ssf/verification"),
        ("urn:example:new".to_owned(), json!({ "format": "opaque", "id": CARLA }), "urn:example:new"),
    ] {
        assert_eq!(push(&stage, &token(&stage, &event, of(subject))).await.status, 202, "{event}");
        assert_eq!(stage.last().await, format!("provider_signalled {told}"));
    }
    let change = format!("{CAEP}/credential-change");
    let comes = |claims: &mut Value| claims["events"][&change] = json!({ "change_type": "create" });
    assert_eq!(push(&stage, &token(&stage, &change, comes)).await.status, 202);
    assert_eq!(stage.knocks(&guest).await, 200);
    let goes = |claims: &mut Value| claims["events"][&change] = json!({ "change_type": "revoke" });
    assert_eq!(push(&stage, &token(&stage, &change, goes)).await.status, 202);
    assert_eq!(stage.knocks(&guest).await, 401);
    stage.close().await;
}

#[tokio::test]
async fn people_are_found_by_their_addresses_only_where_that_is_said_to_be_safe() {
    let stage = stage(", emails: true").await;
    let guest = stage.guest(here()).await;
    let of = |email: &'static str| {
        move |claims: &mut Value| claims["sub_id"] = json!({ "format": "email", "email": email })
    };
    assert_eq!(push(&stage, &token(&stage, &revoked(), of("dora@example.com"))).await.status, 202);
    assert_eq!(stage.knocks(&guest).await, 200);
    assert_eq!(push(&stage, &token(&stage, &revoked(), of("Carla@example.com"))).await.status, 202);
    assert_eq!(stage.knocks(&guest).await, 401);
    stage.close().await;
}

#[tokio::test]
async fn an_account_that_is_closed_there_is_closed_here_until_the_provider_vouches_again() {
    let stage = stage("").await;
    for event in ["account-disabled", "account-purged"] {
        let guest = stage.guest(here()).await;
        stage.house.settled().await;
        assert!(stage.house.account().await.active);
        assert_eq!(push(&stage, &token(&stage, &format!("{RISC}/{event}"), |_| {})).await.status, 202);
        assert_eq!(stage.knocks(&guest).await, 401, "{event}");
        stage.house.account_becomes(|account| !account.active).await;
        assert!(stage.house.grants(CARLA).await.iter().all(|grant| grant.ended), "{event}");
        stage.house.turn(SignedDuration::from_mins(5));
    }
    let guest = stage.guest(here()).await;
    stage.house.settled().await;
    assert!(stage.house.account().await.active);
    assert_eq!(stage.knocks(&guest).await, 200);
    stage.close().await;
}

#[tokio::test]
async fn events_that_are_asked_for_are_acknowledged_once_they_have_been_carried_out() {
    let to = format!(
        "{FROM}\n    signals: {{ audience: \"{AUDIENCE}\", poll: {{ at: PROVIDER/poll, token: theirs, every: 10s }} }}"
    );
    let stage = Stage::with(FROM, &to).await;
    let guest = stage.guest(here()).await;
    stage.provider.keeps("good", token(&stage, &revoked(), |_| {}));
    stage.provider.keeps("bad", token(&stage, &revoked(), |claims| claims["aud"] = "another".into()));
    soon(|| async {
        stage.house.turn(SignedDuration::from_secs(1));
        stage.provider.waiting().is_empty().then_some(())
    })
    .await;
    assert_eq!(stage.knocks(&guest).await, 401);
    let asked: Vec<Value> = stage
        .provider
        .heard("/poll")
        .iter()
        .map(|heard| {
            assert_eq!(heard.headers["authorization"], "Bearer theirs");
            serde_json::from_str(&heard.body).unwrap()
        })
        .collect();
    let told = asked.iter().find(|poll| poll["ack"] == json!(["good"])).unwrap();
    assert_eq!(told["setErrs"]["bad"]["err"], "invalid_audience");
    assert!(told["returnImmediately"] == true && told["maxEvents"].as_i64() > Some(0), "{told}");
    // Nobody may push here, where that is not said.
    let reply = push(&stage, &token(&stage, &revoked(), |_| {})).await;
    assert_eq!(reply.status, 401);
    // A key that came meanwhile is read.
    let guest = stage.guest(here()).await;
    stage.provider.rotates();
    stage.later();
    stage.provider.keeps("newer", token(&stage, &revoked(), |_| {}));
    soon(|| async {
        stage.house.turn(SignedDuration::from_secs(1));
        stage.provider.waiting().is_empty().then_some(())
    })
    .await;
    assert_eq!(stage.knocks(&guest).await, 401);
    stage.close().await;
}

#[tokio::test]
async fn a_stream_that_nothing_could_be_heard_of_is_a_mistake_with_its_place() {
    for (settings, told) in [
        ("{ audience: us }", "no signal would ever be heard"),
        ("{ audience: us, token: short }", "it is short enough to be guessed"),
        ("{ audience: '', token: 0123456789abcdef0123456789abcdef }", "it is empty"),
        ("{ audience: us, poll: { at: 'http://signals.example.com', token: theirs } }", "is not encrypted"),
        (
            "{ audience: us, issuer: 'http://signals.example.com', poll: { at: PROVIDER, token: t } }",
            "is not encrypted",
        ),
        ("{ token: 0123456789abcdef0123456789abcdef }", "audience"),
    ] {
        let site = Site::new(Clock::system()).await;
        let settings = settings.replace("PROVIDER", &site.provider_url);
        site.change("guestpass.yaml", FROM, &format!("{FROM}\n    signals: {settings}"));
        let checked = guestpass(&["check", "--config", site.config().to_str().unwrap()]).await;
        let said = checked.out + &checked.err;
        assert_eq!(checked.code, 1, "{settings}: {said}");
        assert!(said.contains(told) && said.contains("guestpass.yaml:"), "{settings}: {said}");
    }
}
