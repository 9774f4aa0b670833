//! The same by two gateways on one PostgreSQL database, which share a clock, to the microsecond: played where
//! [replicas](crate::replicas) are.

use super::{MINUTE, asked, asked_so_often};
use crate::harness::{Beside, Hand, Play, Stage, soon};
use crate::replicas::{knocks, shared_by};
use guestpass::clock::Clock;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::sleep;

/// One gateway, and its provider; somebody has signed in there: the cookies that their browser shows Notes.
async fn one() -> Option<(Stage, String)> {
    let site = shared_by(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await?;
    site.change("guestpass.yaml", "groups: { claim: groups }", "groups: { claim: groups }\n    refresh: 10m");
    let stage = Stage::of(site).await;
    let mut hand = Hand::new();
    hand.follow(&stage.house.notes_url, "nowhere").await;
    let kept = hand.cookies_at(&stage.house.notes_url).iter();
    let cookies = kept.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    becomes(&stage, &[stage.house.front], &cookies, 200).await;
    Some((stage, cookies))
}

/// Waits until whoever shows `cookies` is told `status` at each of these.
async fn becomes(stage: &Stage, fronts: &[SocketAddr], cookies: &str, status: u16) {
    for front in fronts {
        soon(|| async { (knocks(&stage.house, *front, cookies).await.0 == status).then_some(()) }).await;
    }
}

/// Time goes on until both have looked again, and what one of them had claimed is free.
async fn both_look(stage: &Stage) {
    for seconds in [5, 5, 60, 5] {
        stage.house.turn(SignedDuration::from_secs(seconds));
        sleep(Duration::from_millis(100)).await;
    }
}

async fn end(stage: Stage, beside: Beside) {
    stage.house.settled().await;
    beside.stop().await;
    stage.close().await;
}

#[tokio::test]
async fn two_replicas_ask_once_whenever_it_is_due_and_both_hold_to_the_answer() {
    let Some((stage, cookies)) = one().await else { return };
    let beside = stage.house.beside().await;
    let fronts = [stage.house.front, beside.front];
    becomes(&stage, &fronts, &cookies, 200).await;
    let outside: fn(&mut Value) = |claims| claims["groups"] = json!([]);
    let narrowed = Play { claims: outside, userinfo: outside, ..Play::default() };
    for (round, play, status) in
        [(1, Play::default(), 200), (2, narrowed, 403), (3, Play::default(), 200), (4, Play::default(), 200)]
    {
        stage.provider.plays(play);
        stage.house.turn(MINUTE * 10);
        asked_so_often(&stage, round).await;
        becomes(&stage, &fronts, &cookies, status).await;
        both_look(&stage).await;
        assert_eq!(asked(&stage), round, "it is asked again before it is due");
    }
    end(stage, beside).await;
}

#[tokio::test]
async fn a_token_that_is_no_longer_good_because_another_replica_has_used_it_ends_nothing() {
    let Some((mut stage, cookies)) = one().await else { return };
    let go_on = stage.provider.holds();
    stage.house.turn(MINUTE * 10);
    asked_so_often(&stage, 1).await;
    // The answer takes longer than the claim lasts: another one asks, and is told something new.
    let beside = stage.house.beside().await;
    stage.provider.plays(Play { claims: |claims| claims["name"] = "C. Reyes".into(), ..Play::default() });
    stage.house.turn(MINUTE);
    asked_so_often(&stage, 2).await;
    let confirmed = "sign_in_confirmed".to_owned();
    soon(|| async { stage.house.record().await.contains(&confirmed).then_some(()) }).await;
    let sent: Vec<_> = stage.provider.heard("/token").into_iter().skip(1).collect();
    assert_eq!(sent[0].form["refresh_token"], sent[1].form["refresh_token"]);
    go_on.send(()).unwrap();
    // Stopping, it hears what it has asked to the end.
    stage.house.restart().await;
    let fronts = [stage.house.front, beside.front];
    becomes(&stage, &fronts, &cookies, 200).await;
    assert!(!stage.house.record().await.contains(&"session_revoked".to_owned()));
    // And what was given meanwhile is good.
    stage.house.turn(MINUTE * 10);
    asked_so_often(&stage, 3).await;
    both_look(&stage).await;
    becomes(&stage, &fronts, &cookies, 200).await;
    assert_eq!(asked(&stage), 3);
    end(stage, beside).await;
}
