//! A small OpenID provider that is real in its protocol and generous in its trust: discovery, keys, the code flow
//! with PKCE (S256, always), userinfo and RP-initiated logout. Whoever comes may choose who to be.
//!
//! It keeps no cookie: it asks each time, so that one can sign in as somebody else without a detour. For the same
//! reason `prompt=none` is always answered with `login_required`.

mod authorize;
mod end_session;
#[cfg(test)]
mod tests;
mod token;

use crate::clock::Clock;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use url::Url;

/// What a provider is told at its start.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Its own address and name, without a slash at the end.
    pub issuer: String,
    /// The one client it knows.
    pub client_id: String,
    /// That client's secret.
    pub client_secret: String,
    /// Where codes may be sent: compared to the letter.
    pub redirect_uris: Vec<String>,
    /// Where people may be sent after signing out: compared to the letter.
    pub post_logout_redirect_uris: Vec<String>,
    /// Who one can be.
    pub people: Vec<Person>,
}

/// Somebody to sign in as. Serializes as the claims about them.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// `sub`: who they are to the client, for ever.
    pub sub: String,
    /// What people call them.
    pub name: String,
    /// Their given name.
    pub given_name: String,
    /// Their family name.
    pub family_name: String,
    /// Their e-mail address.
    pub email: String,
    /// Whether the provider has seen them read mail there.
    pub email_verified: bool,
    /// Their groups.
    pub groups: Vec<String>,
    /// The day their contract ends, such as `2026-03-09`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract_end: Option<String>,
    /// Who they are in the story, for the sign-in page; no claim.
    #[serde(skip)]
    pub about: String,
}

impl Person {
    /// Those the demo tells of: an employee, a contractor and an outsider.
    pub fn cast() -> Vec<Self> {
        let person = |sub: &str, given: &str, family: &str, groups: &[&str], about: &str| Self {
            sub: sub.to_owned(),
            name: format!("{given} {family}"),
            given_name: given.to_owned(),
            family_name: family.to_owned(),
            email: format!("{}@example.com", given.to_lowercase()),
            email_verified: true,
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            contract_end: None,
            about: about.to_owned(),
        };
        vec![
            person("s-4", "Ada", "Sommer", &["staff"], "Employee, in group staff"),
            person("c-17", "Carla", "Reyes", &["guests"], "Contractor, in group guests"),
            person("x-9", "Otto", "Berg", &[], "Outsider, in no group"),
        ]
    }
}

/// The provider has no key to sign with: the machine's cryptography failed.
#[derive(Debug, thiserror::Error)]
#[error("no signing key can be made")]
pub struct NoKey;

/// A running provider's state. Cheap to clone; clones are the same provider.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    settings: ProviderSettings,
    key: EncodingKey,
    jwk: Jwk,
    clock: Clock,
    /// Codes that wait to be exchanged.
    codes: Mutex<HashMap<String, SignedIn>>,
    /// Access tokens, which open userinfo alone.
    tokens: Mutex<HashMap<String, SignedIn>>,
}

/// Somebody has signed in; what a code or a token stands for.
#[derive(Clone)]
struct SignedIn {
    person: Person,
    redirect_uri: String,
    code_challenge: String,
    nonce: Option<String>,
    scope: String,
    sid: String,
    at: Timestamp,
    expires: Timestamp,
}

impl Provider {
    /// A provider with a new ES256 key.
    ///
    /// # Errors
    /// No key can be made.
    pub fn new(settings: ProviderSettings, clock: Clock) -> Result<Self, NoKey> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| NoKey)?;
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().map_err(|_| NoKey)?.as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(|_| NoKey)?;
        jwk.common.key_id = Some(jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| NoKey)?);
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let (codes, tokens) = Default::default();
        Ok(Self(Arc::new(Inner { settings, key, jwk, clock, codes, tokens })))
    }

    /// All its pages and endpoints.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/authorize", get(authorize::ask).post(authorize::answer))
            .route("/token", axum::routing::post(token::exchange))
            .route("/userinfo", get(token::userinfo).post(token::userinfo))
            .route("/end-session", get(end_session::by_query).post(end_session::by_form))
            .with_state(self.clone())
    }

    fn settings(&self) -> &ProviderSettings {
        &self.0.settings
    }
}

/// OpenID Connect Discovery 1.0, section 4.
async fn discovery(State(provider): State<Provider>) -> Json<Value> {
    let issuer = &provider.settings().issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "end_session_endpoint": format!("{issuer}/end-session"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["openid", "profile", "email", "groups"],
        "claims_supported": [
            "sub", "name", "given_name", "family_name", "email", "email_verified", "groups", "contract_end", "sid",
            "auth_time",
        ],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn jwks(State(provider): State<Provider>) -> Json<JwkSet> {
    Json(JwkSet { keys: vec![provider.0.jwk.clone()] })
}

/// Keeps `what` under a new random name, and forgets what has expired.
fn keep(
    shelf: &Mutex<HashMap<String, SignedIn>>,
    what: SignedIn,
    now: Timestamp,
) -> Result<String, aws_lc_rs::error::Unspecified> {
    let name = random()?;
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    shelf.retain(|_, kept| now < kept.expires);
    shelf.insert(name.clone(), what);
    Ok(name)
}

/// 256 random bits that fit in a URL.
fn random() -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// `uri` with `parameters` added to its query, those that have a value.
fn with_query(uri: &str, parameters: &[(&str, Option<&str>)]) -> Option<Url> {
    let mut url: Url = uri.parse().ok()?;
    url.query_pairs_mut().extend_pairs(parameters.iter().filter_map(|(name, value)| Some((name, (*value)?))));
    Some(url)
}
