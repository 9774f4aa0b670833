//! SCIM's words: what is written, and what is read out of what comes back. Attribute names are read without case
//! (RFC 7643, section 2.1).

use crate::account::Profile;
use crate::provision::connector::{Fault, Refusal};
use serde_json::{Map, Value, json};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

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
pub(super) fn user(external_id: &str, profile: &Profile) -> Value {
    let mut user = Map::new();
    let mut schemas = vec![Value::from(USER)];
    for (path, value) in &profile.attributes {
        let (schema, name) = place(path);
        set(&mut user, &schema.into_iter().chain(name.split('.')).collect::<Vec<_>>(), value);
        schemas.extend(schema.map(Value::from).filter(|schema| !schemas.contains(schema)));
    }
    user.insert("schemas".into(), Value::Array(schemas));
    user.insert("externalId".into(), json!(external_id));
    user.insert("active".into(), json!(true));
    for (name, value) in core(profile) {
        user.insert(name.into(), value);
    }
    Value::Object(user)
}

/// A new group without members.
pub(super) fn group(name: &str) -> Value {
    json!({ "schemas": [GROUP], "displayName": name })
}

/// A PATCH of these operations.
pub(super) fn patch(operations: Value) -> Value {
    json!({ "schemas": [PATCH], "Operations": operations })
}

/// The operations that make a user look like `profile`.
pub(super) fn replace(profile: &Profile) -> Value {
    let replace = |path: &str, value: Value| json!({ "op": "replace", "path": path, "value": value });
    let core = core(profile).into_iter().map(|(path, value)| replace(path, value));
    let further = profile.attributes.iter().map(|(path, value)| replace(path, json!(value)));
    core.chain(further).collect()
}

/// The attributes that a profile has words of its own for. E-mail addresses are replaced whole: a path with a filter
/// fails where there is none yet, and the account is ours.
fn core(profile: &Profile) -> Vec<(&'static str, Value)> {
    let mut core = vec![("userName", json!(profile.user_name))];
    core.extend(profile.display_name.as_ref().map(|name| ("displayName", json!(name))));
    let email = |email| ("emails", json!([{ "value": email, "type": "work", "primary": true }]));
    core.extend(profile.email.as_ref().map(email));
    core
}

/// The operations that give a user a role. Its value is what names it; what else it says is the server's.
pub(super) fn add_role(name: &str) -> Value {
    json!([{ "op": "add", "path": "roles", "value": [{ "value": name }] }])
}

/// The operations that take a role away.
pub(super) fn remove_role(name: &str) -> Value {
    json!([{ "op": "remove", "path": format!("roles[value eq {}]", quoted(name)) }])
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

/// Sets what lies at `path`, unless something that is no object is in the way: then the next look finds it missing.
fn set(object: &mut Map<String, Value>, path: &[&str], value: &str) {
    match path {
        [] => {}
        [name] => drop(object.insert((*name).to_owned(), value.into())),
        [name, rest @ ..] => {
            if let Value::Object(inner) = object.entry(*name).or_insert_with(|| json!({})) {
                set(inner, rest, value);
            }
        }
    }
}

/// Splits an attribute's path (RFC 7644, figure 1) into the extension schema, if any, and the rest.
fn place(path: &str) -> (Option<&str>, &str) {
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

fn field<'a>(resource: &'a Value, name: &str) -> Option<&'a Value> {
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
        let user = user("gp-1", &profile);
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
