//! From an ID token to claims: the only way to [`Claims`].

use super::algorithm::Algorithm;
use super::claims::{ClaimSet, Claims, GroupsSettings, Subject, Voucher, date, is_for};
use super::jws::{Signed, Trust, Types};
use super::key_set::KeySet;
use crate::names::ProviderName;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

/// How far ahead of ours a provider's clock may be.
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// The longest subject, in bytes (OpenID Connect Core, section 2).
const LONGEST_SUBJECT: usize = 255;

/// What a token must say to be the answer to our question.
pub struct Expected<'a> {
    /// The provider we asked, as the configuration calls it.
    pub provider: &'a ProviderName,
    /// Its issuer, to the letter.
    pub issuer: &'a str,
    /// Our client id there.
    pub client_id: &'a str,
    /// Audiences that an ID token may have beside us.
    pub audiences: &'a [String],
    /// How it may be signed.
    pub algorithms: &'a [Algorithm],
    /// How the provider tells groups.
    pub groups: &'a GroupsSettings,
}

/// What an ID token came with, and was asked for with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Occasion<'a> {
    /// The nonce of this attempt.
    pub nonce: &'a str,
    /// The access token that came with it, for `at_hash`.
    pub access_token: &'a str,
    /// The code it was given for, for `c_hash`.
    pub code: &'a str,
    /// How long ago the person may have proved who they are, where that was asked.
    pub max_age: Option<SignedDuration>,
}

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// Signed with a key that the provider's key set does not hold: perhaps it is new.
    #[error("the {0} is signed with a key that the provider does not publish")]
    UnknownKey(&'static str),
    /// Anything else, in words.
    #[error("the {0} is not valid: {1}")]
    Invalid(&'static str, String),
    /// The claims beside the ID token are about somebody else.
    #[error("userinfo is about another subject than the ID token")]
    OtherSubject,
}

impl Expected<'_> {
    pub(super) fn trust<'a>(&'a self, what: &'static str, keys: &'a KeySet) -> Trust<'a> {
        Trust { what, keys, algorithms: self.algorithms, types: Types::Any }
    }

    /// Checks what every token of the provider says of itself: issuer, audience, `azp`, and when it is good.
    pub(super) fn check(
        &self,
        trust: &Trust<'_>,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), Unverified> {
        let refuse = |why: &str| Err(trust.invalid(why));
        if claims.get("iss").and_then(Value::as_str) != Some(self.issuer) {
            return refuse("it is of another issuer (iss)");
        }
        let audience: Option<Vec<&str>> = match claims.get("aud") {
            Some(Value::String(one)) => Some(vec![one.as_str()]),
            Some(Value::Array(many)) => many.iter().map(Value::as_str).collect(),
            _ => None,
        };
        let Some(audience) = audience.filter(|audience| audience.contains(&self.client_id)) else {
            return refuse("it is not for us (aud)");
        };
        let others = || audience.iter().filter(|one| **one != self.client_id);
        if let Some(other) = others().find(|one| self.audiences.iter().all(|trusted| trusted != *one)) {
            return refuse(&format!("it is for \"{other}\", too (aud)"));
        }
        match claims.get("azp") {
            Some(party) if party.as_str() != Some(self.client_id) => {
                return refuse("it was issued to another client (azp)");
            }
            None if others().next().is_some() => {
                return refuse("it is for several, and does not say to whom it was issued (azp)");
            }
            _ => {}
        }
        match (date(claims.get("exp")), date(claims.get("iat"))) {
            (None, _) => return refuse("it does not say when it ends (exp)"),
            (Some(end), _) if now >= end => return refuse(&format!("it ended at {end}")),
            (_, None) => return refuse("it does not say when it was made (iat)"),
            (_, Some(made)) if made > now + LEEWAY => {
                return refuse(&format!("it was made in the future, at {made}"));
            }
            _ => {}
        }
        if claims.contains_key("nbf") && date(claims.get("nbf")).is_none_or(|begins| begins > now + LEEWAY) {
            return refuse("it does not hold yet (nbf)");
        }
        Ok(())
    }
}

