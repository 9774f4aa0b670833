//! Groups (RFC 7643, section 4.2).

use super::filter::{Equals, unsupported};
use super::patch::Patch;
use super::refusal::Refusal;
use super::{Query, Shape, listed, read as parse, resource};
use crate::demo::notes::Notes;
use crate::demo::notes::store::{Group, Member};
use axum::body::Bytes;
use axum::extract::{self, Path, State};
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// A group as a client sends it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    display_name: String,
    external_id: Option<String>,
    #[serde(default)]
    members: Value,
}

pub(super) async fn list(
    State(notes): State<Notes>,
    extract::Query(query): extract::Query<Query>,
) -> Result<Response, Refusal> {
    let filter = query.filter.as_deref().map(Equals::parse).transpose()?;
    let name = match &filter {
        None => None,
        Some(filter) => Some(filter.text_of("displayName").ok_or_else(|| unsupported(&filter.attribute))?),
    };
    let mut found = Vec::new();
    for group in notes.store().groups(name).await? {
        found.push(shown(&notes, group, &query.shape).await?);
    }
    Ok(listed(found, &query))
}

pub(super) async fn create(
    State(notes): State<Notes>,
    extract::Query(shape): extract::Query<Shape>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let Sent { display_name, external_id, members } = parse(&body)?;
    let members: Vec<Member> = ids(&members)?.into_iter().map(Member::Add).collect();
    let group = notes.store().create_group(&display_name, external_id.as_deref(), &members).await?;
    Ok(resource(StatusCode::CREATED, &shown(&notes, group, &shape).await?))
}

pub(super) async fn read(
    State(notes): State<Notes>,
    Path(id): Path<String>,
    extract::Query(shape): extract::Query<Shape>,
) -> Result<Response, Refusal> {
    let group = notes.store().group(&id).await?.ok_or(Refusal::NotFound)?;
    Ok(resource(StatusCode::OK, &shown(&notes, group, &shape).await?))
}

pub(super) async fn patch(
    State(notes): State<Notes>,
    Path(id): Path<String>,
    shape: extract::Query<Shape>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let (name, members) = changes(&parse(&body)?)?;
    if notes.store().group(&id).await?.is_none() {
        return Err(Refusal::NotFound);
    }
    notes.store().change_group(&id, name.as_deref(), &members).await?;
    read(State(notes), Path(id), shape).await
}

pub(super) async fn delete(
    State(notes): State<Notes>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    if notes.store().delete_group(&id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Refusal::NotFound) }
}

/// What a PATCH comes to: a new name, and changes of who is in the group, in order.
fn changes(patch: &Patch) -> Result<(Option<String>, Vec<Member>), Refusal> {
    let (mut name, mut members) = (None, Vec::new());
    for operation in &patch.operations {
        let path = operation.path.as_deref().unwrap_or_default();
        let verb = operation.op.to_ascii_lowercase();
        match (verb.as_str(), path.to_ascii_lowercase().as_str()) {
            ("add", "members") => members.extend(ids(&operation.value)?.into_iter().map(Member::Add)),
            ("replace", "members") => {
                members.push(Member::RemoveAll);
                members.extend(ids(&operation.value)?.into_iter().map(Member::Add));
            }
            ("remove", "members") if operation.value.is_null() => members.push(Member::RemoveAll),
            // Not in the RFC, but what Entra sends.
            ("remove", "members") => members.extend(ids(&operation.value)?.into_iter().map(Member::Remove)),
            ("remove", lower) if lower.starts_with("members[") => {
                members.push(Member::Remove(selected(path)?))
            }
            ("add" | "replace", "displayname") => {
                let new = operation.value.as_str().ok_or_else(|| Refusal::value("displayName is a text"))?;
                name = Some(new.to_owned());
            }
            _ => return Err(Refusal::invalid("invalidPath", format!("cannot {verb} \"{path}\" of a group"))),
        }
    }
    Ok((name, members))
}

/// The id in `members[value eq "..."]`.
fn selected(path: &str) -> Result<String, Refusal> {
    let inner = path.strip_suffix(']').and_then(|rest| rest.split_once('[')).map(|(_, inner)| inner);
    let filter = Equals::parse(inner.unwrap_or_default())?;
    filter.text_of("value").map(str::to_owned).ok_or_else(|| unsupported(path))
}

/// The ids in a list of members.
fn ids(members: &Value) -> Result<Vec<String>, Refusal> {
    let id = |member: &Value| member["value"].as_str().map(str::to_owned);
    match members {
        Value::Null => Some(Vec::new()),
        Value::Array(members) => members.iter().map(id).collect(),
        one => id(one).map(|id| vec![id]),
    }
    .ok_or_else(|| Refusal::value("a member is an object with a value"))
}

async fn shown(notes: &Notes, group: Group, shape: &Shape) -> Result<Value, Refusal> {
    let base = &notes.0.settings.scim_url;
    let mut shown = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "id": group.id,
        "displayName": group.display_name,
        "meta": {
            "resourceType": "Group",
            "created": group.created,
            "location": format!("{base}/Groups/{}", group.id),
        },
    });
    if shape.has("members") {
        let member = |(id, name): (String, String)| json!({ "value": id, "display": name, "type": "User", "$ref": format!("{base}/Users/{id}") });
        shown["members"] = notes.store().members(&group.id).await?.into_iter().map(member).collect();
    }
    if let Some(id) = group.external_id {
        shown["externalId"] = id.into();
    }
    Ok(shown)
}
