//! SCIM's words: what is written, and what is read out of what comes back. Attribute names are read without case
//! (RFC 7643, section 2.1).

use super::dialect::{DisplayNames, Manner};
use super::edit::Edit;
use super::guests;
use crate::account::Profile;
use crate::provision::connector::{Fault, Refusal};
use serde_json::{Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

const GIVEN: &str = "name.givenName";
const FAMILY: &str = "name.familyName";

/// Attributes that say whose an account is and whether it is open: no policy sets them by name.
const OURS: [&str; 8] = ["id", "externalId", "active", "groups", "roles", "password", "schemas", "meta"];

/// Refuses a profile whose attributes include one that is not policy's to set.
pub(super) fn check(profile: &Profile) -> Result<(), Fault> {
    let head = |path: &str| place(path).1.split('.').next().unwrap_or_default().to_lowercase();
    let ours = |path: &&String| OURS.iter().any(|name| name.to_lowercase() == head(path));
    match profile.attributes.keys().find(ours) {
        Some(name) => {
            Err(Fault::refused(Refusal::Invalid, format!("attribute \"{name}\" is not set by policy")))
        }
        None => Ok(()),
    }
}

/// A new user, usable at once.
pub(super) fn user(external_id: &str, profile: &Profile, manner: &Manner) -> Value {
    let mut user = json!({ "schemas": [USER], "externalId": external_id });
    if manner.full_names {
        let display = profile.display_name.as_deref().unwrap_or(&profile.user_name);
        let (given, family) = given_and_family(display);
        user["name"] = json!({ "givenName": given, "familyName": family });
        user["displayName"] = display.into();
    }
    edits(profile, manner).iter().for_each(|edit| edit.written(manner).apply(&mut user));
    Edit::active(true).written(manner).apply(&mut user);
    user
}

/// A new group without members.
pub(super) fn group(name: &str) -> Value {
    json!({ "schemas": [GROUP], "displayName": name })
}

/// A PATCH of these operations.
pub(super) fn patch(operations: Value) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}

/// The changes that make a user look like `profile`.
pub(super) fn edits(profile: &Profile, manner: &Manner) -> Vec<Edit> {
    let core = core(profile, manner).into_iter().map(|(path, value)| Edit::Set(path.to_owned(), value));
    let further = profile.attributes.iter().map(|(path, value)| Edit::Set(path.clone(), json!(value)));
    let end = guests::expiration(profile).filter(|_| manner.guests);
    let end = end.map(|(path, value)| Edit::Set(path.to_owned(), value));
    core.chain(further).chain(end).collect()
}

/// The attributes that a profile has words of its own for. E-mail addresses are replaced whole: a path with a filter
/// fails where there is none yet, and the account is ours.
fn core(profile: &Profile, manner: &Manner) -> Vec<(&'static str, Value)> {
    let mut core = vec![("userName", json!(profile.user_name))];
    if let Some(name) = &profile.display_name {
        match manner.display_names {
            DisplayNames::Kept => core.push(("displayName", json!(name))),
            DisplayNames::Made => {
                let (given, family) = given_and_family(name);
                core.extend([(GIVEN, json!(given)), (FAMILY, json!(family))]);
            }
        }
    }
    let email = |email| ("emails", json!([{ "value": email, "type": "work", "primary": true }]));
    core.extend(profile.email.as_ref().map(email));
    core
}

/// A display name in two: the family name is the last word. Servers want neither to be empty.
fn given_and_family(display: &str) -> (&str, &str) {
    display.rsplit_once(' ').unwrap_or((display, display))
}

/// The display name of a user, as a look for `wanted` says it: where the server makes it, what it was told to make it of is
/// what counts.
pub(super) fn display_name(user: &Value, wanted: &Profile, manner: &Manner) -> Option<String> {
    let found = || text(user, "displayName").map(str::to_owned);
    let Some(name) = wanted.display_name.as_ref().filter(|_| manner.display_names == DisplayNames::Made)
    else {
        return found();
    };
    let (given, family) = given_and_family(name);
    let told = [(GIVEN, given), (FAMILY, family)].into_iter().all(|(path, usual)| {
        let told = wanted.attributes.get(path).map_or(usual, String::as_str);
        attribute(user, path).as_deref() == Some(told)
    });
    if told { Some(name.clone()) } else { found() }
}

/// The roles of a user; some servers list bare texts.
pub(super) fn roles(user: &Value) -> Vec<String> {
    let name = |role: &Value| role.as_str().or(text(role, "value")).map(str::to_owned);
    list(user, "roles").unwrap_or_default().iter().filter_map(name).collect()
}

/// Whether one of a user's e-mail addresses is this one.
pub(super) fn has_email(user: &Value, address: &str) -> bool {
    let same = |email: &Value| text(email, "value").is_some_and(|found| found.eq_ignore_ascii_case(address));
    list(user, "emails").unwrap_or_default().iter().any(same)
}

/// The place of a member of `object`, made if there is none. What is there and no object gives way to one.
pub(super) fn slot<'a>(object: &'a mut Value, name: &str) -> &'a mut Value {
    if !object.is_object() {
        *object = json!({});
    }
    let known =
        object.as_object().and_then(|members| members.keys().find(|key| key.eq_ignore_ascii_case(name)));
    let name = known.cloned().unwrap_or_else(|| name.to_owned());
    &mut object[name]
}

/// Takes members out of a resource.
pub(super) fn without(resource: &mut Value, names: &[&str]) {
    if let Value::Object(members) = resource {
        members.retain(|key, _| !names.iter().any(|name| key.eq_ignore_ascii_case(name)));
    }
}

