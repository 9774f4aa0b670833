//! How we prove to a provider who we are.

use crate::harness::{Authority, Play, Stage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};

const SECRET: &str = "secret: \"${file:client-secret}\" }";

#[tokio::test]
async fn the_secret_goes_in_a_header_or_in_the_body_as_the_provider_likes_it() {
    for stage in Stage::each_way().await {
        stage.passes("client-secret-basic", Play::default()).await;
        let heard = stage.provider.heard("/token").pop().unwrap();
        let basic =
            heard.headers["authorization"].to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
        let both = String::from_utf8(STANDARD.decode(basic).unwrap()).unwrap();
        assert_eq!(both, format!("guestpass:{}", stage.house.client_secret));
        assert!(!heard.form.contains_key("client_secret"));

        let post = Play {
            metadata: |of| of["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]),
            ..Play::default()
        };
        stage.passes("client_secret_post", post).await;
        let heard = stage.provider.heard("/token").pop().unwrap();
        assert!(heard.headers.get("authorization").is_none());
        assert_eq!(heard.form["client_secret"], stage.house.client_secret);
        stage.close().await;
    }
}

#[tokio::test]
async fn a_key_signs_who_we_are_once_a_request_and_requests_are_pushed() {
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let key = "key: \"${file:client.pem}\", key-id: k1 }\n    pushed-requests: true";
    let stage = Stage::open().await;
    stage.house.write("client.pem", &pair.serialize_pem());
    stage.house.change("guestpass.yaml", SECRET, key);
    stage.house.operator().orders("/reload", json!({})).await;
    stage.passes("private_key_jwt", Play::default()).await;
    let public = DecodingKey::from_ec_pem(pair.public_key_pem().as_bytes()).unwrap();
    let mut rules = Validation::new(Algorithm::ES256);
    rules.set_audience(&[&stage.house.provider_url]);
    rules.validate_exp = false;
    let mut names = Vec::new();
    for path in ["/par", "/token"] {
        let heard = stage.provider.heard(path).pop().unwrap();
        assert_eq!(
            heard.form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let read = decode::<Value>(&heard.form["client_assertion"], &public, &rules).unwrap();
        assert_eq!((&read.claims["iss"], &read.claims["sub"]), (&json!("guestpass"), &json!("guestpass")));
        assert_eq!(read.header.kid.as_deref(), Some("k1"));
        let lives = read.claims["exp"].as_i64().unwrap() - read.claims["iat"].as_i64().unwrap();
        assert!((1..=60).contains(&lives));
        names.push(read.claims["jti"].clone());
    }
    assert_ne!(names[0], names[1]);
    assert!(stage.provider.heard("/par")[0].form.contains_key("code_challenge"));
    stage.close().await;
}

#[tokio::test]
async fn a_provider_that_demands_pushed_requests_gets_them() {
    let stage = Stage::open().await;
    stage.passes("plain", Play::default()).await;
    assert!(stage.provider.heard("/par").is_empty());
    let demands =
        Play { metadata: |of| of["require_pushed_authorization_requests"] = json!(true), ..Play::default() };
    stage.passes("demanded", demands).await;
    assert_eq!(stage.provider.heard("/par").len(), 1);
    stage.close().await;
}

#[tokio::test]
async fn a_token_that_we_cannot_use_is_refused_clearly() {
    let stage = Stage::open().await;
    let dpop = Play { tokens: |tokens| tokens["token_type"] = "DPoP".into(), ..Play::default() };
    stage.refuses("DPoP", "provider_refused", dpop).await;
    stage.close().await;
}

#[tokio::test]
async fn a_certificate_is_shown_where_the_provider_asks_for_it_and_where_tokens_are_bound_to_it() {
    let stage = Stage::open().await;
    let authority = Authority::new("an authority of our own");
    let front = authority.front("login.localhost", stage.house.provider.address).await;
    stage.provider.speaks_at(&format!("https://login.localhost:{}", front.port()));
    let ours = authority.certify(&["guestpass"]);
    for (name, text) in
        [("ca.pem", &authority.pem()), ("client.crt", &ours.certificate), ("client.pem", &ours.key)]
    {
        stage.house.write(name, text);
    }
    let shown =
        "certificate: \"${file:client.crt}\", key: \"${file:client.pem}\" }\n    ca: \"${file:ca.pem}\"";
    stage.house.change("guestpass.yaml", SECRET, shown);
    stage.house.operator().orders("/reload", json!({})).await;
    stage.passes("mtls-endpoint-aliases", Play::default()).await;
    assert!(stage.provider.heard("/token").is_empty());
    let heard = stage.provider.heard("/mtls/token").pop().unwrap();
    assert_eq!(heard.form["client_id"], "guestpass");
    assert!(heard.headers.get("authorization").is_none() && !heard.form.contains_key("client_secret"));
    // A token that is bound to the certificate is shown with it: nobody without one gets through to there.
    assert!(stage.provider.heard("/userinfo").is_empty());
    assert_eq!(stage.provider.heard("/mtls/userinfo").len(), 1);
    stage.close().await;
}
