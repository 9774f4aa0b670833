//! The keys that a provider publishes (RFC 7517), for verifying alone. A key is taken for what it says that it is for, and
//! one key has to fit: where a token fits none or several, it is not believed.

use super::algorithm::Algorithm;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// A key set, without the keys that we cannot read or that are for something else.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<Key>);

/// No one key of a set fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// None does: it may be new.
    Unknown,
    /// Several do.
    Ambiguous,
}

/// A public key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    kid: Option<String>,
    /// The one algorithm that it is for, where it says so; also one that is none of ours.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug, Clone)]
enum Material {
    /// Modulus and exponent, big-endian.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// A point, uncompressed (SEC 1, section 2.3.3).
    Point(Algorithm, Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A JWK as far as it concerns us (RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// The set that `json` holds. Keys that we cannot read are left out, as RFC 7517 (section 5) asks.
    ///
    /// # Errors
    /// Where it is no key set.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(json)?;
        let key = |value| serde_json::from_value::<Jwk>(value).ok().and_then(Jwk::key);
        Ok(Self(set.keys.into_iter().filter_map(key).collect()))
    }

    /// Whether a key is there for one of these algorithms.
    pub fn verify_some(&self, algorithms: &[Algorithm]) -> bool {
        self.0.iter().any(|key| algorithms.iter().any(|algorithm| key.fits(*algorithm)))
    }

    /// The one key for what is signed by `algorithm`, by its name where one is named.
    pub(super) fn the(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Key, NoKey> {
        let named = |key: &&Key| kid.is_none_or(|kid| key.kid.as_deref() == Some(kid));
        let mut fitting = self.0.iter().filter(named).filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (None, _) => Err(NoKey::Unknown),
            (Some(_), Some(_)) => Err(NoKey::Ambiguous),
        }
    }
}

impl Jwk {
    fn key(self) -> Option<Key> {
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let material = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: bytes(&self.n)?, e: bytes(&self.e)? },
            ("EC", Some("P-256")) => self.point(Algorithm::ES256, 32)?,
            ("EC", Some("P-384")) => self.point(Algorithm::ES384, 48)?,
            ("EC", Some("P-521")) => self.point(Algorithm::ES512, 66)?,
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&self.x)?),
            _ => return None,
        };
        signs.then_some(Key { kid: self.kid, algorithm: self.alg, material })
    }

    /// Both coordinates in full length (RFC 7518, section 6.2.1.2).
    fn point(&self, algorithm: Algorithm, length: usize) -> Option<Material> {
        let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
        let whole = x.len() == length && y.len() == length;
        whole.then(|| Material::Point(algorithm, [&[4][..], &x, &y].concat()))
    }
}

fn bytes(text: &Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.as_ref()?).ok()
}

impl Key {
    fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = match self.material {
            Material::Rsa { .. } => algorithm.rsa().is_some(),
            Material::Point(only, _) => only == algorithm,
            Material::Ed25519(_) => algorithm == Algorithm::EdDSA,
        };
        kind && self.algorithm.as_deref().is_none_or(|only| only == algorithm.name())
    }

    /// Whether `signature` is one of `message` by this key.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let by = |how: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(how, key).verify(message, signature).is_ok()
        };
        match (&self.material, algorithm) {
            (Material::Rsa { n, e }, _) => {
                let key = RsaPublicKeyComponents { n, e };
                algorithm.rsa().is_some_and(|how| key.verify(how, message, signature).is_ok())
            }
            (Material::Point(_, point), Algorithm::ES256) => by(&ECDSA_P256_SHA256_FIXED, point),
            (Material::Point(_, point), Algorithm::ES384) => by(&ECDSA_P384_SHA384_FIXED, point),
            (Material::Point(_, point), Algorithm::ES512) => by(&ECDSA_P521_SHA512_FIXED, point),
            (Material::Ed25519(key), Algorithm::EdDSA) => by(&ED25519, key),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
