//! Whatever a provider says that is over, it is about somebody of its own, or about nobody; and a token without a signature
//! of the provider's says nothing.
//!
//! Input: the claims of a token, as JSON; or a token.
#![no_main]

use guestpass::identity::{
    Algorithm, Effect, Expected, GroupsSettings, KeySet, LogoutToken, Named, SecurityEvent, Stream, Whose,
    fuzzing,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

const ISSUER: &str = "https://login.example.com";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    nobody_believes(text);
    let Ok(claims) = serde_json::from_str::<Map<String, Value>>(text) else { return };
    if let Some(token) = fuzzing::logout_token(&claims) {
        assert!(!claims.contains_key("nonce"));
        is_named(&token.whose);
        assert_eq!(fuzzing::logout_token(&claims), Some(token));
    }
    if let Some(event) = fuzzing::security_event(&claims, ISSUER) {
        assert!(event.said.chars().all(|letter| !letter.is_control()));
        event.whose.iter().for_each(is_named);
        if event.effect == Effect::ClosesAccount {
            assert!(!matches!(event.whose, Some(Whose::Session { of: Some(_), .. })));
        }
        // Of somebody else's people nothing is said.
        if let Some(Whose::Person(Named::Sub(sub))) = &event.whose {
            let elsewhere = fuzzing::security_event(&claims, "https://login.example.org");
            let named =
                claims["sub_id"]["format"] == "opaque" || claims["sub_id"]["user"]["format"] == "opaque";
            assert!(named || elsewhere.and_then(|event| event.whose).is_none(), "{sub}");
        }
    }
});

fn is_named(whose: &Whose) {
    let of = match whose {
        Whose::Person(named) => Some(named),
        Whose::Session { sid, of } => {
            fits(sid);
            of.as_ref()
        }
    };
    match of {
        Some(Named::Sub(name) | Named::Email(name)) => fits(name),
        None => {}
    }
}

fn fits(name: &str) {
    assert!((1..=255).contains(&name.len()) && !name.contains(char::is_control));
}

fn nobody_believes(token: &str) {
    let provider = "staff".parse().unwrap();
    let groups = GroupsSettings::default();
    let expected = Expected {
        provider: &provider,
        issuer: ISSUER,
        client_id: "guestpass",
        audiences: &[],
        algorithms: &Algorithm::ALL,
        groups: &groups,
    };
    let stream = Stream { issuer: ISSUER, audience: "us", algorithms: &Algorithm::ALL, people: ISSUER };
    let keys = KeySet::parse(br#"{"keys":[]}"#).unwrap();
    let now = "2026-03-02T09:00:00Z".parse().unwrap();
    assert!(LogoutToken::verify(token, &keys, &expected, now).is_err());
    assert!(SecurityEvent::verify(token, &keys, &stream, now).is_err());
}
