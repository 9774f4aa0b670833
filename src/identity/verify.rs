//! From an ID token to claims: the only way to [`Claims`].

use super::claims::{ClaimSet, Claims, GroupsSettings, Subject};
use crate::names::ProviderName;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessToken, AccessTokenHash, ClaimsVerificationError, ClientId, IssuerUrl, Nonce,
    SignatureVerificationError,
};
use serde_json::{Map, Value};
use std::str::FromStr;

/// How far ahead of ours a provider's clock may be.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// The signatures we accept. None that a shared secret makes, and not `none`.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 8] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
];

/// What an ID token must say to be the answer to our question.
pub struct Expected<'a> {
    /// The provider we asked, as the configuration calls it.
    pub provider: &'a ProviderName,
    /// Its issuer, to the letter.
    pub issuer: &'a str,
    /// Our client id there.
    pub client_id: &'a str,
    /// The nonce of this attempt.
    pub nonce: &'a str,
    /// The access token that came with it, for `at_hash`.
    pub access_token: &'a str,
    /// How the provider tells groups.
    pub groups: &'a GroupsSettings,
}

/// Why an ID token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// Signed with a key that the provider's key set does not hold: perhaps it is new.
    #[error("the ID token is signed with a key that the provider does not publish")]
    UnknownKey,
    /// Anything else, in words.
    #[error("the ID token is not valid: {0}")]
    Invalid(String),
    /// The claims beside the ID token are about somebody else.
    #[error("userinfo is about another subject than the ID token")]
    OtherSubject,
}

impl Claims {
    /// Verifies an ID token (OpenID Connect Core, section 3.1.3.7): signature, algorithm, issuer, audience, `azp`,
    /// expiry, nonce, `iat` not in the future, and `at_hash` where there is one.
    ///
    /// # Errors
    /// [`Unverified::UnknownKey`] where fresh keys may help; otherwise the token is to be refused.
    pub fn verify(
        token: &str,
        keys: &CoreJsonWebKeySet,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<Self, Unverified> {
        let invalid = |error: &dyn std::fmt::Display| Unverified::Invalid(error.to_string());
        let id_token = CoreIdToken::from_str(token).map_err(|error| invalid(&error))?;
        let issuer = IssuerUrl::new(expected.issuer.to_owned()).map_err(|error| invalid(&error))?;
        let clock = DateTime::from_timestamp_micros(now.as_microsecond()).unwrap_or_default();
        let latest = DateTime::from_timestamp_micros((now + LEEWAY).as_microsecond()).unwrap_or_default();
        let client_id = ClientId::new(expected.client_id.to_owned());
        let verifier = CoreIdTokenVerifier::new_public_client(client_id, issuer, keys.clone())
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || clock)
            .set_issue_time_verifier_fn(move |issued| {
                if issued <= latest { Ok(()) } else { Err(format!("issued in the future, at {issued}")) }
            });
        let nonce = Nonce::new(expected.nonce.to_owned());
        let claims = id_token.claims(&verifier, &nonce).map_err(|error| match error {
            ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
                Unverified::UnknownKey
            }
            other => invalid(&other),
        })?;
        if claims.authorized_party().is_some_and(|party| party.as_str() != expected.client_id) {
            return Err(Unverified::Invalid("it was issued to another client (azp)".to_owned()));
        }
        if let Some(hash) = claims.access_token_hash() {
            let algorithm = id_token.signing_alg().map_err(|error| invalid(&error))?;
            let key = id_token.signing_key(&verifier).map_err(|error| invalid(&error))?;
            let access_token = AccessToken::new(expected.access_token.to_owned());
            let actual = AccessTokenHash::from_token(&access_token, algorithm, key)
                .map_err(|error| invalid(&error))?;
            if actual != *hash {
                return Err(Unverified::Invalid("it belongs to another access token (at_hash)".to_owned()));
            }
        }
        let values =
            payload(token).ok_or_else(|| Unverified::Invalid("its payload is not an object".to_owned()))?;
        let subject = Subject { issuer: expected.issuer.to_owned(), sub: claims.subject().to_string() };
        Ok(Self::vouched(subject, ClaimSet::new(expected.provider.clone(), values, expected.groups)))
    }

    /// Adds what the userinfo endpoint says (OpenID Connect Core, section 5.3). What the ID token says stands.
    ///
    /// # Errors
    /// [`Unverified::OtherSubject`] unless `sub` is exactly that of the ID token.
    pub fn with_userinfo(
        self,
        userinfo: Map<String, Value>,
        groups: &GroupsSettings,
    ) -> Result<Self, Unverified> {
        if userinfo.get("sub").and_then(Value::as_str) != Some(&self.subject().sub) {
            return Err(Unverified::OtherSubject);
        }
        let mut values = userinfo;
        values.extend(self.set().values().clone());
        let set = ClaimSet::new(self.set().provider().clone(), values, groups);
        Ok(Self::vouched(self.subject().clone(), set))
    }
}

/// The claims of a token whose signature has been checked.
fn payload(token: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&bytes).ok()
}
