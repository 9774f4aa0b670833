//! An answer that the browser posts. What else is wrong with one is found as in any other: the basic cases are played each
//! way ([`Stage::each_way`]).

use crate::harness::{Hand, Play, Stage};
use serde_json::Value;

#[tokio::test]
async fn an_answer_that_is_posted_signs_in_and_what_is_wrong_with_it_is_found() {
    let stage = Stage::posting().await;
    let denied = |of: &mut Value| {
        of.as_object_mut().unwrap().remove("code");
        of["error"] = "access_denied".into();
    };
    for (what, reason, play) in [
        ("invalid iss", "not_verified", Play { answer: |of| of["iss"] = "x".into(), ..Play::default() }),
        ("form-post-error", "provider_refused", Play { answer: denied, ..Play::default() }),
    ] {
        stage.refuses(what, reason, play).await;
    }
    stage.close().await;
}

#[tokio::test]
async fn an_answer_that_is_posted_counts_in_the_browser_that_asked_alone() {
    let stage = Stage::posting().await;
    let (mut carla, mut mallory) = (Hand::new(), Hand::new());
    let (to, fields) = stage.form(&mut mallory).await;
    stage.form(&mut carla).await;
    let reply = carla.post_across(&to, &fields).await;
    assert_eq!(carla.get(&reply.next.unwrap()).await.status, 400);
    // Nor may it be changed on the way, or be too large.
    let reply = mallory.post_across(&to, &fields).await;
    let next = reply.next.unwrap();
    let at = next.len() - 8;
    let other = if next[at..].starts_with('A') { "B" } else { "A" };
    let spoilt = format!("{}{other}{}", &next[..at], &next[at + 1..]);
    assert_eq!(mallory.get(&spoilt).await.status, 400);
    let large = [("code".to_owned(), "a".repeat(9_000))];
    assert_eq!(mallory.post_across(&to, &large).await.status, 413);
    // And it counts once.
    assert_eq!(mallory.get(&next).await.status, 303);
    mallory.cookies_at(&stage.house.access_url).clear();
    assert_eq!(mallory.get(&next).await.status, 400);
    stage.close().await;
}
