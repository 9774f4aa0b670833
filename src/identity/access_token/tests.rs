use super::*;
use serde_json::json;

const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// What comes of a token of which the provider says `more`, with `typ` being of no matter.
fn judged(more: Value) -> Result<Claims, Unverified> {
    let mut said = json!({
        "active": true, "sub": "c-17", "client_id": "ci", "aud": "https://api.example.com",
        "iat": NOW - 60, "exp": NOW + 600,
    });
    said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let said = said.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
    let (provider, audiences) = ("staff".parse().unwrap(), ["https://api.example.com".to_owned()]);
    let expected = Access {
        provider: &provider,
        issuer: "https://login.example.com",
        audiences: &audiences,
        algorithms: &[Algorithm::ES256],
        typ: Typ::AccessToken,
        longest: SignedDuration::from_hours(1),
        groups: &GroupsSettings::default(),
    };
    Claims::of_introspection(said, &expected, now())
}

#[test]
fn a_token_that_does_not_say_what_it_must_is_refused() {
    let good = judged(json!({})).unwrap();
    assert_eq!((&*good.subject().issuer, &*good.subject().sub), ("https://login.example.com", "c-17"));
    assert_eq!(good.good_until(), Timestamp::from_second(NOW + 600).ok());
    assert!(
        judged(json!({ "aud": ["x", "https://api.example.com"], "iss": "https://login.example.com" }))
            .is_ok()
    );
    for (more, word) in [
        (json!({ "active": false }), "does not know it"),
        (json!({ "active": "true" }), "does not know it"),
        (json!({ "token_type": "DPoP" }), "DPoP"),
        (json!({ "iss": "https://login.example.com/" }), "iss"),
        (json!({ "aud": null }), "aud"),
        (json!({ "aud": [] }), "aud"),
        (json!({ "aud": "https://api.example.com/" }), "aud"),
        (json!({ "exp": null }), "exp"),
        (json!({ "exp": "soon" }), "exp"),
        (json!({ "exp": NOW }), "ended"),
        (json!({ "exp": NOW + 3541 }), "longer"),
        (json!({ "iat": null, "exp": NOW + 3601 }), "longer"),
        (json!({ "iat": NOW + 61 }), "iat"),
        (json!({ "nbf": NOW + 61 }), "nbf"),
        (json!({ "nbf": "now" }), "nbf"),
        (json!({ "sub": null, "client_id": null }), "sub"),
        (json!({ "sub": "" }), "sub"),
        (json!({ "cnf": { "jkt": "x" } }), "cnf"),
        (json!({ "nonce": "n" }), "nonce"),
        (json!({ "at_hash": "h" }), "at_hash"),
        (json!({ "events": {} }), "events"),
    ] {
        let refused = judged(more.clone()).expect_err(&more.to_string()).to_string();
        assert!(refused.contains(word), "{more}: {refused}");
    }
}

#[test]
fn a_program_that_speaks_for_itself_is_told_from_a_person() {
    for machine in [
        json!({ "sub": "ci" }),
        json!({ "sub": null }),
        json!({ "client_id": null, "azp": "c-17" }),
        json!({ "idtyp": "app" }),
        json!({ "gty": "client-credentials" }),
        json!({ "preferred_username": "service-account-CI" }),
    ] {
        assert_eq!(judged(machine.clone()).unwrap().voucher(), Voucher::Machine, "{machine}");
    }
    for person in [
        json!({}),
        json!({ "idtyp": "user" }),
        json!({ "preferred_username": "service-account-other" }),
        json!({ "client_id": null, "preferred_username": "service-account-" }),
    ] {
        assert_eq!(judged(person.clone()).unwrap().voucher(), Voucher::AccessToken, "{person}");
    }
    for voucher in [Voucher::IdToken, Voucher::AccessToken, Voucher::Machine] {
        assert_eq!(voucher.to_string().parse(), Ok(voucher));
    }
}

#[test]
fn scopes_are_read_as_providers_write_them() {
    let of = |more| scopes(judged(more).unwrap().set()).join("+");
    assert_eq!(of(json!({ "scope": "read write" })), "read+write");
    assert_eq!(of(json!({ "scp": "read write" })), "read+write");
    assert_eq!(of(json!({ "scp": ["read", "write"] })), "read+write");
    assert_eq!(of(json!({ "scope": 7 })), "");
}

#[test]
fn only_a_jwt_names_an_issuer() {
    let token = |payload: &str| format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload));
    assert_eq!(issuer_of(&token(r#"{"iss":"https://a.example"}"#)).as_deref(), Some("https://a.example"));
    for other in [token("{}"), token("x"), "opaque".to_owned(), "a.b.c.d.e".to_owned(), String::new()] {
        assert_eq!(issuer_of(&other), None, "{other}");
    }
}
