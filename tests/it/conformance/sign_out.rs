//! Signing out here, and at the provider.

use crate::harness::{Answered as Reply, Hand, Play, Stage};
use serde_json::Value;
use url::Url;

const FROM: &str = "groups: { claim: groups }";

fn offers(goodbye: fn(&mut Value)) -> Play {
    let metadata: fn(&mut Value) = |of| {
        of["end_session_endpoint"] = format!("{}/end-session", of["issuer"].as_str().unwrap()).into();
    };
    Play { metadata, goodbye, ..Play::default() }
}

/// Signs out, and goes where that leads.
async fn signs_out(stage: &Stage, hand: &mut Hand) -> Reply {
    hand.post(&format!("{}/sign-out", stage.house.access_url), &[]).await
}

/// Where the page moves on to.
fn onward(reply: &Reply) -> Url {
    Url::parse(reply.header("refresh").strip_prefix("0; url=").unwrap()).unwrap()
}

fn said(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn who_signs_out_does_so_there_too_and_is_known_again_by_a_state() {
    let stage = Stage::open().await;
    for (what, play, known) in [
        ("rp-init-logout", offers(|_| {}), true),
        ("rp-init-logout-other-state", offers(|answer| answer["state"] = "another".into()), false),
        ("rp-init-logout-no-state", offers(|answer| answer["state"] = Value::Null), false),
    ] {
        let mut hand = stage.guest(play.clone()).await;
        stage.provider.plays(play);
        let out = signs_out(&stage, &mut hand).await;
        let there = onward(&out);
        assert_eq!(there.path(), "/end-session", "{what}");
        assert_eq!(said(&there, "client_id").unwrap(), "guestpass");
        let back = format!("{}/signed-out", stage.house.access_url);
        assert_eq!(said(&there, "post_logout_redirect_uri").unwrap(), back);
        assert!(said(&there, "state").unwrap().len() >= 43);
        assert_eq!(said(&there, "id_token_hint").unwrap().split('.').count(), 3);
        // It is over here whatever becomes of them there.
        assert_eq!(stage.knocks(&hand).await, 401, "{what}");
        let (_, done) = hand.follow(there.as_str(), "nowhere").await;
        assert_eq!(done.status == 200, known, "{what}: {}", done.text);
        assert_eq!(done.text.contains("You are signed out."), known, "{what}");
        // Once, in this browser.
        let cookies = hand.cookies_at(&stage.house.access_url);
        assert!(cookies.keys().all(|name| !name.contains("leaving")), "{what}: {cookies:?}");
        stage.later();
    }
    stage.close().await;
}

#[tokio::test]
async fn an_answer_that_is_somebody_elses_tells_nobody_that_they_are_signed_out() {
    let stage = Stage::open().await;
    let mut mallory = stage.guest(offers(|_| {})).await;
    let there = onward(&signs_out(&stage, &mut mallory).await);
    let state = said(&there, "state").unwrap();
    let answer = format!("{}/signed-out?state={state}", stage.house.access_url);
    let mut carla = stage.guest(offers(|_| {})).await;
    let told = carla.get(&answer).await;
    assert_eq!(told.status, 400, "{}", told.text);
    assert!(told.text.contains("sign_out_unconfirmed"), "{}", told.text);
    assert_eq!(stage.knocks(&carla).await, 200);
    stage.close().await;
}

#[tokio::test]
async fn nobody_is_sent_there_where_it_has_no_place_for_that_or_it_is_not_wanted() {
    let stage = Stage::open().await;
    let ask = format!("{}/sign-out", stage.house.access_url);
    let mut hand = stage.guest(Play::default()).await;
    assert!(hand.get(&ask).await.text.contains("may still know you"));
    let out = signs_out(&stage, &mut hand).await;
    assert_eq!(out.next, Some(format!("{}/signed-out", stage.house.access_url)));
    stage.close().await;

    let stage = Stage::with(FROM, &format!("{FROM}\n    end-session: false")).await;
    let mut hand = stage.guest(offers(|_| {})).await;
    let out = signs_out(&stage, &mut hand).await;
    assert_eq!(out.next, Some(format!("{}/signed-out", stage.house.access_url)));
    assert_eq!(hand.get(&out.next.unwrap()).await.status, 200);
    assert_eq!(stage.knocks(&hand).await, 401);
    stage.close().await;
}

#[tokio::test]
async fn without_an_id_token_the_provider_is_told_who_it_is() {
    let stage = Stage::with(FROM, &format!("{FROM}\n    end-session: false")).await;
    let mut hand = stage.guest(offers(|_| {})).await;
    // It was not kept, as nobody was to be sent there.
    stage.house.change("guestpass.yaml", "end-session: false", "end-session: true");
    stage.house.operator().orders("/reload", serde_json::json!({})).await;
    stage.provider.plays(offers(|_| {}));
    let there = onward(&signs_out(&stage, &mut hand).await);
    assert_eq!(said(&there, "id_token_hint"), None);
    assert_eq!(said(&there, "logout_hint").unwrap(), crate::harness::CARLA);
    stage.close().await;
}
