//! Tokens that say nothing by themselves, and the provider that is asked about them.

use super::{Hand, fails, passes, program, stage};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_token_is_asked_about_once_by_whoever_is_its_client() {
    let stage = stage().await;
    let token = stage.provider.opaque(json!({ "token_type": "Bearer", "iss": null }));
    let url = stage.house.echo_url.clone();
    let ask = |token: String| {
        let url = url.clone();
        tokio::spawn(async move { program(&token).get(&url).await.status })
    };
    let many: Vec<_> = (0..24).map(|_| ask(token.clone())).collect();
    for one in many {
        assert_eq!(one.await.unwrap(), 200);
    }
    let heard = stage.provider.heard("/introspect");
    let [asked] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((&*asked.form["token"], &*asked.form["token_type_hint"]), (&*token, "access_token"));
    assert_eq!(stage.house.record().await, ["signed_in first"]);
    // It is known until its end, whatever the provider says meanwhile; and not a moment longer.
    stage.provider.forgets_tokens();
    passes(&stage, "known", &token).await;
    stage.house.turn(jiff::SignedDuration::from_secs(3600));
    fails(&stage, "over", &token, 401, "invalid_token", "token_ended").await;
    assert_eq!(stage.provider.heard("/introspect").len(), 1);
    stage.close().await;
}

#[tokio::test]
async fn a_token_that_does_not_fit_is_refused_and_not_asked_about_again_for_a_moment() {
    let stage = stage().await;
    for (what, word, more) in [
        ("another API", "aud", json!({ "aud": "https://other.example.com" })),
        ("no API", "aud", json!({ "aud": null })),
        ("another issuer", "iss", json!({ "iss": "https://login.example.org" })),
        ("no end", "exp", json!({ "exp": null })),
        ("another kind", "DPoP", json!({ "token_type": "DPoP" })),
        ("a key", "cnf", json!({ "cnf": { "x5t#S256": "x" } })),
    ] {
        passes(&stage, what, &stage.provider.opaque(json!({}))).await;
        let token = stage.provider.opaque(more);
        let before = stage.provider.heard("/introspect").len();
        for _ in 0..3 {
            fails(&stage, what, &token, 401, "invalid_token", word).await;
        }
        assert_eq!(stage.provider.heard("/introspect").len(), before + 1, "{what}");
    }
    let token = "0123456789abcdef";
    fails(&stage, "nobody's", token, 401, "invalid_token", "does not know it").await;
    let before = stage.provider.heard("/introspect").len();
    stage.house.turn(jiff::SignedDuration::from_secs(10));
    fails(&stage, "nobody's", token, 401, "invalid_token", "does not know it").await;
    assert_eq!(stage.provider.heard("/introspect").len(), before + 1);
    stage.close().await;
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_no_refusal() {
    let stage = stage().await;
    let known = stage.provider.opaque(json!({}));
    passes(&stage, "known", &known).await;
    let token = stage.provider.opaque(json!({}));
    let jwt = stage.provider.access_token(json!({ "jti": "of before" }));
    stage.house.provider.down().await;
    let reply = program(&token).get(&stage.house.echo_url).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, "5"), "{}", reply.text);
    assert!(reply.text.contains("provider_unavailable") && reply.next.is_none(), "{}", reply.text);
    // What is known goes on, and so does what can be verified without it.
    passes(&stage, "known", &known).await;
    passes(&stage, "signed", &jwt).await;
    stage.house.provider.up();
    passes(&stage, "back again", &token).await;
    // One that hangs is not waited for without end.
    let token = stage.provider.opaque(json!({}));
    stage.house.provider.is(crate::harness::Mood::Slow(Duration::from_secs(60)));
    let begun = std::time::Instant::now();
    // Nor does anybody wait for those who do: what it has published is known, and one answer, or none, is for all.
    stage.house.turn(jiff::SignedDuration::from_secs(3));
    let sign_in = format!("{}/sign-in", stage.house.access_url);
    let strangers: Vec<_> = (0..12)
        .map(|_| {
            let sign_in = sign_in.clone();
            tokio::spawn(async move { Hand::new().get(&sign_in).await.status })
        })
        .collect();
    assert_eq!(program(&token).get(&stage.house.echo_url).await.status, 503);
    let jwt = stage.provider.access_token(json!({ "jti": "of meanwhile" }));
    passes(&stage, "signed", &jwt).await;
    for stranger in strangers {
        assert_eq!(stranger.await.unwrap(), 503);
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    stage.house.provider.is(crate::harness::Mood::Well);
    stage.close().await;
}

#[tokio::test]
async fn nobody_is_asked_about_a_token_where_that_is_not_said() {
    let stage = super::Stage::after(|site| super::takes_tokens(site, "{}", "")).await;
    let token = stage.provider.opaque(json!({}));
    fails(&stage, "no JWT", &token, 401, "invalid_token", "not a JWT").await;
    assert!(stage.provider.heard("/introspect").is_empty());
    let mut basic = Hand::new();
    basic.headers.clear();
    basic.say("authorization", "DPoP abc");
    assert_eq!(basic.get(&stage.house.echo_url).await.status, 401);
    stage.close().await;
}
