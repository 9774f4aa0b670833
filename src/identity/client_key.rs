//! The key by which we prove to a provider who we are (RFC 7523; OpenID Connect Core, section 9).

use super::algorithm::Algorithm;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::fmt;

/// A private key as PEM. Does not print itself.
pub struct ClientKey(Pair);

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(Algorithm, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A text that holds no private key that we can sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no private key in PEM that can sign: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519"
)]
pub struct NotAKey;

impl ClientKey {
    /// The key in `pem`: PKCS#8, PKCS#1 or SEC 1.
    ///
    /// # Errors
    /// Where it holds none.
    pub fn from_pem(pem: &str) -> Result<Self, NotAKey> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| NotAKey)?;
        let der = key.secret_der();
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)) {
            return if pair.public_modulus_len() < 256 { Err(NotAKey) } else { Ok(Self(Pair::Rsa(pair))) };
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Self(Pair::Ed25519(pair)));
        }
        let curves = [
            (Algorithm::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING),
            (Algorithm::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING),
            (Algorithm::ES512, &ECDSA_P521_SHA512_FIXED_SIGNING),
        ];
        let pair = |(algorithm, curve)| {
            let pair = EcdsaKeyPair::from_private_key_der(curve, der).ok()?;
            Some(Self(Pair::Ecdsa(algorithm, pair)))
        };
        curves.into_iter().find_map(pair).ok_or(NotAKey)
    }

    /// What it signs with, where the other side takes what `taken` names: for RSA the better of two ways, unless only the
    /// older is taken, or nobody says.
    pub fn algorithm(&self, taken: &[String]) -> Algorithm {
        match &self.0 {
            Pair::Rsa(_) if taken.iter().any(|name| name == Algorithm::PS256.name()) => Algorithm::PS256,
            Pair::Rsa(_) => Algorithm::RS256,
            Pair::Ecdsa(algorithm, _) => *algorithm,
            Pair::Ed25519(_) => Algorithm::EdDSA,
        }
    }

    /// `claims` as a signed JWT; `kid` names the key to whoever knows several of us. `None` where the cryptographic
    /// library refuses.
    pub fn sign(&self, algorithm: Algorithm, kid: Option<&str>, claims: &Value) -> Option<String> {
        let mut header = json!({ "alg": algorithm.name(), "typ": "JWT" });
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.signature(algorithm, message.as_bytes())?;
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.0 {
            Pair::Rsa(pair) => {
                let how: &'static dyn RsaEncoding =
                    if algorithm == Algorithm::PS256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(how, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ecdsa(_, pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::KeySize;
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};

    /// What the key in `pem` signs is believed by others who hold its public half.
    fn believed(pem: &str, algorithm: Algorithm, public: &DecodingKey, taken: &[String]) {
        let key = ClientKey::from_pem(pem).unwrap();
        assert_eq!(key.algorithm(taken), algorithm);
        let token = key.sign(algorithm, Some("k1"), &json!({ "sub": "guestpass", "exp": 4_000_000_000_u64 }));
        let read =
            decode::<Value>(&token.unwrap(), public, &Validation::new(algorithm.name().parse().unwrap()));
        let read = read.unwrap();
        assert_eq!((read.header.kid.as_deref(), &read.claims["sub"]), (Some("k1"), &json!("guestpass")));
        assert_eq!(format!("{key:?}"), "ClientKey { .. }");
    }

    #[test]
    fn each_kind_of_key_signs_what_others_believe() {
        for (kind, algorithm) in [
            (&PKCS_ECDSA_P256_SHA256, Algorithm::ES256),
            (&PKCS_ECDSA_P384_SHA384, Algorithm::ES384),
            (&PKCS_ED25519, Algorithm::EdDSA),
        ] {
            let pair = KeyPair::generate_for(kind).unwrap();
            let public = pair.public_key_pem();
            let public = if algorithm == Algorithm::EdDSA {
                DecodingKey::from_ed_pem(public.as_bytes()).unwrap()
            } else {
                DecodingKey::from_ec_pem(public.as_bytes()).unwrap()
            };
            believed(&pair.serialize_pem(), algorithm, &public, &[]);
        }
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
        let public = aws_lc_rs::signature::KeyPair::public_key(&pair);
        let public = DecodingKey::from_rsa_der(public.as_ref());
        believed(&pem, Algorithm::RS256, &public, &[]);
        believed(&pem, Algorithm::RS256, &public, &["RS256".to_owned()]);
        believed(&pem, Algorithm::PS256, &public, &["RS256".to_owned(), "PS256".to_owned()]);
    }

    #[test]
    fn anything_else_is_no_key() {
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for other in ["", "secret", certificate, broken] {
            assert_eq!(ClientKey::from_pem(other).unwrap_err(), NotAKey, "{other:?}");
        }
    }
}
