//! Signatures as Standard Webhooks has them (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body.

use crate::seal::sha256_text;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt;

/// A key that both sides know. Does not print it.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Key(Vec<u8>);

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = text.trim().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.filter(|bytes| (24..=64).contains(&bytes.len()));
        bytes
            .map(Self)
            .ok_or("a secret is whsec_ and 24 to 64 bytes in base64; `openssl rand -base64 32` makes them")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Key {
    /// The headers of a request with this `id` and `body`, sent at `now`.
    pub(super) fn headers(&self, id: &str, now: Timestamp, body: &str) -> HeaderMap {
        let time = now.as_second().to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, format!("{id}.{time}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(tag.as_ref()));
        let headers = [("webhook-id", id), ("webhook-timestamp", &time), ("webhook-signature", &signature)];
        // Base64 and digits stand in every header.
        let header = |(name, value): (&'static str, &str)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
        };
        headers.into_iter().filter_map(header).collect()
    }
}

/// The id of a message that says `parts`.
pub(super) fn id(parts: &[&str]) -> String {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    format!("msg_{}", sha256_text(&parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_signature_that_the_standard_shows() {
        let key = Key::try_from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()).unwrap();
        let now = Timestamp::from_second(1_614_265_330).unwrap();
        let headers = key.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", now, r#"{"test": 2432232314}"#);
        assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(headers["webhook-timestamp"], "1614265330");
    }

    #[test]
    fn a_key_that_is_none_is_refused_and_none_is_printed() {
        for wrong in ["", "secret", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(Key::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        let key = Key::try_from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()).unwrap();
        assert_eq!(format!("{key:?}"), "Key(..)");
    }
}
