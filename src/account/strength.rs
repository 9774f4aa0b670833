//! How strongly somebody has signed in, as the provider says.

use crate::identity::{ClaimSet, date};
use jiff::Timestamp;
use serde_json::Value;

/// What the provider said of a sign-in (OpenID Connect Core, section 2). What it did not say is not known, and proves
/// nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strength {
    /// The class of the authentication (`acr`).
    pub acr: Option<String>,
    /// The methods that were used (`amr`; RFC 8176 names some).
    pub amr: Vec<String>,
    /// When the person proved who they are (`auth_time`).
    pub auth_time: Option<Timestamp>,
}

impl Strength {
    /// What `claims` say that came at `now`. `amr` may be a list or one text. Nobody has signed in later than now,
    /// whatever the clock of the provider shows.
    pub fn of(claims: &ClaimSet, now: Timestamp) -> Self {
        let amr = match claims.get("amr") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let auth_time = date(claims.get("auth_time"));
        Self {
            acr: claims.text("acr").map(str::to_owned),
            amr,
            auth_time: auth_time.map(|time| time.min(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::GroupsSettings;
    use serde_json::json;

    #[test]
    fn what_is_not_said_or_not_readable_is_not_known() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let of = |claims: Value| {
            let claims = claims.as_object().unwrap().clone();
            Strength::of(&ClaimSet::new("staff".parse().unwrap(), claims, &GroupsSettings::default()), now)
        };
        let said = of(json!({ "acr": "gold", "amr": ["pwd", 7, "otp"], "auth_time": 1_799_999_000 }));
        assert_eq!(
            (said.acr.as_deref(), &said.amr),
            (Some("gold"), &vec!["pwd".to_owned(), "otp".to_owned()])
        );
        assert_eq!(said.auth_time.map(Timestamp::as_second), Some(1_799_999_000));
        assert_eq!(of(json!({ "amr": "mfa" })).amr, ["mfa"]);
        assert_eq!(of(json!({ "acr": 1, "amr": {}, "auth_time": "yesterday" })), Strength::default());
        assert_eq!(of(json!({ "auth_time": 1_900_000_000 })).auth_time, Some(now));
        assert_eq!(of(json!({ "auth_time": 1_799_999_000.75 })).auth_time, said.auth_time);
    }
}
