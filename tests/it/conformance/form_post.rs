//! The basic cases again, with an answer that the browser posts.

use crate::harness::{Answered as Reply, Hand, Play, Stage};
use serde_json::Value;

const FROM: &str = "groups: { claim: groups }";
const TO: &str = "groups: { claim: groups }\n    response-mode: form_post";

/// What the provider has the browser post, and where.
async fn form(stage: &Stage, hand: &mut Hand) -> (String, Vec<(String, String)>) {
    let (asked, _) = hand.follow(&stage.house.echo_url, &stage.house.provider_url).await;
    assert!(asked.contains("response_mode=form_post"), "{asked}");
    let fields: Value = serde_json::from_str(&hand.get(&asked).await.text).unwrap();
    let fields = fields.as_object().unwrap().iter();
    let fields = fields.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
    (format!("{}/callback", stage.house.access_url), fields.collect())
}

/// Posts it as a browser does that comes from another site: without the cookies that are not for that.
async fn post(hand: &mut Hand, to: &str, fields: &[(String, String)]) -> Reply {
    let kept = std::mem::take(hand.cookies_at(to));
    hand.say("sec-fetch-site", "cross-site");
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    let reply = hand.post(to, &fields).await;
    hand.headers.remove("sec-fetch-site");
    *hand.cookies_at(to) = kept;
    reply
}

async fn signs_in(stage: &Stage) -> Reply {
    let mut hand = Hand::new();
    let (to, fields) = form(stage, &mut hand).await;
    let code = fields.iter().find(|(name, _)| name == "code").map(|(_, code)| code.clone());
    let reply = post(&mut hand, &to, &fields).await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    assert!(reply.headers.get("set-cookie").is_none());
    let next = reply.next.unwrap();
    assert!(code.is_none_or(|code| !next.contains(&code)), "the code stands in {next}");
    hand.follow(&next, "nowhere").await.1
}

#[tokio::test]
async fn an_answer_that_is_posted_signs_in_and_what_is_wrong_with_it_is_found() {
    let stage = Stage::with(FROM, TO).await;
    for _ in 0..2 {
        let reply = signs_in(&stage).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    for (what, reason, play) in [
        ("nonce-invalid", "not_verified", Play { claims: |of| of["nonce"] = "x".into(), ..Play::default() }),
        (
            "userinfo-invalid-sub",
            "not_verified",
            Play { userinfo: |of| of["sub"] = "x".into(), ..Play::default() },
        ),
        ("invalid iss", "not_verified", Play { answer: |of| of["iss"] = "x".into(), ..Play::default() }),
        (
            "form-post-error",
            "provider_refused",
            Play {
                answer: |of| {
                    of.as_object_mut().unwrap().remove("code");
                    of["error"] = "access_denied".into();
                },
                ..Play::default()
            },
        ),
    ] {
        stage.provider.plays(play);
        let reply = signs_in(&stage).await;
        assert_eq!(reply.status, 403, "{what}: {}", reply.text);
        assert!(reply.text.contains(reason), "{what}: {}", reply.text);
    }
    stage.close().await;
}

#[tokio::test]
async fn an_answer_that_is_posted_counts_in_the_browser_that_asked_alone() {
    let stage = Stage::with(FROM, TO).await;
    let (mut carla, mut mallory) = (Hand::new(), Hand::new());
    let (to, fields) = form(&stage, &mut mallory).await;
    form(&stage, &mut carla).await;
    let reply = post(&mut carla, &to, &fields).await;
    assert_eq!(carla.get(&reply.next.unwrap()).await.status, 400);
    // Nor may it be changed on the way, or be too large.
    let reply = post(&mut mallory, &to, &fields).await;
    let next = reply.next.unwrap();
    let spoilt = format!("{}A{}", &next[..next.len() - 8], &next[next.len() - 7..]);
    assert_eq!(mallory.get(&spoilt).await.status, 400);
    let large = [("code".to_owned(), "a".repeat(9_000))];
    assert_eq!(post(&mut mallory, &to, &large).await.status, 413);
    // And it counts once.
    assert_eq!(mallory.get(&next).await.status, 303);
    mallory.cookies_at(&stage.house.access_url).clear();
    assert_eq!(mallory.get(&next).await.status, 400);
    stage.close().await;
}
