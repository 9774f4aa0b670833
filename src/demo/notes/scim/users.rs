//! Users (RFC 7643, section 4.1).

use super::filter::{Equals, unsupported};
use super::patch::{Patch, canonical};
use super::refusal::Refusal;
use super::{Query, listed, read as parse, resource};
use crate::demo::notes::Notes;
use crate::demo::notes::store::{User, Which};
use axum::body::Bytes;
use axum::extract::{self, Path, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

pub(super) async fn list(
    State(notes): State<Notes>,
    extract::Query(query): extract::Query<Query>,
) -> Result<Response, Refusal> {
    let which = match query.filter.as_deref() {
        None => Which::All,
        Some(text) => which(text)?,
    };
    let mut found = Vec::new();
    for user in notes.store().users(&which).await? {
        found.push(shown(&notes, user).await?);
    }
    Ok(listed(found, &query))
}

pub(super) async fn create(State(notes): State<Notes>, body: Bytes) -> Result<Response, Refusal> {
    let user = notes.store().create(checked(parse(&body)?)?).await?;
    Ok(resource(StatusCode::CREATED, &shown(&notes, user).await?))
}

pub(super) async fn read(State(notes): State<Notes>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let user = notes.store().user(&id).await?.ok_or(Refusal::NotFound)?;
    Ok(resource(StatusCode::OK, &shown(&notes, user).await?))
}

pub(super) async fn replace(
    State(notes): State<Notes>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let new = checked(parse(&body)?)?;
    change(&notes, &id, |old| {
        *old = new;
        Ok(())
    })
    .await
}

pub(super) async fn patch(
    State(notes): State<Notes>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let patch: Patch = parse(&body)?;
    change(&notes, &id, |user| {
        patch.apply(user)?;
        *user = checked(std::mem::take(user))?;
        Ok(())
    })
    .await
}

pub(super) async fn delete(
    State(notes): State<Notes>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    if notes.store().delete(&id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::NotFound) }
}

async fn change(
    notes: &Notes,
    id: &str,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<(), Refusal>,
) -> Result<Response, Refusal> {
    let user = notes.store().change(id, change).await?.ok_or(Refusal::NotFound)?;
    Ok(resource(StatusCode::OK, &shown(notes, user).await?))
}

fn which(text: &str) -> Result<Which, Refusal> {
    let filter = Equals::parse(text)?;
    let external_id = filter.text_of("externalId").map(|id| Which::ExternalId(id.to_owned()));
    let user_name = || filter.text_of("userName").map(|name| Which::UserName(name.to_owned()));
    let email = || filter.text_of("emails.value").map(|email| Which::Email(email.to_owned()));
    external_id.or_else(user_name).or_else(email).ok_or_else(|| unsupported(text))
}

/// What is kept of a user as a client sent it, under the names that the schema gives.
fn checked(sent: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let named = sent.into_iter().map(|(name, value)| (canonical(&name).to_owned(), value));
    let ours = |name: &str| ["id", "meta", "groups", "schemas", "password"].contains(&name);
    let mut user: Map<String, Value> =
        named.filter(|(name, value)| !ours(name) && !value.is_null()).collect();
    if user.get("userName").and_then(Value::as_str).is_none_or(|name| name.trim().is_empty()) {
        return Err(Refusal::value("userName is required, and a text"));
    }
    if user.get("externalId").is_some_and(|id| !id.is_string()) {
        return Err(Refusal::value("externalId is a text"));
    }
    if !user.entry("active").or_insert(Value::Bool(true)).is_boolean() {
        return Err(Refusal::value("active is true or false"));
    }
    Ok(user)
}

async fn shown(notes: &Notes, user: User) -> Result<Value, Refusal> {
    let base = &notes.0.settings.scim_url;
    let groups = notes.store().groups_of(&user.id).await?.into_iter().map(|group| {
        json!({ "value": group.id, "display": group.display_name, "$ref": format!("{base}/Groups/{}", group.id) })
    });
    let extensions = user.resource.keys().filter(|name| name.starts_with("urn:")).cloned();
    let schemas: Vec<String> = std::iter::once(SCHEMA.to_owned()).chain(extensions).collect();
    let mut shown =
        Map::from_iter([("schemas".to_owned(), json!(schemas)), ("id".to_owned(), json!(user.id))]);
    shown.extend(user.resource);
    shown.insert("groups".to_owned(), groups.collect());
    let meta = json!({
        "resourceType": "User",
        "created": user.created,
        "lastModified": user.modified,
        "location": format!("{base}/Users/{}", user.id),
    });
    shown.insert("meta".to_owned(), meta);
    Ok(Value::Object(shown))
}
