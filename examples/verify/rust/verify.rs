//! Believes the assertions of one guestpass for one app.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

const KEEP: Duration = Duration::from_secs(300);
const REREAD: Duration = Duration::from_secs(10);

/// Why an assertion is not to be believed.
pub(crate) type Doubt = Box<dyn std::error::Error + Send + Sync>;

pub(crate) struct Verifier {
    guestpass: String,
    rules: Validation,
    http: reqwest::Client,
    /// By their ids, and when they were read.
    keys: Mutex<Option<(HashMap<String, DecodingKey>, Instant)>>,
}

impl Verifier {
    pub(crate) fn new(guestpass: &str, app: &str) -> Result<Self, reqwest::Error> {
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_issuer(&[guestpass]);
        rules.set_audience(&[app]);
        rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // A minute unless told.
        rules.leeway = 5;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { guestpass: guestpass.to_owned(), rules, http, keys: Mutex::default() })
    }

    /// The claims of a request's assertion.
    pub(crate) async fn who(&self, assertion: &str) -> Result<Value, Doubt> {
        let header = decode_header(assertion)?;
        if header.typ.as_deref() != Some("guestpass+jwt") {
            return Err("not an assertion of guestpass".into());
        }
        let key = self.key(&header.kid.ok_or("of no key")?).await?;
        Ok(decode(assertion, &key, &self.rules)?.claims)
    }

    /// Keys are read again when they are five minutes old, and for an unknown id, though not more often than every ten
    /// seconds.
    async fn key(&self, id: &str) -> Result<DecodingKey, Doubt> {
        let mut kept = self.keys.lock().await;
        let fresh = kept
            .as_ref()
            .is_some_and(|(keys, read)| read.elapsed() < if keys.contains_key(id) { KEEP } else { REREAD });
        if !fresh {
            *kept = Some((self.read().await?, Instant::now()));
        }
        let key = kept.as_ref().and_then(|(keys, _)| keys.get(id));
        key.cloned().ok_or_else(|| "of an unknown key".into())
    }

    async fn read(&self) -> Result<HashMap<String, DecodingKey>, Doubt> {
        let address = format!("{}/.well-known/jwks.json", self.guestpass);
        let set: JwkSet = self.http.get(address).send().await?.error_for_status()?.json().await?;
        let keys = set
            .keys
            .iter()
            .filter_map(|key| Some((key.common.key_id.clone()?, DecodingKey::from_jwk(key).ok()?)));
        Ok(keys.collect())
    }
}
