//! What a provider publishes: itself, and its keys.

use crate::harness::{Hand, Play, Stage};
use jiff::SignedDuration;
use serde_json::{Value, json};

fn metadata(metadata: fn(&mut Value)) -> Play {
    Play { metadata, ..Play::default() }
}

fn answer(answer: fn(&mut Value)) -> Play {
    Play { answer, ..Play::default() }
}

#[tokio::test]
async fn a_key_without_a_name_is_found_where_there_is_one_and_not_where_there_are_two() {
    for stage in Stage::each_way().await {
        let nameless = Play {
            header: |header| {
                header.as_object_mut().unwrap().remove("kid");
            },
            ..Play::default()
        };
        let one = Play {
            keys: |keys| {
                let mut key = keys["keys"][0].clone();
                key.as_object_mut().unwrap().remove("kid");
                *keys = json!({ "keys": [key] });
            },
            ..nameless.clone()
        };
        stage.passes("kid-absent-single-jwks", one).await;
        let two = Play {
            keys: |keys| {
                let mut other = keys["keys"][0].clone();
                other["kid"] = "e0".into();
                keys["keys"].as_array_mut().unwrap().push(other);
            },
            ..nameless
        };
        stage.refuses("kid-absent-multiple-jwks", "not_verified", two).await;
        stage.close().await;
    }
}

#[tokio::test]
async fn a_key_that_came_meanwhile_is_found() {
    let stage = Stage::open().await;
    stage.passes("plain", Play::default()).await;
    stage.provider.rotates();
    stage.passes("signing-key-rotation", Play::default()).await;
    let rotates = Play { rotates: true, ..Play::default() };
    stage.passes("signing-key-rotation-just-before-signing", rotates).await;
    stage.close().await;
}

#[tokio::test]
async fn unknown_keys_do_not_make_us_ask_again_and_again() {
    let stage = Stage::open().await;
    stage.passes("plain", Play::default()).await;
    let read = || stage.provider.heard("/jwks").len();
    let unknown = Play { header: |header| header["kid"] = "none".into(), ..Play::default() };
    // On the way there, the provider's own state is read at most every two seconds.
    let before = read();
    stage.provider.plays(unknown);
    for _ in 0..20 {
        assert_eq!(stage.signs_in().await.status, 403);
    }
    assert!(read() <= before + 2, "read {} times", read() - before);
    stage.later();
    stage.close().await;
}

#[tokio::test]
async fn nobody_is_sent_to_a_provider_that_is_not_the_one_that_is_configured() {
    let stage = Stage::open().await;
    stage.passes("discovery-openid-config, discovery-jwks-uri-keys", Play::default()).await;
    for (what, play) in [
        ("discovery-issuer-mismatch", metadata(|of| of["issuer"] = "https://evil.example".into())),
        ("no issuer", metadata(|of| of["issuer"] = "".into())),
        ("no key set", metadata(|of| of["jwks_uri"] = "http://login.localhost:1/nowhere".into())),
        ("link-local", metadata(|of| of["jwks_uri"] = "http://169.254.169.254/latest/meta-data".into())),
        ("no token endpoint", metadata(|of| of["token_endpoint"] = json!(null))),
    ] {
        stage.provider.plays(play);
        stage.house.turn(SignedDuration::from_secs(3));
        let (at, reply) = Hand::new().follow(&stage.house.echo_url, &stage.house.provider_url).await;
        assert!(!at.starts_with(&stage.house.provider_url), "{what}: sent to {at}");
        assert_eq!(reply.status, 503, "{what}: {}", reply.text);
        assert!(reply.text.contains("provider_unavailable"), "{what}: {}", reply.text);
        stage.later();
        stage.passes(what, Play::default()).await;
    }
    stage.close().await;
}

#[tokio::test]
async fn an_answer_of_another_issuer_is_not_looked_at() {
    let stage = Stage::open().await;
    for (what, play) in [
        ("another", answer(|answer| answer["iss"] = "https://evil.example".into())),
        (
            "none, though it says that it names itself",
            answer(|answer| {
                answer.as_object_mut().unwrap().remove("iss");
            }),
        ),
        (
            "another, with an error",
            answer(|answer| {
                answer.as_object_mut().unwrap().remove("code");
                answer["error"] = "access_denied".into();
                answer["iss"] = "https://evil.example".into();
            }),
        ),
    ] {
        stage.passes(what, Play::default()).await;
        let asked = stage.provider.heard("/token").len();
        stage.refuses(what, "not_verified", play).await;
        assert_eq!(stage.provider.heard("/token").len(), asked + 1, "{what}: only the plain sign-in asks");
    }
    // One that does not say so need not.
    let silent = Play {
        metadata: |of| of["authorization_response_iss_parameter_supported"] = json!(false),
        answer: |answer| {
            answer.as_object_mut().unwrap().remove("iss");
        },
        ..Play::default()
    };
    stage.passes("silent", silent).await;
    stage.close().await;
}
