//! What is not believed. Each case stands beside a token that is.

use super::{Hostile, Play, Stage, fails, passes, program, stage};
use crate::harness::{Deed, Hand, Signs};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

/// The plain token passes, and this one is refused as not valid, with `word` among the reasons.
async fn refuses(stage: &Stage, what: &str, word: &str, make: impl Fn(&Hostile) -> String) {
    passes(stage, what, &stage.provider.access_token(json!({}))).await;
    fails(stage, what, &make(&stage.provider), 401, "invalid_token", word).await;
}

#[tokio::test]
async fn a_token_that_does_not_say_what_it_must_is_refused() {
    let stage = stage().await;
    let now = stage.house.clock.now().as_second();
    for (what, word, more) in [
        ("another issuer", "iss", json!({ "iss": "https://login.example.org" })),
        ("no issuer", "not a JWT", json!({ "iss": null })),
        ("another API", "aud", json!({ "aud": "https://other.example.com" })),
        ("our client, as an ID token", "aud", json!({ "aud": "guestpass" })),
        ("no audience", "aud", json!({ "aud": null })),
        ("no end", "exp", json!({ "exp": null })),
        ("an end that was", "ended", json!({ "exp": now })),
        ("a life too long", "longer", json!({ "exp": now + 24 * 3600 + 1 })),
        ("no beginning", "iat", json!({ "iat": null })),
        ("a beginning to come", "nbf", json!({ "nbf": now + 61 })),
        ("nobody", "sub", json!({ "sub": null, "client_id": null })),
        ("a key", "cnf", json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } })),
        ("an ID token", "nonce", json!({ "nonce": "n" })),
        ("a logout token", "events", json!({ "events": {} })),
    ] {
        if what == "no issuer" {
            // It is asked about then, and nobody knows it.
            let token = stage.provider.access_token(more);
            fails(&stage, what, &token, 401, "invalid_token", "does not know it").await;
            continue;
        }
        refuses(&stage, what, word, |provider| provider.access_token(more.clone())).await;
    }
    stage.close().await;
}

#[tokio::test]
async fn a_token_that_nobody_or_somebody_else_has_signed_or_that_is_something_else_is_refused() {
    let stage = stage().await;
    let at = |kid: Value| json!({ "typ": "at+jwt", "kid": kid });
    let brings = |name: &str, value: Value| json!({ "typ": "at+jwt", "kid": "e1", name: value });
    let stranger = json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "e1" });
    for (what, word, header, signs) in [
        ("none", "none", at("e1".into()), Signs::Nobody),
        ("our secret", "HS256", at("e1".into()), Signs::Secret),
        ("what is published", "HS256", at("r1".into()), Signs::Published),
        ("a stranger", "signature", at("e1".into()), Signs::Stranger),
        ("spoilt", "signature", at("e1".into()), Signs::Spoilt(Algorithm::ES256)),
        ("another key's name", "does not publish", at("r1".into()), Signs::Es256),
        ("a name that nobody knows", "does not publish", at("e9".into()), Signs::Es256),
        ("no type", "no type", json!({ "kid": "e1" }), Signs::Es256),
        ("an ID token's type", "JWT", json!({ "typ": "JWT", "kid": "e1" }), Signs::Es256),
        ("a logout token's type", "logout+jwt", json!({ "typ": "logout+jwt", "kid": "e1" }), Signs::Es256),
        ("something unknown", "crit", json!({ "typ": "at+jwt", "kid": "e1", "crit": ["x"] }), Signs::Es256),
        ("keys elsewhere", "signature", brings("jku", "https://evil.example/jwks".into()), Signs::Stranger),
        (
            "a certificate elsewhere",
            "signature",
            brings("x5u", "https://evil.example/x".into()),
            Signs::Stranger,
        ),
        ("a key that it brings", "signature", brings("jwk", stranger), Signs::Stranger),
    ] {
        let make = |provider: &Hostile| {
            provider.access_token_with(header.clone(), json!({}), Play { signs, ..Play::default() })
        };
        refuses(&stage, what, word, make).await;
    }
    stage.close().await;
}

#[tokio::test]
async fn types_and_algorithms_are_those_of_the_configuration() {
    let stage = Stage::after(|site| super::takes_tokens(site, "{ typ: any, algorithms: [RS256] }", "")).await;
    let plain = json!({ "typ": "JWT" });
    let rs256 = || Play { signs: Signs::Rs256, ..Play::default() };
    passes(&stage, "RS256", &stage.provider.access_token_with(plain.clone(), json!({}), rs256())).await;
    let token = stage.provider.access_token_with(plain.clone(), json!({}), Play::default());
    fails(&stage, "ES256", &token, 401, "invalid_token", "ES256").await;
    // An ID token is told by what only ID tokens say.
    let token = stage.provider.access_token_with(plain, json!({ "nonce": "n" }), rs256());
    fails(&stage, "an ID token", &token, 401, "invalid_token", "nonce").await;
    stage.close().await;
}

