//! From an access token to claims: by the signature of a JWT (RFC 9068), or by what the provider says of it when it is asked
//! (RFC 7662).
//!
//! Such a token is a word to an API, and any program may carry it. So it has to name the API and its own end; one that is
//! bound to a key is refused, since nobody here asks for the key (RFC 8705, section 3; RFC 9449, section 7), and so is one
//! that is something else: an ID token, a logout token.

use super::algorithm::Algorithm;
use super::claims::{ClaimSet, Claims, GroupsSettings, Subject, Voucher, date, is_for};
use super::jws::{Signed, Trust, Types};
use super::key_set::KeySet;
use super::verify::{LEEWAY, Unverified, named};
use crate::names::ProviderName;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What it is, for whoever reads why it was not believed.
const WHAT: &str = "access token";

/// Claims that access tokens do not have, and tokens that are something else do.
const OF_OTHERS: [&str; 4] = ["nonce", "at_hash", "c_hash", "events"];

/// What the header of an access token has to say that it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Typ {
    /// An access token (RFC 9068, section 2.1).
    #[default]
    #[serde(rename = "at+jwt")]
    AccessToken,
    /// That, or a JWT, or nothing: for providers that do not say it.
    #[serde(rename = "any")]
    Any,
}

impl Typ {
    fn taken(self) -> Types {
        match self {
            Self::AccessToken => Types::Named("at+jwt"),
            Self::Any => Types::Or("at+jwt"),
        }
    }
}

/// What an access token must say to be good here.
pub struct Access<'a> {
    /// The provider, as the configuration calls it.
    pub provider: &'a ProviderName,
    /// Its issuer, to the letter.
    pub issuer: &'a str,
    /// The API that it is for, by one of its names.
    pub audiences: &'a [String],
    /// How it may be signed.
    pub algorithms: &'a [Algorithm],
    /// What it has to say that it is.
    pub typ: Typ,
    /// How long it may be good, from when it was made.
    pub longest: SignedDuration,
    /// How the provider tells groups.
    pub groups: &'a GroupsSettings,
}

/// The issuer that a JWT names. Nobody has verified it: it says whose keys to try. `None` where it is no JWT.
pub fn issuer_of(token: &str) -> Option<String> {
    let mut parts = token.split('.');
    let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims["iss"].as_str().map(str::to_owned)
}

/// The scopes of an access token: one text (RFC 9068, section 2.2.3), or `scp` as some providers write it, a text or a list.
pub fn scopes(claims: &ClaimSet) -> Vec<&str> {
    match claims.get("scope").or_else(|| claims.get("scp")) {
        Some(Value::String(all)) => all.split(' ').collect(),
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn invalid(why: impl Into<String>) -> Unverified {
    Unverified::Invalid(WHAT, why.into())
}

impl Claims {
    /// Verifies an access token that is a JWT (RFC 9068, section 4): type, signature, algorithm, issuer, audience, when it
    /// was made and until when it is good.
    ///
    /// # Errors
    /// [`Unverified::UnknownKey`] where fresh keys may help; otherwise the token is to be refused.
    pub fn verify_access_token(
        token: &str,
        keys: &KeySet,
        expected: &Access<'_>,
        now: Timestamp,
    ) -> Result<Self, Unverified> {
        let types = expected.typ.taken();
        let Signed { claims, .. } =
            Trust { what: WHAT, keys, algorithms: expected.algorithms, types }.open(token)?;
        if !claims.contains_key("iss") {
            return Err(invalid("it does not say of which issuer it is (iss)"));
        }
        if !claims.contains_key("iat") {
            return Err(invalid("it does not say when it was made (iat)"));
        }
        expected.vouched(claims, now)
    }

    /// Believes what the provider says of an access token (RFC 7662, section 2.2). It has to say that it is good, for whom
    /// and until when; what else it says has to fit.
    ///
    /// # Errors
    /// Where it does not.
    pub fn of_introspection(
        said: Map<String, Value>,
        expected: &Access<'_>,
        now: Timestamp,
    ) -> Result<Self, Unverified> {
        if said.get("active") != Some(&Value::Bool(true)) {
            return Err(invalid("the provider does not know it, or not any more"));
        }
        let typ = said.get("token_type").and_then(Value::as_str);
        if let Some(typ) = typ.filter(|typ| !typ.eq_ignore_ascii_case("bearer")) {
            return Err(invalid(format!("it is of type \"{typ}\"")));
        }
        expected.vouched(said, now)
    }

    /// Until when an access token is good that has been verified.
    pub fn good_until(&self) -> Option<Timestamp> {
        date(self.set().get("exp"))
    }
}

impl Access<'_> {
    fn vouched(&self, claims: Map<String, Value>, now: Timestamp) -> Result<Claims, Unverified> {
        self.check(&claims, now)?;
        // Where there is no resource owner, a provider that is asked may name the client alone.
        let sub = named(claims.get("sub").or_else(|| claims.get("client_id")));
        let sub = sub.ok_or_else(|| invalid("it names nobody (sub)"))?;
        let voucher = if is_of_a_machine(&claims, &sub) { Voucher::Machine } else { Voucher::AccessToken };
        let subject = Subject { issuer: self.issuer.to_owned(), sub };
        Ok(Claims::vouched(subject, ClaimSet::new(self.provider.clone(), claims, self.groups), voucher))
    }

    fn check(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Unverified> {
        let refuse = |why: &str| Err(invalid(why));
        if claims.get("iss").is_some_and(|issuer| issuer.as_str() != Some(self.issuer)) {
            return refuse("it is of another issuer (iss)");
        }
        let ours = |one: &str| self.audiences.iter().any(|name| name == one);
        if !is_for(claims.get("aud"), ours) {
            return refuse("it is not for this API (aud)");
        }
        if let Some(name) = OF_OTHERS.iter().find(|name| claims.contains_key(**name)) {
            return refuse(&format!("it is something else: access tokens have no \"{name}\""));
        }
        if claims.contains_key("cnf") {
            return refuse("it is bound to a key, which is not asked for here (cnf)");
        }
        let made = date(claims.get("iat"));
        let Some(end) = date(claims.get("exp")) else { return refuse("it does not say when it ends (exp)") };
        if now >= end {
            return refuse(&format!("it ended at {end}"));
        }
        if claims.contains_key("iat") && made.is_none_or(|made| made > now + LEEWAY) {
            return refuse("it was made in the future, or does not say when (iat)");
        }
        if claims.contains_key("nbf") && date(claims.get("nbf")).is_none_or(|begins| begins > now + LEEWAY) {
            return refuse("it does not hold yet (nbf)");
        }
        if end.duration_since(made.unwrap_or(now)) > self.longest {
            return refuse("it is good for longer than is believed here (exp)");
        }
        Ok(())
    }
}

/// Whether a token is one that a program got for itself (`client_credentials`): its subject is the client (RFC 9068, section
/// 2.2), or it says so as Entra, Auth0 and Keycloak do.
fn is_of_a_machine(claims: &Map<String, Value>, sub: &str) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let client = text("client_id").or_else(|| text("azp"));
    let account = client.zip(text("preferred_username")).is_some_and(|(client, name)| {
        name.strip_prefix("service-account-").is_some_and(|rest| rest.eq_ignore_ascii_case(client))
    });
    client == Some(sub)
        || account
        || text("idtyp") == Some("app")
        || text("gty") == Some("client-credentials")
}

#[cfg(test)]
mod tests;
