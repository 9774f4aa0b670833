//! ID tokens: what one must say, and how it may be signed.

use crate::harness::{Play, Signs, Stage};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

fn claims(claims: fn(&mut Value)) -> Play {
    Play { claims, ..Play::default() }
}

fn header(header: fn(&mut Value)) -> Play {
    Play { header, ..Play::default() }
}

fn signs(signs: Signs) -> Play {
    Play { signs, ..Play::default() }
}

fn remove(from: &mut Value, name: &str) {
    from.as_object_mut().unwrap().remove(name);
}

#[tokio::test]
async fn a_token_that_does_not_say_what_it_must_is_refused() {
    for stage in Stage::each_way().await {
        for (what, play) in [
            ("invalid-iss", claims(|claims| claims["iss"] = "https://evil.example".into())),
            ("missing-iss", claims(|claims| remove(claims, "iss"))),
            ("missing-sub", claims(|claims| remove(claims, "sub"))),
            ("a subject that is empty", claims(|claims| claims["sub"] = "".into())),
            ("a subject with a NUL", claims(|claims| claims["sub"] = "c-17\u{0}".into())),
            ("a subject that is too long", claims(|claims| claims["sub"] = "a".repeat(256).into())),
            ("invalid-aud", claims(|claims| claims["aud"] = "another".into())),
            ("missing-aud", claims(|claims| remove(claims, "aud"))),
            ("an audience beside us", claims(|claims| claims["aud"] = json!(["guestpass", "another"]))),
            ("an audience that is no text", claims(|claims| claims["aud"] = json!(["guestpass", 1]))),
            ("issued to another client", claims(|claims| claims["azp"] = "another".into())),
            ("missing-iat", claims(|claims| remove(claims, "iat"))),
            (
                "made in the future",
                claims(|claims| claims["iat"] = json!(claims["iat"].as_i64().unwrap() + 61)),
            ),
            ("missing exp", claims(|claims| remove(claims, "exp"))),
            ("over", claims(|claims| claims["exp"] = claims["iat"].clone())),
            ("not yet", claims(|claims| claims["nbf"] = json!(claims["iat"].as_i64().unwrap() + 61))),
            ("nonce-invalid", claims(|claims| claims["nonce"] = "another".into())),
            ("missing nonce", claims(|claims| remove(claims, "nonce"))),
            ("another access token", claims(|claims| claims["at_hash"] = "77QmUPtjPfzWtF2AnpK9RQ".into())),
            ("another code", claims(|claims| claims["c_hash"] = "LDktKdoQak3Pk0cnXxCltA".into())),
        ] {
            stage.refuses(what, "not_verified", play).await;
        }
        stage.close().await;
    }
}

#[tokio::test]
async fn a_token_that_nobody_or_somebody_else_has_signed_is_refused() {
    for stage in Stage::each_way().await {
        for (what, play) in [
            ("idtoken-sig-none", signs(Signs::Nobody)),
            ("invalid-sig-rs256", signs(Signs::Spoilt(Algorithm::RS256))),
            ("invalid-sig-es256", signs(Signs::Spoilt(Algorithm::ES256))),
            ("invalid-sig-hs256", signs(Signs::Secret)),
            ("HS256 by what is published", signs(Signs::Published)),
            ("a stranger's key under a name that is published", signs(Signs::Stranger)),
            ("the name of a key of another kind", header(|header| header["kid"] = "r1".into())),
            ("a name that nobody publishes", header(|header| header["kid"] = "none".into())),
            (
                "a key that it brings with it",
                Play {
                    signs: Signs::Stranger,
                    header: |header| {
                        header["jwk"] = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" })
                    },
                    ..Play::default()
                },
            ),
            (
                "keys somewhere else",
                Play {
                    signs: Signs::Stranger,
                    header: |header| header["jku"] = "https://evil.example/jwks".into(),
                    ..Play::default()
                },
            ),
            ("an access token", header(|header| header["typ"] = "at+jwt".into())),
            ("a logout token", header(|header| header["typ"] = "logout+jwt".into())),
            ("something that has to be understood", header(|header| header["crit"] = json!(["b64"]))),
            (
                "two keys of one name",
                Play {
                    keys: |keys| {
                        let first = keys["keys"][0].clone();
                        keys["keys"].as_array_mut().unwrap().push(first);
                    },
                    ..Play::default()
                },
            ),
        ] {
            stage.refuses(what, "not_verified", play).await;
        }
        let none = Play { tokens: |tokens| remove(tokens, "id_token"), ..Play::default() };
        stage.refuses("no ID token", "provider_refused", none).await;
        stage.close().await;
    }
}

#[tokio::test]
async fn providers_may_differ_where_the_specification_lets_them() {
    for stage in Stage::each_way().await {
        for (what, play) in [
            ("plain", Play::default()),
            ("idtoken-sig-rs256", signs(Signs::Rs256)),
            ("an audience in a list", claims(|claims| claims["aud"] = json!(["guestpass"]))),
            ("issued to us", claims(|claims| claims["azp"] = "guestpass".into())),
            ("auth_time with a fraction", claims(|claims| claims["auth_time"] = json!(1_772_442_000.5))),
            (
                "without hashes",
                claims(|claims| {
                    remove(claims, "at_hash");
                    remove(claims, "c_hash");
                }),
            ),
            (
                "a clock that is ahead",
                claims(|claims| claims["iat"] = json!(claims["iat"].as_i64().unwrap() + 59)),
            ),
            ("a type", header(|header| header["typ"] = "JWT".into())),
        ] {
            stage.passes(what, play).await;
        }
        stage.close().await;
    }
}

#[tokio::test]
async fn other_audiences_are_those_that_the_configuration_names() {
    let to = "groups: { claim: groups }\n    audiences: [another]";
    let stage = Stage::with("groups: { claim: groups }", to).await;
    let both: fn(&mut Value) = |claims| {
        claims["aud"] = json!(["another", "guestpass"]);
        claims["azp"] = "guestpass".into();
    };
    stage.passes("both, issued to us", claims(both)).await;
    let nobody: fn(&mut Value) = |claims| claims["aud"] = json!(["another", "guestpass"]);
    stage.refuses("both, issued to nobody", "not_verified", claims(nobody)).await;
    let third: fn(&mut Value) = |claims| {
        claims["aud"] = json!(["another", "guestpass", "third"]);
        claims["azp"] = "guestpass".into();
    };
    stage.refuses("a third", "not_verified", claims(third)).await;
    stage.close().await;
}

#[tokio::test]
async fn algorithms_are_those_that_the_configuration_names() {
    let to = "groups: { claim: groups }\n    id-token-algorithms: [ES256]";
    let stage = Stage::with("groups: { claim: groups }", to).await;
    stage.refuses("RS256", "not_verified", signs(Signs::Rs256)).await;
    stage.close().await;
}
