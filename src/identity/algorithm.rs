//! The signatures that we believe, by their names in JOSE (RFC 7518, section 3.1; RFC 8037, section 3.1). `none` is not
//! among them, nor is any that a shared secret makes: whoever can verify one of those can make it.

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use aws_lc_rs::signature::{self, RsaParameters};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// ECDSA with P-384 and SHA-384.
    ES384,
    /// ECDSA with P-521 and SHA-512.
    ES512,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::EdDSA,
    ];

    /// Its name, as a header says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The left half of the hash of `text` in base64url, as `at_hash` and `c_hash` say it (OpenID Connect Core, sections
    /// 3.1.3.6 and 3.3.2.11). Ed25519 hashes with SHA-512, and so does everybody for it.
    pub(super) fn half_hash(self, text: &str) -> String {
        let hash = digest::digest(self.hash(), text.as_bytes());
        let (half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
        URL_SAFE_NO_PAD.encode(half)
    }

    fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::RS256 | Self::PS256 | Self::ES256 => &SHA256,
            Self::RS384 | Self::PS384 | Self::ES384 => &SHA384,
            Self::RS512 | Self::PS512 | Self::ES512 | Self::EdDSA => &SHA512,
        }
    }

    /// How a key of 2048 bits or more verifies it, if an RSA key does.
    pub(super) fn rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::RS256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::PS256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Self::PS384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
            Self::PS512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
            Self::ES256 | Self::ES384 | Self::ES512 | Self::EdDSA => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_secret_signs_or_nobody_is_no_algorithm() {
        for algorithm in Algorithm::ALL {
            assert_eq!(serde_json::from_value::<Algorithm>(json!(algorithm.name())).unwrap(), algorithm);
        }
        for other in ["none", "None", "HS256", "HS512", "rs256", "RS256 ", ""] {
            assert!(serde_json::from_value::<Algorithm>(json!(other)).is_err(), "{other:?}");
        }
    }

    #[test]
    fn half_a_hash_is_that_of_the_specification() {
        // OpenID Connect Core, appendix A.3 and A.4.
        let hash = |text| Algorithm::RS256.half_hash(text);
        assert_eq!(hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(
            hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"),
            "LDktKdoQak3Pk0cnXxCltA"
        );
    }
}