#[tokio::test]
async fn a_key_that_came_meanwhile_is_found_and_keys_are_not_read_again_and_again() {
    let (stage, mut hand) = (stage().await, Hand::new());
    passes(&stage, "the first key", &stage.provider.access_token(json!({}))).await;
    stage.provider.rotates();
    stage.later();
    passes(&stage, "the key of now", &stage.provider.access_token(json!({}))).await;
    let read = || stage.provider.heard("/jwks").len();
    let before = read();
    let header = json!({ "typ": "at+jwt", "kid": "k" });
    let token = stage.provider.access_token_with(header, json!({}), Play::default());
    fails(&stage, "a key that is none", &token, 401, "invalid_token", "does not publish").await;
    for number in 0..MANY {
        assert_eq!(shows_unknown_key(&mut hand, &stage, &token, number).await, 401);
    }
    assert!(read() <= before + 1, "read {} times", read() - before);
    // Nor where what is written down cannot be looked at; ten seconds later they are read once more.
    for (deed, reads) in [(Deed::HIDE, 0), (Deed::SHOW, 1)] {
        stage.house.database.suffers(deed).await;
        let before = read();
        stage.house.turn(SignedDuration::from_secs(5));
        for number in 0..50 {
            let status = shows_unknown_key(&mut hand, &stage, &token, MANY * 2 + number).await;
            assert!(matches!(status, 401 | 503), "{status}");
        }
        assert!(read() <= before + reads, "read {} times", read() - before);
    }
    stage.close().await;
}

/// How often a key is named that nobody knows.
const MANY: usize = 3_000;

/// What whoever shows `token` is told, where it names another key each time; it is not looked at any further.
async fn shows_unknown_key(hand: &mut Hand, stage: &Stage, token: &str, number: usize) -> u16 {
    let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": format!("k{number}") });
    let (_, rest) = token.split_once('.').unwrap();
    hand.headers.clear();
    hand.say("authorization", &format!("Bearer {}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string())));
    hand.get(&stage.house.echo_url).await.status
}

#[tokio::test]
async fn what_a_token_is_not_good_for_is_told_apart_from_what_it_is_not() {
    let stage = stage().await;
    let token = stage.provider.access_token(json!({ "scope": "write" }));
    fails(&stage, "a scope", &token, 403, "insufficient_scope", "insufficient_scope").await;
    let reply = program(&token).get(&stage.house.echo_url).await;
    assert!(reply.header("www-authenticate").ends_with("scope=\"read\""), "{reply:?}");
    let token = stage.provider.access_token(json!({ "sub": "other", "client_id": "other", "groups": [] }));
    fails(&stage, "a role", &token, 403, "insufficient_scope", "no_role").await;
    let token = stage.provider.access_token(json!({}));
    passes(&stage, "both", &token).await;
    let reply = program(&token).get(&format!("{}/staff", stage.house.echo_url)).await;
    assert!(reply.status == 403 && reply.text.contains("no_role"), "{}", reply.text);
    // Of those that were vouched for the record tells, of what anybody could make up it does not.
    fails(&stage, "rubbish", "rubbish", 401, "invalid_token", "does not know it").await;
    let record = stage.house.record().await;
    assert_eq!(record, ["sign_in_refused echo no_role", "signed_in first"]);
    stage.close().await;
}

#[tokio::test]
async fn who_shows_no_token_or_none_that_can_be_read_is_told_how() {
    let stage = stage().await;
    let mut nobody = Hand::new();
    nobody.headers.clear();
    let reply = nobody.get(&stage.house.echo_url).await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer realm=\"echo\""));
    // A person is sent to sign in as ever.
    assert_eq!(Hand::new().get(&stage.house.echo_url).await.status, 303);
    let token = stage.provider.access_token(json!({}));
    let mut twice = program(&token);
    twice.say("authorization", &format!("Bearer {token}"));
    let reply = twice.get(&stage.house.echo_url).await;
    assert!(reply.status == 401 && reply.text.contains("cannot be read"), "{}", reply.text);
    // One in an address or a form is none.
    let reply = nobody.get(&format!("{}/?access_token={token}", stage.house.echo_url)).await;
    assert_eq!(reply.status, 401);
    // A session beside it does not help a token that is not good.
    let mut guest = Hand::new();
    guest.follow(&stage.house.echo_url, "nowhere").await;
    assert_eq!(guest.get(&stage.house.echo_url).await.status, 200);
    guest.say("authorization", "Bearer nonsense");
    assert_eq!(guest.get(&stage.house.echo_url).await.status, 401);
    stage.close().await;
}
