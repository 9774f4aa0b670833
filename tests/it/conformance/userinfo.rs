//! Userinfo: how it is asked, and whom it may be about.

use crate::harness::{Play, Signs, Stage};
use serde_json::Value;

fn userinfo(userinfo: fn(&mut Value)) -> Play {
    Play { userinfo, ..Play::default() }
}

#[tokio::test]
async fn userinfo_is_about_the_same_person_or_nobody_is_let_in() {
    for stage in Stage::each_way().await {
        for (what, play) in [
            ("userinfo-invalid-sub", userinfo(|claims| claims["sub"] = "s-4".into())),
            ("userinfo without a subject", userinfo(|claims| claims["sub"] = Value::Null)),
            ("userinfo whose subject is no text", userinfo(|claims| claims["sub"] = 17.into())),
        ] {
            stage.refuses(what, "not_verified", play).await;
        }
        stage.close().await;
    }
}

#[tokio::test]
async fn the_access_token_goes_in_a_header_and_claims_are_merged() {
    for stage in Stage::each_way().await {
        let play = Play {
            claims: |claims| {
                claims.as_object_mut().unwrap().remove("groups");
            },
            ..Play::default()
        };
        // Her groups are at userinfo alone; without them she would get nothing.
        stage.passes("userinfo-bearer-header, scope-userinfo-claims", play).await;
        let heard = stage.provider.heard("/userinfo").pop().unwrap();
        assert!(heard.headers["authorization"].to_str().unwrap().starts_with("Bearer "));
        assert!(heard.form.is_empty());
        // What the ID token says stands.
        let other = Play { userinfo: |claims| claims["groups"] = serde_json::json!([]), ..Play::default() };
        stage.passes("the ID token stands", other).await;
        // A text where a boolean is meant.
        let reply = stage.signs_in().await;
        assert!(reply.text.contains("carla@example.com"), "{}", reply.text);
        stage.close().await;
    }
}

#[tokio::test]
async fn userinfo_that_is_signed_is_believed_by_its_signature() {
    let stage = Stage::open().await;
    let signed = Play { userinfo_is_signed: true, ..Play::default() };
    stage.passes("signed", signed.clone()).await;
    for (what, play) in [
        ("of another issuer", userinfo(|claims| claims["iss"] = "https://evil.example".into())),
        ("for another client", userinfo(|claims| claims["aud"] = "another".into())),
        ("over", userinfo(|claims| claims["exp"] = 1.into())),
    ] {
        stage.refuses(what, "not_verified", Play { userinfo_is_signed: true, ..play }).await;
    }
    let stranger = Play { signs: Signs::Stranger, ..signed };
    stage.refuses("a stranger's", "not_verified", stranger).await;
    stage.close().await;
}
