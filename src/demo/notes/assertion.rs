//! The gateway's word about who is there: a signed assertion, good for this app alone and for seconds.

use crate::clock::Clock;
use crate::loopback::Resolver;
use http::HeaderMap;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use reqwest::redirect::Policy;
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

const HEADER: &str = "guestpass-assertion";
const TYPE: &str = "guestpass+jwt";
const AUDIENCE: &str = "notes";
/// An unknown key is asked for at most this often, so that made-up key ids cost the gateway nothing.
const ASK_AGAIN: Duration = Duration::from_secs(3);

/// What the gateway says of the person.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Assertion {
    /// Who they are at the gateway.
    pub(super) sub: String,
    /// The id of their account here.
    pub(super) account: String,
    /// Their roles here, as the gateway names them.
    pub(super) roles: Vec<String>,
    /// When their access ends, in seconds since 1970.
    pub(super) access_until: i64,
    /// When this very assertion ends, in seconds since 1970.
    exp: i64,
}

/// Why a request is not believed. For the log; the reader learns only that they must come through the gateway.
#[derive(Debug, thiserror::Error)]
pub(super) enum Disbelief {
    #[error("there is not exactly one assertion")]
    NotOne,
    #[error("the assertion has expired")]
    Expired,
    #[error("the assertion is of another kind")]
    OtherKind,
    #[error("the gateway publishes no key \"{0}\"")]
    UnknownKey(String),
    #[error("the assertion is not valid: {0}")]
    Invalid(#[from] jsonwebtoken::errors::Error),
    #[error("the keys of the gateway cannot be read: {0}")]
    NoKeys(#[from] reqwest::Error),
}

pub(super) struct Verifier {
    rules: Validation,
    jwks: Url,
    http: reqwest::Client,
    clock: Clock,
    keys: Mutex<Keys>,
}

struct Keys {
    known: JwkSet,
    asked: Option<Instant>,
}

impl Verifier {
    pub(super) fn new(gateway: &str, jwks: Url, clock: Clock) -> Result<Self, reqwest::Error> {
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        rules.set_issuer(&[gateway]);
        rules.set_audience(&[AUDIENCE]);
        // By our own clock below, and to the second.
        rules.validate_exp = false;
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .dns_resolver(Resolver)
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(2))
            .build()?;
        let keys = Mutex::new(Keys { known: JwkSet { keys: Vec::new() }, asked: None });
        Ok(Self { rules, jwks, http, clock, keys })
    }

    /// The assertion that a request carries, if all of it holds.
    pub(super) async fn verify(&self, headers: &HeaderMap) -> Result<Assertion, Disbelief> {
        let mut sent = headers.get_all(HEADER).iter();
        let (Some(token), None) = (sent.next(), sent.next()) else { return Err(Disbelief::NotOne) };
        let header = decode_header(token)?;
        let (Some(TYPE), None, Some(kid)) = (header.typ.as_deref(), &header.crit, header.kid) else {
            return Err(Disbelief::OtherKind);
        };
        let assertion: Assertion = decode(token, &self.key(&kid).await?, &self.rules)?.claims;
        if self.clock.now().as_second() >= assertion.exp { Err(Disbelief::Expired) } else { Ok(assertion) }
    }

    async fn key(&self, kid: &str) -> Result<DecodingKey, Disbelief> {
        let mut keys = self.keys.lock().await;
        if keys.known.find(kid).is_none() && keys.asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN) {
            keys.asked = Some(Instant::now());
            keys.known = self.http.get(self.jwks.clone()).send().await?.error_for_status()?.json().await?;
        }
        let jwk = keys.known.find(kid).ok_or_else(|| Disbelief::UnknownKey(kid.to_owned()))?;
        Ok(DecodingKey::from_jwk(jwk)?)
    }
}
