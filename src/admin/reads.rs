//! What is.

use super::{Deps, Failure};
use crate::store::{AccountRow, AuditRow, GrantRow, Identity, SessionRow};
use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;

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
