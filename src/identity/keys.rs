//! Our own signing keys, as values: ES256 (RFC 7518, section 3.4), named by their thumbprint.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are not a P-256 private key in PKCS#8.
    #[error("the signing key is not a P-256 key in PKCS#8")]
    NotAKey,
    /// The cryptographic library refused.
    #[error("the signing key cannot be used")]
    Unusable,
}

/// A private P-256 key that signs JWTs. Does not print itself.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    kid: String,
}

impl SigningKey {
    /// Draws a new key.
    pub fn generate() -> Result<Self, KeyError> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map(Self::from)
            .map_err(|_| KeyError::Unusable)
    }

    /// The key that [`SigningKey::to_pkcs8`] wrote.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map(Self::from)
            .map_err(|_| KeyError::NotAKey)
    }

    /// The private key in PKCS#8, DER. To be sealed before it is kept anywhere.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        self.pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()).map_err(|_| KeyError::Unusable)
    }

    /// The key's name: its thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK (RFC 7517), for the key set we publish.
    pub fn public_jwk(&self) -> Value {
        let (x, y) = coordinates(&self.pair);
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "alg": "ES256", "use": "sig", "kid": self.kid })
    }

    /// `claims` as a signed JWT (RFC 7519, compact) whose header says `typ`, so that a token made for one purpose
    /// never passes for another.
    pub fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        let header = json!({ "alg": "ES256", "typ": typ, "kid": self.kid });
        let claims = serde_json::to_vec(claims).map_err(|_| KeyError::Unusable)?;
        let mut token = URL_SAFE_NO_PAD.encode(header.to_string());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature =
            self.pair.sign(&SystemRandom::new(), token.as_bytes()).map_err(|_| KeyError::Unusable)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

impl From<EcdsaKeyPair> for SigningKey {
    fn from(pair: EcdsaKeyPair) -> Self {
        let (x, y) = coordinates(&pair);
        // RFC 7638, section 3.2: the required members alone, in this order, without spaces.
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()));
        Self { pair, kid }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// The public point, each half in base64url. It is uncompressed: 4, x, y (SEC 1, section 2.3.3).
fn coordinates(pair: &EcdsaKeyPair) -> (String, String) {
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    #[test]
    fn what_is_signed_verifies_by_the_published_key_also_after_being_kept() {
        let key = SigningKey::generate().unwrap();
        let kept = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(kept.kid(), key.kid());
        let jwk: Jwk = serde_json::from_value(key.public_jwk()).unwrap();
        assert_eq!(jwk.thumbprint(ThumbprintHash::SHA256).unwrap(), key.kid());
        let token = kept.sign("test+jwt", &json!({ "sub": "c-17", "exp": 4_000_000_000_u64 })).unwrap();
        let verifying = DecodingKey::from_jwk(&jwk).unwrap();
        let read = decode::<Value>(&token, &verifying, &Validation::new(Algorithm::ES256)).unwrap();
        assert_eq!(read.claims["sub"], "c-17");
        assert_eq!(read.header.typ.as_deref(), Some("test+jwt"));
        assert_eq!(read.header.kid.as_deref(), Some(key.kid()));
    }

    #[test]
    fn other_bytes_are_no_key_and_a_key_prints_nothing_secret() {
        assert_eq!(SigningKey::from_pkcs8(b"none").unwrap_err(), KeyError::NotAKey);
        let key = SigningKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey {{ kid: {:?}, .. }}", key.kid()));
    }
}
