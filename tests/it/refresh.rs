//! Providers are asked again about those who are signed in. The fake gives another token each time, and shuts out whoever
//! shows one twice.

mod beside;

use crate::harness::{Hand, Play, Signs, Stage, soon};
use jiff::SignedDuration;
use serde_json::{Value, json};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

async fn stage() -> Stage {
    let to = "groups: { claim: groups }\n    refresh: 10m";
    Stage::with("groups: { claim: groups }", to).await
}

/// A browser that is signed in and sees the app.
async fn guest(stage: &Stage) -> Hand {
    let mut hand = Hand::new();
    let (_, reply) = hand.follow(&stage.house.echo_url, "nowhere").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    hand
}

/// How often the provider was asked with a refresh token.
fn asked(stage: &Stage) -> usize {
    let refreshes = |heard: &crate::harness::Heard| heard.form["grant_type"] == "refresh_token";
    stage.provider.heard("/token").iter().filter(|heard| refreshes(heard)).count()
}

/// Waits until it was asked so often. What comes of the last answer may be on its way.
async fn asked_so_often(stage: &Stage, often: usize) {
    soon(|| async {
        stage.house.turn(SignedDuration::from_secs(5));
        (asked(stage) >= often).then_some(())
    })
    .await;
    assert_eq!(asked(stage), often);
}

#[tokio::test]
async fn who_is_signed_in_stays_so_by_one_token_after_the_other() {
    let stage = stage().await;
    let mut hand = guest(&stage).await;
    for round in 1..=3 {
        stage.house.turn(MINUTE * 10);
        asked_so_often(&stage, round).await;
        assert_eq!(hand.get(&stage.house.echo_url).await.status, 200);
    }
    let tokens: Vec<String> = stage
        .provider
        .heard("/token")
        .iter()
        .filter_map(|heard| heard.form.get("refresh_token").cloned())
        .collect();
    assert!(tokens.windows(2).all(|pair| pair[0] != pair[1]), "one was shown twice");
    // Nothing has changed, so nothing was recorded; and none of the tokens can be read in the store.
    assert_eq!(stage.house.record().await.iter().filter(|event| *event == "sign_in_confirmed").count(), 0);
    let file = std::fs::read(stage.house.folder().join("guestpass.db")).unwrap_or_default();
    let log = std::fs::read(stage.house.folder().join("guestpass.db-wal")).unwrap_or_default();
    for token in tokens {
        let found = |bytes: &[u8]| bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!found(&file) && !found(&log));
    }
    stage.close().await;
}

#[tokio::test]
async fn a_role_that_the_provider_takes_back_is_gone_with_the_next_word() {
    let stage = stage().await;
    let hand = guest(&stage).await;
    stage.house.settled().await;
    let outside: fn(&mut Value) = |claims| claims["groups"] = json!([]);
    stage.provider.plays(Play { claims: outside, userinfo: outside, ..Play::default() });
    stage.house.turn(MINUTE * 10);
    asked_so_often(&stage, 1).await;
    soon(|| async { (hand_status(&stage, &hand).await == 403).then_some(()) }).await;
    // What becomes of their account may be recorded after it.
    assert!(stage.house.record().await.contains(&"sign_in_confirmed".to_owned()));
    stage.house.account_becomes(|account| !account.active).await;
    // And given again, it is there again.
    stage.provider.plays(Play::default());
    stage.house.turn(MINUTE * 10);
    asked_so_often(&stage, 2).await;
    soon(|| async { (hand_status(&stage, &hand).await == 200).then_some(()) }).await;
    stage.house.account_becomes(|account| account.active).await;
    stage.close().await;
}

async fn hand_status(stage: &Stage, like: &Hand) -> u16 {
    let mut hand = Hand::new();
    hand.cookies = like.cookies.clone();
    hand.headers.clear();
    hand.get(&stage.house.echo_url).await.status
}

#[tokio::test]
async fn what_is_not_known_takes_nothing_and_a_provider_that_is_away_takes_nobody() {
    let stage = stage().await;
    let hand = guest(&stage).await;
    let silent: fn(&mut Value) = |claims| {
        claims.as_object_mut().unwrap().remove("groups");
    };
    stage.provider.plays(Play { claims: silent, userinfo: silent, ..Play::default() });
    stage.house.turn(MINUTE * 10);
    asked_so_often(&stage, 1).await;
    // The token that took the place of the first is kept before anything is asked by it.
    soon(|| async { (stage.provider.heard("/userinfo").len() > 1).then_some(()) }).await;
    assert_eq!(hand_status(&stage, &hand).await, 200);
    stage.house.provider.down().await;
    stage.house.turn(MINUTE * 30);
    assert_eq!(hand_status(&stage, &hand).await, 200);
    stage.house.provider.up();
    stage.provider.plays(Play::default());
    stage.house.turn(MINUTE * 2);
    asked_so_often(&stage, 2).await;
    assert_eq!(hand_status(&stage, &hand).await, 200);
    stage.close().await;
}

#[tokio::test]
async fn a_word_that_cannot_be_believed_ends_the_session() {
    let other: fn(&mut Value) = |claims| claims["sub"] = "s-4".into();
    for (what, play) in [
        (
            "refresh-token-invalid-issuer",
            Play { claims: |of| of["iss"] = "https://x.example".into(), ..Play::default() },
        ),
        ("refresh-token-invalid-sub", Play { claims: other, ..Play::default() }),
        ("userinfo of somebody else", Play { userinfo: other, ..Play::default() }),
        ("a stranger's signature", Play { signs: Signs::Stranger, ..Play::default() }),
    ] {
        let stage = stage().await;
        let hand = guest(&stage).await;
        stage.provider.plays(play);
        stage.house.turn(MINUTE * 10);
        asked_so_often(&stage, 1).await;
        soon(|| async { (hand_status(&stage, &hand).await == 401).then_some(()) }).await;
        assert!(stage.house.record().await.contains(&"session_revoked".to_owned()), "{what}");
        stage.close().await;
    }
}

#[tokio::test]
async fn a_token_that_is_not_good_any_more_ends_the_session() {
    let stage = stage().await;
    let (hand, other) = (guest(&stage).await, guest(&stage).await);
    // The provider knows one sign-in at a time: the second made the token of the first worthless.
    stage.house.turn(MINUTE * 10);
    soon(|| async {
        stage.house.turn(SignedDuration::from_secs(5));
        (hand_status(&stage, &hand).await == 401).then_some(())
    })
    .await;
    drop(other);
    stage.close().await;
}
