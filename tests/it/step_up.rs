//! Parts of an app that ask for a stronger or a fresher sign-in, and the way there and back.

use crate::harness::{Hand, Play, Stage};
use jiff::SignedDuration;
use serde_json::Value;

const ROUTES: &str = "/staff: { roles: [writer] }";

async fn stage() -> Stage {
    let more = "/staff: { roles: [writer] }, /vault: { acr: [gold] }, /money: { max-age: 10m }";
    Stage::with(ROUTES, more).await
}

/// A browser that sees the app.
async fn guest(stage: &Stage) -> Hand {
    let mut hand = Hand::new();
    let (_, reply) = hand.follow(&stage.house.echo_url, "nowhere").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    hand
}

fn path(text: &str) -> String {
    let told: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"));
    told["path"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_needs_a_stronger_sign_in_is_sent_for_it_and_comes_back() {
    let stage = stage().await;
    let mut hand = guest(&stage).await;
    let vault = format!("{}/vault/7?x=1", stage.house.echo_url);
    let (asked, _) = hand.follow(&vault, &stage.house.provider_url).await;
    assert!(asked.contains("&acr_values=gold"), "{asked}");
    let (_, reply) = hand.follow(&asked, "nowhere").await;
    assert_eq!((reply.status, path(&reply.text)), (200, "/vault/7?x=1".to_owned()));
    // It is theirs from now on, and what it does not concern never was in the way.
    assert_eq!(hand.get(&vault).await.status, 200);
    assert_eq!(hand.get(&stage.house.echo_url).await.status, 200);
    // Who lacks the role is not sent anywhere.
    assert_eq!(hand.get(&format!("{}/staff", stage.house.echo_url)).await.status, 403);
    stage.close().await;
}

#[tokio::test]
async fn a_program_is_told_and_not_sent() {
    let stage = stage().await;
    let mut hand = guest(&stage).await;
    hand.headers.clear();
    for (path, reason, later) in [("/vault", "stronger_sign_in", 0), ("/money", "sign_in_again", 11)] {
        stage.house.turn(SignedDuration::from_mins(later));
        let reply = hand.get(&format!("{}{path}", stage.house.echo_url)).await;
        assert_eq!(reply.status, 403, "{path}: {}", reply.text);
        assert!(reply.text.contains(reason), "{path}: {}", reply.text);
    }
    stage.close().await;
}

#[tokio::test]
async fn who_signed_in_too_long_ago_is_asked_again_and_comes_back() {
    let stage = stage().await;
    let mut hand = guest(&stage).await;
    let money = format!("{}/money", stage.house.echo_url);
    assert_eq!(hand.get(&money).await.status, 200, "that was a moment ago");
    // The very connection on which it was open closes at the second.
    stage.house.turn(SignedDuration::from_secs(599));
    assert_eq!(hand.get(&money).await.status, 200);
    stage.house.turn(SignedDuration::from_secs(1));
    let (asked, _) = hand.follow(&money, &stage.house.provider_url).await;
    assert!(asked.contains("&max_age=599"), "{asked}");
    let (_, reply) = hand.follow(&asked, "nowhere").await;
    assert_eq!((reply.status, path(&reply.text)), (200, "/money".to_owned()));
    stage.close().await;
}

#[tokio::test]
async fn a_provider_that_does_not_do_what_it_is_asked_lets_nobody_through_and_nobody_goes_round() {
    let stage = stage().await;
    let mut hand = guest(&stage).await;
    stage.later();
    stage.later();
    stage.provider.plays(Play { claims: |claims| claims["acr"] = "silver".into(), ..Play::default() });
    let (_, reply) = hand.follow(&format!("{}/vault", stage.house.echo_url), "nowhere").await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert!(reply.text.contains("circle_provider"), "{}", reply.text);
    // An old word on a new question is not believed at all.
    stage.house.turn(SignedDuration::from_mins(20));
    stage.provider.plays(Play {
        claims: |claims| claims["auth_time"] = (claims["iat"].as_i64().unwrap() - 661).into(),
        ..Play::default()
    });
    let (_, reply) = hand.follow(&format!("{}/money", stage.house.echo_url), "nowhere").await;
    assert_eq!(reply.status, 403, "{}", reply.text);
    assert!(reply.text.contains("not_verified"), "{}", reply.text);
    stage.close().await;
}

#[tokio::test]
async fn what_a_role_asks_is_asked_of_the_provider_too() {
    let stage = Stage::open().await;
    stage.house.change("policies/notes.yaml", "    for: { ttl: 30d }\n", "    only: { acr: [gold] }\n");
    stage.house.operator().orders("/reload", serde_json::json!({})).await;
    let mut hand = Hand::new();
    let (_, reply) = hand.follow(&format!("{}/a", stage.house.echo_url), "nowhere").await;
    assert_eq!((reply.status, path(&reply.text)), (200, "/a".to_owned()));
    stage.close().await;
}