/// Whether an entry of a list has this value; some servers list bare texts.
pub(super) fn is_entry(entry: &Value, value: &str) -> bool {
    entry.as_str().or(text(entry, "value")) == Some(value)
}

/// Splits an attribute's path (RFC 7644, figure 1) into the extension schema, if any, and the rest.
pub(super) fn place(path: &str) -> (Option<&str>, &str) {
    match path.rsplit_once(':') {
        Some((schema, name)) if schema.eq_ignore_ascii_case(USER) => (None, name),
        Some((schema, name)) => (Some(schema), name),
        None => (None, path),
    }
}

/// A value in a filter, quoted as JSON quotes it (RFC 7644, section 3.4.2.2).
pub(super) fn quoted(value: &str) -> String {
    Value::from(value).to_string()
}

pub(super) fn field<'a>(resource: &'a Value, name: &str) -> Option<&'a Value> {
    resource.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

pub(super) fn text<'a>(resource: &'a Value, name: &str) -> Option<&'a str> {
    field(resource, name)?.as_str()
}

pub(super) fn id(resource: &Value) -> Option<String> {
    text(resource, "id").map(str::to_owned)
}

pub(super) fn list<'a>(resource: &'a Value, name: &str) -> Option<&'a [Value]> {
    field(resource, name)?.as_array().map(Vec::as_slice)
}

/// Whether a user may sign in. Some servers say it in a string; where nothing is said, they may.
pub(super) fn is_active(user: &Value) -> bool {
    match field(user, "active") {
        Some(Value::Bool(active)) => *active,
        Some(Value::String(active)) => !active.eq_ignore_ascii_case("false"),
        _ => true,
    }
}

/// The primary e-mail address, or else the first.
pub(super) fn email(user: &Value) -> Option<String> {
    let emails = list(user, "emails")?;
    let primary = |email: &&Value| field(email, "primary") == Some(&Value::Bool(true));
    let email = emails.iter().find(primary).or(emails.first())?;
    text(email, "value").map(str::to_owned)
}

/// The value of the attribute at `path`, as text.
pub(super) fn attribute(user: &Value, path: &str) -> Option<String> {
    let (schema, name) = place(path);
    let root = schema.map_or(Some(user), |schema| field(user, schema))?;
    match name.split('.').try_fold(root, field)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;
    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    #[test]
    fn a_user_says_all_that_its_profile_names() {
        let named = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let profile = Profile {
            user_name: "ada".into(),
            display_name: Some("Ada".into()),
            email: Some("ada@x.example".into()),
            attributes: [
                named("title", "Guest"),
                named("name.givenName", "Ada"),
                named("name.familyName", "L"),
                named(&format!("{ENTERPRISE}:department"), "Risk"),
                named(&format!("{ENTERPRISE}:manager.displayName"), "Otto"),
            ]
            .into(),
            ..Profile::default()
        };
        let user = user("gp-1", &profile, &Dialect::Generic.manner());
        assert_eq!(
            user,
            json!({
                "schemas": [USER, ENTERPRISE],
                "externalId": "gp-1",
                "active": true,
                "userName": "ada",
                "displayName": "Ada",
                "emails": [{ "value": "ada@x.example", "type": "work", "primary": true }],
                "title": "Guest",
                "name": { "givenName": "Ada", "familyName": "L" },
                ENTERPRISE: { "department": "Risk", "manager": { "displayName": "Otto" } },
            })
        );
        for (path, value) in &profile.attributes {
            assert_eq!(attribute(&user, &path.to_uppercase()).as_ref(), Some(value));
        }
        assert_eq!(email(&user), profile.email);
    }

    #[test]
    fn a_display_name_that_the_server_makes_is_told_by_its_parts() {
        let manner = Manner { display_names: DisplayNames::Made, ..Dialect::Generic.manner() };
        let named = |display: &str| Profile { display_name: Some(display.to_owned()), ..Profile::default() };
        for (display, given, family) in [("Ada King L", "Ada King", "L"), ("Ada", "Ada", "Ada")] {
            let user = user("gp-1", &named(display), &manner);
            assert_eq!(
                (&user["name"]["givenName"], &user["name"]["familyName"]),
                (&json!(given), &json!(family))
            );
            assert_eq!(display_name(&user, &named(display), &manner).as_deref(), Some(display));
        }
        let otto = json!({ "displayName": "Otto L", "name": { "givenName": "Otto", "familyName": "L" } });
        assert_eq!(
            display_name(&otto, &named("Ada L"), &manner).as_deref(),
            Some("Otto L"),
            "it is to be changed"
        );
        let attributes = [(GIVEN.to_owned(), "Otto".to_owned())].into();
        let profile = Profile { attributes, ..named("Ada L") };
        assert_eq!(
            display_name(&otto, &profile, &manner).as_deref(),
            Some("Ada L"),
            "policy says the name itself"
        );
    }

    #[test]
    fn what_makes_an_account_ours_is_not_set_by_policy() {
        for name in ["externalID", "active", &format!("{USER}:externalId"), "meta.version"] {
            let attributes = [(name.to_owned(), "x".to_owned())].into();
            assert!(check(&Profile { attributes, ..Profile::default() }).is_err(), "{name}");
        }
        let attributes = [("title".to_owned(), "x".to_owned())].into();
        assert_eq!(check(&Profile { attributes, ..Profile::default() }), Ok(()));
    }

    #[test]
    fn activity_is_read_from_all_that_servers_say() {
        for (said, active) in
            [(json!(true), true), (json!("False"), false), (json!("True"), true), (json!(null), true)]
        {
            assert_eq!(is_active(&json!({ "Active": said })), active);
        }
        assert_eq!(quoted("a\"b\\"), r#""a\"b\\""#);
    }
}
