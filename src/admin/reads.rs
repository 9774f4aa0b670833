//! What is.

use super::{Deps, Failure, find};
use crate::lifecycle::{Error, compare};
use crate::names::{ProviderName, UserId};
use crate::store::{AccountRow, AuditRow, GrantRow, Holder, Identity, SessionRow};
use axum::Json;
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

type Answer<T> = Result<Json<Vec<T>>, Failure>;

pub(super) async fn accounts(State(deps): State<Deps>) -> Answer<AccountRow> {
    Ok(Json(deps.store.all_accounts().await?))
}

pub(super) async fn grants(State(deps): State<Deps>) -> Answer<GrantRow> {
    Ok(Json(deps.store.all_grants().await?))
}

pub(super) async fn sessions(State(deps): State<Deps>) -> Answer<SessionRow> {
    Ok(Json(deps.store.all_sessions(deps.clock.now()).await?))
}

pub(super) async fn people(State(deps): State<Deps>) -> Answer<Identity> {
    Ok(Json(deps.store.people().await?))
}

/// What a provider said last of an identity.
#[derive(Serialize)]
pub(super) struct Known {
    provider: ProviderName,
    claims: Map<String, Value>,
    confirmed: Timestamp,
}

pub(super) async fn claims(State(deps): State<Deps>, Path(person): Path<String>) -> Answer<Known> {
    let user = find(&deps, &person).await?;
    let known = |identity: Identity| Known {
        provider: identity.provider,
        claims: identity.claims,
        confirmed: identity.confirmed,
    };
    let known: Vec<_> = deps.store.identities(user).await?.into_iter().map(known).collect();
    if known.is_empty() { Err(Error::NotFound("person", person).into()) } else { Ok(Json(known)) }
}

/// A page of everybody who is known.
#[derive(Deserialize)]
pub(super) struct People {
    after: Option<UserId>,
}

/// How many people are on a page.
const PEOPLE: u32 = 500;

/// Everybody with their claims and grants, a page of people at a time: of each, all identities.
pub(super) async fn known(State(deps): State<Deps>, Query(page): Query<People>) -> Answer<compare::Known> {
    let people = deps.store.reading().known(page.after, PEOPLE).await?;
    Ok(Json(people.into_iter().flat_map(Holder::known).collect()))
}

/// A page of the record.
#[derive(Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    after: i64,
    #[serde(default = "whole_page")]
    limit: u32,
}

fn whole_page() -> u32 {
    1000
}

pub(super) async fn audit(State(deps): State<Deps>, Query(page): Query<Page>) -> Answer<AuditRow> {
    Ok(Json(deps.store.audit(page.after, page.limit.min(whole_page())).await?))
}
