//! The provider says by itself that somebody has signed out there. Every token that is wrong comes before one that is right,
//! for the same session.

use crate::harness::{Answered as Reply, CARLA, Change, Hand, Play, Signs, Stage};
use guestpass::seal::random_text;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Signed in within the first of two sessions at the provider.
fn here() -> Play {
    Play { claims: |claims| claims["sid"] = "there-1".into(), ..Play::default() }
}

/// Within the second.
fn elsewhere() -> Play {
    Play { claims: |claims| claims["sid"] = "there-2".into(), ..Play::default() }
}

/// What a logout token says of the first, but for `change`.
fn claims(stage: &Stage, change: fn(&mut Value)) -> Value {
    let now = stage.house.clock.now().as_second();
    let mut claims = json!({
        "iss": stage.house.provider_url, "aud": "guestpass", "iat": now, "exp": now + 120, "jti": random_text(),
        "sub": CARLA, "sid": "there-1", "events": { EVENT: {} },
    });
    change(&mut claims);
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn token(stage: &Stage, change: fn(&mut Value)) -> String {
    stage.provider.says(Some("logout+jwt"), &claims(stage, change))
}

/// Says it as a provider does: not from a page of ours.
async fn say(stage: &Stage, fields: &[(&str, &str)]) -> Reply {
    let mut provider = Hand::new();
    provider.headers.clear();
    provider.say("sec-fetch-site", "cross-site");
    let reply = provider.post(&address(stage), fields).await;
    assert_eq!(reply.header("cache-control"), "no-store", "{}", reply.text);
    reply
}

fn address(stage: &Stage) -> String {
    format!("{}/sign-out/back-channel/demo", stage.house.access_url)
}

async fn says(stage: &Stage, token: &str) -> u16 {
    say(stage, &[("logout_token", token)]).await.status
}

async fn counted(stage: &Stage, outcome: &str) -> f64 {
    let name = format!("guestpass_signals_total{{way=\"back_channel\",outcome=\"{outcome}\"}}");
    stage.house.counted(&name).await.unwrap()
}

#[tokio::test]
async fn a_session_that_is_over_there_is_over_here_and_no_other() {
    let stage = Stage::open().await;
    let (first, second) = (stage.guest(here()).await, stage.guest(elsewhere()).await);
    assert_eq!(says(&stage, &token(&stage, |_| {})).await, 200);
    assert_eq!((stage.knocks(&first).await, stage.knocks(&second).await), (401, 200));
    // By the session alone, as some say it, and with the type that all tokens had once.
    let other = claims(&stage, |claims| {
        claims["sub"] = Value::Null;
        claims["sid"] = "there-2".into();
    });
    assert_eq!(says(&stage, &stage.provider.says(None, &other)).await, 200);
    assert_eq!(stage.knocks(&second).await, 401);
    // All of a person.
    let (first, second) = (stage.guest(here()).await, stage.guest(elsewhere()).await);
    // With an address of their own, so that their account is.
    let address: fn(&mut Value) = |claims| claims["email"] = "c-18@example.com".into();
    let otto = Play { person: "c-18", userinfo: address, ..here() };
    let other = stage.guest(otto).await;
    assert_eq!(says(&stage, &token(&stage, |claims| claims["sid"] = Value::Null)).await, 200);
    assert_eq!((stage.knocks(&first).await, stage.knocks(&second).await), (401, 401));
    assert_eq!(stage.knocks(&other).await, 200, "somebody else's");
    // A session of somebody else than it says is nobody's.
    assert_eq!(says(&stage, &token(&stage, |_| {})).await, 200);
    assert_eq!(stage.knocks(&other).await, 200);
    let record = stage.house.record().await;
    let heard = record.iter().filter(|event| *event == "provider_signalled back-channel-logout");
    assert_eq!(heard.count(), 4);
    assert_eq!((counted(&stage, "taken").await, counted(&stage, "refused").await), (4.0, 0.0));
    stage.close().await;
}

#[tokio::test]
async fn a_token_that_is_not_as_it_must_be_ends_nothing() {
    let to = "groups: { claim: groups }\n    id-token-algorithms: [ES256]";
    let stage = Stage::with("groups: { claim: groups }", to).await;
    let guest = stage.guest(here()).await;
    let refused = async |what: &str, token: &str| {
        assert_eq!(says(&stage, token).await, 400, "{what}");
        assert_eq!(stage.knocks(&guest).await, 200, "{what}");
    };
    let changes: [(&str, Change); 20] = [
        ("no-event", |claims| claims["events"] = Value::Null),
        ("no event in it", |claims| claims["events"] = json!({})),
        ("wrong-event", |claims| claims["events"] = json!({ "http://schemas.openid.net/event/other": {} })),
        ("an event that is no object", |claims| claims["events"][EVENT] = "yes".into()),
        ("with-nonce", |claims| claims["nonce"] = "n".into()),
        ("wrong-aud", |claims| claims["aud"] = "another".into()),
        ("for others, too", |claims| claims["aud"] = json!(["guestpass", "another"])),
        ("no aud", |claims| claims["aud"] = Value::Null),
        ("wrong-iss", |claims| claims["iss"] = "https://evil.example".into()),
        ("no iss", |claims| claims["iss"] = Value::Null),
        ("no iat", |claims| claims["iat"] = Value::Null),
        ("made in the future", |claims| claims["iat"] = (claims["iat"].as_i64().unwrap() + 61).into()),
        ("no exp", |claims| claims["exp"] = Value::Null),
        ("over", |claims| claims["exp"] = claims["iat"].clone()),
        ("no jti", |claims| claims["jti"] = Value::Null),
        ("an empty jti", |claims| claims["jti"] = "".into()),
        ("neither sid nor sub", |claims| {
            claims["sid"] = Value::Null;
            claims["sub"] = Value::Null;
        }),
        ("a sid that is no text", |claims| claims["sid"] = 1.into()),
        ("a sub that is no text", |claims| claims["sub"] = json!([CARLA])),
        ("not yet", |claims| claims["nbf"] = (claims["iat"].as_i64().unwrap() + 3600).into()),
    ];
    for (what, change) in changes {
        refused(what, &token(&stage, change)).await;
    }
    for (what, signs) in [
        ("alg-none", Signs::Nobody),
        ("wrong-alg", Signs::Rs256),
        ("a stranger's", Signs::Stranger),
        ("spoilt", Signs::Spoilt(Algorithm::ES256)),
        ("by our secret", Signs::Secret),
        ("by what is published", Signs::Published),
    ] {
        stage.provider.plays(Play { signs, ..Play::default() });
        refused(what, &token(&stage, |_| {})).await;
    }
    stage.provider.plays(Play::default());
    for typ in ["at+jwt", "secevent+jwt", ""] {
        refused(typ, &stage.provider.says(Some(typ), &claims(&stage, |_| {}))).await;
    }
    for what in ["", "a.b", "a.b.c", "....", "e30.e30.e30"] {
        refused(what, what).await;
    }
    assert_eq!(counted(&stage, "refused").await, 34.0);
    let heard = stage.house.record().await;
    assert!(heard.iter().all(|event| !event.starts_with("provider_signalled")), "{heard:?}");
    assert_eq!(says(&stage, &token(&stage, |_| {})).await, 200);
    assert_eq!(stage.knocks(&guest).await, 401);
    stage.close().await;
}

#[tokio::test]
async fn a_token_counts_once_and_only_for_what_began_before_it() {
    let stage = Stage::open().await;
    let guest = stage.guest(here()).await;
    let (used, kept) =
        (token(&stage, |_| {}), token(&stage, |claims| claims["exp"] = 4_000_000_000_i64.into()));
    assert_eq!(says(&stage, &used).await, 200);
    assert_eq!(stage.knocks(&guest).await, 401);
    let guest = stage.guest(here()).await;
    assert_eq!(says(&stage, &used).await, 400, "used before");
    assert_eq!(counted(&stage, "repeated").await, 1.0);
    assert_eq!(stage.knocks(&guest).await, 200);
    // Held back by somebody in between, it ends nothing that began meanwhile.
    stage.house.turn(jiff::SignedDuration::from_mins(5));
    let later = stage.guest(here()).await;
    assert_eq!(says(&stage, &kept).await, 200);
    assert_eq!((stage.knocks(&guest).await, stage.knocks(&later).await), (401, 200));
    stage.close().await;
}

#[tokio::test]
async fn a_request_that_is_none_is_refused_and_what_cannot_be_told_now_is_to_be_said_again() {
    let stage = Stage::open().await;
    let guest = stage.guest(here()).await;
    let good = token(&stage, |_| {});
    for fields in [
        &[][..],
        &[("token", good.as_str())],
        &[("logout_token", good.as_str()), ("logout_token", good.as_str())],
    ] {
        assert_eq!(say(&stage, fields).await.status, 400, "{fields:?}");
    }
    let large = "a".repeat(70_000);
    let mut hand = Hand::new();
    assert_eq!(hand.post(&address(&stage), &[("logout_token", &large)]).await.status, 413);
    assert_eq!(hand.get(&format!("{}?logout_token={good}", address(&stage))).await.status, 405);
    let nobody = address(&stage).replace("demo", "nobody");
    assert_eq!(hand.post(&nobody, &[("logout_token", &good)]).await.status, 404);
    assert_eq!(stage.knocks(&guest).await, 200);
    // A key that may be new, of a provider that cannot be asked.
    stage.provider.rotates();
    stage.later();
    let newer = token(&stage, |_| {});
    stage.house.provider.down().await;
    let reply = say(&stage, &[("logout_token", &newer)]).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, "5"));
    stage.house.provider.up();
    stage.later();
    assert_eq!(says(&stage, &newer).await, 200);
    assert_eq!(stage.knocks(&guest).await, 401);
    stage.close().await;
}