impl Claims {
    /// Verifies an ID token that came for a refresh token (OpenID Connect Core, section 12.2): the same, but that it
    /// answers no question of ours, and has to be about `subject`.
    ///
    /// # Errors
    /// As for [`Claims::verify`]; [`Unverified::OtherSubject`] where it is about somebody else.
    pub fn verify_again(
        token: &str,
        keys: &KeySet,
        expected: &Expected<'_>,
        access_token: &str,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Self, Unverified> {
        let occasion = Occasion { access_token, ..Occasion::default() };
        let claims = Self::verify_for(token, keys, expected, &occasion, false, now)?;
        if claims.subject() == subject { Ok(claims) } else { Err(Unverified::OtherSubject) }
    }

    /// Nothing yet of somebody for whom the provider has vouched before, and vouches again by giving an access token for
    /// their refresh token; userinfo, which is asked with that, says the rest.
    ///
    /// # Errors
    /// [`Unverified::OtherSubject`] where they are another issuer's.
    pub fn of_known(subject: &Subject, expected: &Expected<'_>) -> Result<Self, Unverified> {
        if subject.issuer != expected.issuer {
            return Err(Unverified::OtherSubject);
        }
        let values = Map::from_iter([("sub".to_owned(), Value::from(subject.sub.clone()))]);
        let set = ClaimSet::new(expected.provider.clone(), values, expected.groups);
        Ok(Self::vouched(subject.clone(), set, Voucher::IdToken))
    }

    /// Verifies an ID token (OpenID Connect Core, section 3.1.3.7): signature, algorithm, issuer, audience, `azp`,
    /// expiry, `iat` not in the future, subject, nonce, `auth_time` where its age was asked for, and `at_hash` and
    /// `c_hash` where they are.
    ///
    /// # Errors
    /// [`Unverified::UnknownKey`] where fresh keys may help; otherwise the token is to be refused.
    pub fn verify(
        token: &str,
        keys: &KeySet,
        expected: &Expected<'_>,
        occasion: &Occasion<'_>,
        now: Timestamp,
    ) -> Result<Self, Unverified> {
        Self::verify_for(token, keys, expected, occasion, true, now)
    }

    fn verify_for(
        token: &str,
        keys: &KeySet,
        expected: &Expected<'_>,
        occasion: &Occasion<'_>,
        answers: bool,
        now: Timestamp,
    ) -> Result<Self, Unverified> {
        let trust = expected.trust("ID token", keys);
        let Signed { algorithm, claims } = trust.open(token)?;
        expected.check(&trust, &claims, now)?;
        if answers && claims.get("nonce").and_then(Value::as_str) != Some(occasion.nonce) {
            return Err(trust.invalid("it answers another question (nonce)"));
        }
        for (name, hashed, what) in
            [("at_hash", occasion.access_token, "access token"), ("c_hash", occasion.code, "code")]
        {
            let says = claims.get(name).filter(|said| said.as_str() != Some(&algorithm.half_hash(hashed)));
            if says.is_some() {
                return Err(trust.invalid(format!("it belongs to another {what} ({name})")));
            }
        }
        if let Some(max_age) = occasion.max_age {
            let since = date(claims.get("auth_time"));
            let since = since.ok_or_else(|| trust.invalid("it does not say since when (auth_time)"))?;
            if now.duration_since(since) > max_age + LEEWAY {
                return Err(trust.invalid(format!("its person was last asked at {since} (auth_time)")));
            }
        }
        let sub = named(claims.get("sub")).ok_or_else(|| trust.invalid("it names nobody (sub)"))?;
        let subject = Subject { issuer: expected.issuer.to_owned(), sub };
        let set = ClaimSet::new(expected.provider.clone(), claims, expected.groups);
        Ok(Self::vouched(subject, set, Voucher::IdToken))
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
        Ok(self.with(userinfo, groups))
    }
}

/// A subject or a session, as a provider names it.
pub(super) fn named(value: Option<&Value>) -> Option<String> {
    let name = value?.as_str()?;
    let fits = !name.is_empty() && name.len() <= LONGEST_SUBJECT && !name.contains(char::is_control);
    fits.then(|| name.to_owned())
}

/// The claims of a token that is no ID token and is signed by the provider all the same: userinfo (OpenID Connect Core,
/// section 5.3.2) or claims from elsewhere (section 5.6.2). Where it says of whom it is, for whom, and until when, that
/// has to fit.
///
/// # Errors
/// As for [`Claims::verify`].
pub fn verify_claims(
    what: &'static str,
    token: &str,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Map<String, Value>, Unverified> {
    let trust = expected.trust(what, keys);
    let Signed { claims, .. } = trust.open(token)?;
    if claims.get("iss").is_some_and(|issuer| issuer.as_str() != Some(expected.issuer)) {
        return Err(trust.invalid("it is of another issuer (iss)"));
    }
    let audience = claims.get("aud");
    if audience.is_some() && !is_for(audience, |one| one == expected.client_id) {
        return Err(trust.invalid("it is not for us (aud)"));
    }
    if claims.contains_key("exp") && date(claims.get("exp")).is_none_or(|end| now >= end) {
        return Err(trust.invalid("it is over (exp)"));
    }
    Ok(claims)
}
