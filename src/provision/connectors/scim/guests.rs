//! Guests of Slack, whose end it keeps by itself. Who is one, policy says, by the attribute that says of what kind:
//! nobody becomes a guest because their access has an end.

use super::super::expiry;
use super::wire;
use crate::account::{Expiry, Profile};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What makes an account a guest's, such as `multi`.
const TYPE: &str = "urn:ietf:params:scim:schemas:extension:slack:guest:2.0:User:type";
/// When it ends.
const EXPIRATION: &str = "urn:ietf:params:scim:schemas:extension:slack:guest:2.0:User:expiration";
const UNIT: SignedDuration = SignedDuration::from_secs(1);

/// The attribute that keeps the end of a guest's account, and what it is to be.
pub(super) fn expiration(profile: &Profile) -> Option<(&'static str, Value)> {
    let is_guest =
        profile.attributes.iter().any(|(name, kind)| name.eq_ignore_ascii_case(TYPE) && !kind.is_empty());
    let end = profile.expires.filter(|_| is_guest)?;
    let lock = expiry::second_lock(end, UNIT).to_zoned(TimeZone::UTC);
    Some((EXPIRATION, lock.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string().into()))
}

/// When the account of `user` ends by itself. Where the server does not tell, nothing is asked of it.
pub(super) fn expiry(user: &Value, wanted: &Profile) -> Expiry {
    if expiration(wanted).is_none() {
        return Expiry::NotKept;
    }
    let held = wire::attribute(user, EXPIRATION).and_then(|text| text.parse::<Timestamp>().ok());
    held.map_or(Expiry::NotKept, |held| expiry::seen(Some(held), wanted.expires, UNIT))
}

#[cfg(test)]
mod tests {
    use super::super::edit::Edit;
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_guest_has_an_end_of_its_own() {
        let end: Timestamp = "2026-06-30T22:00:00Z".parse().unwrap();
        let member = Profile { expires: Some(end), ..Profile::default() };
        assert_eq!(expiration(&member), None);
        let guest = Profile { attributes: [(TYPE.to_owned(), "multi".to_owned())].into(), ..member.clone() };
        let (path, value) = expiration(&guest).unwrap();
        assert_eq!(value, "2026-06-30T22:00:01+00:00");
        let mut user = json!({});
        assert_eq!(expiry(&user, &guest), Expiry::NotKept);
        Edit::Set(path.to_owned(), value).apply(&mut user);
        assert_eq!((expiry(&user, &guest), expiry(&user, &member)), (Expiry::At(end), Expiry::NotKept));
    }
}
