//! A signed token in compact form (RFC 7515, section 7.1), from text to claims. Which algorithms count is said by whoever
//! asks, never by the token; keys that a token brings with it (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
//!
//! Of our own, over the signatures of aws-lc, so that every kind of token that a provider signs goes through the same door:
//! those of openidconnect are for ID tokens and userinfo, and know no ES512.

use super::algorithm::Algorithm;
use super::key_set::{KeySet, NoKey};
use super::verify::Unverified;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What is to be believed of a token.
pub(super) struct Trust<'a> {
    /// What it is, for whoever reads why it was not believed.
    pub(super) what: &'static str,
    /// Who may have signed it.
    pub(super) keys: &'a KeySet,
    /// How.
    pub(super) algorithms: &'a [Algorithm],
    /// What it may say that it is.
    pub(super) types: Types,
}

/// What a token may say of its purpose (`typ`; RFC 8725, section 3.11): so none stands in for another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Types {
    /// Nothing, or that it is a token.
    Any,
    /// The same, or this.
    Or(&'static str),
    /// This alone.
    Named(&'static str),
}

impl Types {
    fn take(self, said: Option<&str>) -> bool {
        let is = |name: &str| {
            // RFC 7515, section 4.1.9.
            said.is_some_and(|said| {
                said.strip_prefix("application/").unwrap_or(said).eq_ignore_ascii_case(name)
            })
        };
        match self {
            Self::Any => said.is_none() || is("jwt"),
            Self::Or(name) => said.is_none() || is("jwt") || is(name),
            Self::Named(name) => is(name),
        }
    }
}

/// A token whose signature has been checked, and nothing else of it.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) algorithm: Algorithm,
    pub(super) claims: Map<String, Value>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl Trust<'_> {
    pub(super) fn invalid(&self, why: impl Into<String>) -> Unverified {
        Unverified::Invalid(self.what, why.into())
    }

    /// Checks the signature of `token`, and reads its claims.
    ///
    /// # Errors
    /// [`Unverified::UnknownKey`] where fresh keys may help, else [`Unverified::Invalid`].
    pub(super) fn open(&self, token: &str) -> Result<Signed, Unverified> {
        let (algorithm, payload) = self.check(token)?;
        let claims = serde_json::from_slice(&payload)
            .map_err(|error| self.invalid(format!("its payload is not an object: {error}")))?;
        Ok(Signed { algorithm, claims })
    }

    /// How `token` was signed, and what.
    fn check(&self, token: &str) -> Result<(Algorithm, Vec<u8>), Unverified> {
        let (signed, signature) =
            token.rsplit_once('.').ok_or_else(|| self.invalid("it is not a signed token"))?;
        let (header, payload) =
            signed.split_once('.').ok_or_else(|| self.invalid("it is not a signed token"))?;
        let decode = |part: &str| {
            URL_SAFE_NO_PAD.decode(part).map_err(|_| self.invalid("a part of it is not base64url"))
        };
        let header: Header = serde_json::from_slice(&decode(header)?)
            .map_err(|error| self.invalid(format!("its header cannot be read: {error}")))?;
        if !self.types.take(header.typ.as_deref()) {
            let typ = header.typ.map_or("no type".to_owned(), |typ| format!("type \"{typ}\""));
            return Err(self.invalid(format!("it is of {typ}")));
        }
        if header.crit.is_some() {
            return Err(self.invalid("it asks for something that we do not know (crit)"));
        }
        let algorithm =
            *self.algorithms.iter().find(|algorithm| algorithm.name() == header.alg).ok_or_else(|| {
                self.invalid(format!("it is signed by \"{}\", which is not believed here", header.alg))
            })?;
        let key = self.keys.the(header.kid.as_deref(), algorithm).map_err(|none| match none {
            NoKey::Unknown => Unverified::UnknownKey(self.what),
            NoKey::Ambiguous => self.invalid("several keys fit it"),
        })?;
        if !key.verifies(algorithm, signed.as_bytes(), &decode(signature)?) {
            return Err(self.invalid("its signature is wrong"));
        }
        Ok((algorithm, decode(payload)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const VECTORS: &str = include_str!("../../tests/vectors/json_web_signature.json");

    #[test]
    fn tokens_are_verified_as_wycheproof_says() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let (mut good, mut bad) = (0, 0);
        for group in vectors["testGroups"].as_array().unwrap() {
            let keys = json!({ "keys": [group["public"]] }).to_string();
            let keys = KeySet::parse(keys.as_bytes()).unwrap();
            let trust = Trust { what: "token", keys: &keys, algorithms: &Algorithm::ALL, types: Types::Any };
            for test in group["tests"].as_array().unwrap() {
                let token = test["jws"].as_str().unwrap();
                let found = trust.check(token);
                // Some of their keys name another algorithm than they sign by, which is to be refused here.
                let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap_or_default();
                let header: Value = serde_json::from_slice(&header).unwrap_or_default();
                let fits = group["public"]["alg"].is_null() || group["public"]["alg"] == header["alg"];
                let expected = test["result"] == "valid" && fits;
                assert_eq!(found.is_ok(), expected, "{test}: {found:?}");
                *if expected { &mut good } else { &mut bad } += 1;
            }
        }
        assert!(good > 25 && bad > 120, "{good} {bad}");
    }
}
