//! What is.

use super::page::{Answer, Listed, Page};
use super::{Deps, Failure, find};
use crate::identity::{Stand, Turn};
use crate::lifecycle::{Error, compare};
use crate::names::{AccountId, GrantId, IdentityId, ProviderName, SignInId, TargetName, UserId};
use crate::store::{AccountRow, AuditRow, GrantRow, Holder, Identity, SessionRow};
use axum::Json;
use axum::extract::{Path, Query, State};
use http::Uri;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Of which target.
#[derive(Deserialize)]
pub(super) struct Of {
    pub(super) app: Option<TargetName>,
}

pub(super) async fn accounts(
    State(deps): State<Deps>,
    uri: Uri,
    Query(of): Query<Of>,
    Query(page): Query<Page<AccountId>>,
) -> Answer<AccountRow> {
    let rows = deps.store.account_rows(of.app.as_ref(), page.after, page.limit()).await?;
    Ok(Listed::of(&uri, page.limit(), rows, |row| row.id))
}

pub(super) async fn grants(
    State(deps): State<Deps>,
    uri: Uri,
    Query(page): Query<Page<GrantId>>,
) -> Answer<GrantRow> {
    let rows = deps.store.grant_rows(page.after, page.limit()).await?;
    Ok(Listed::of(&uri, page.limit(), rows, |row| row.id))
}

pub(super) async fn sessions(
    State(deps): State<Deps>,
    uri: Uri,
    Query(page): Query<Page<SignInId>>,
) -> Answer<SessionRow> {
    let rows = deps.store.session_rows(deps.clock.now(), page.after, page.limit()).await?;
    Ok(Listed::of(&uri, page.limit(), rows, |row| row.id))
}

pub(super) async fn people(
    State(deps): State<Deps>,
    uri: Uri,
    Query(page): Query<Page<IdentityId>>,
) -> Answer<Identity> {
    let rows = deps.store.people(page.after, page.limit()).await?;
    Ok(Listed::of(&uri, page.limit(), rows, |row| row.id))
}

/// A key that signs, will sign or did.
#[derive(Serialize)]
pub(super) struct Key {
    kid: String,
    from: Option<Timestamp>,
    state: Stand,
}

pub(super) async fn keys(State(deps): State<Deps>) -> Result<Json<Vec<Key>>, Failure> {
    deps.store.read_signing_keys().await?;
    let key = |(turn, state): (Turn, Stand)| Key {
        kid: turn.key.kid().to_owned(),
        from: Some(turn.from).filter(|from| *from > Timestamp::MIN),
        state,
    };
    Ok(Json(deps.store.signing_keys().turns(deps.clock.now()).into_iter().map(key).collect()))
}

/// What a provider said last of an identity.
#[derive(Serialize)]
pub(super) struct Known {
    provider: ProviderName,
    claims: Map<String, Value>,
    confirmed: Timestamp,
}

pub(super) async fn claims(
    State(deps): State<Deps>,
    Path(person): Path<String>,
) -> Result<Json<Vec<Known>>, Failure> {
    let user = find(&deps, &person).await?;
    let known = |identity: Identity| Known {
        provider: identity.provider,
        claims: identity.claims,
        confirmed: identity.confirmed,
    };
    let known: Vec<_> = deps.store.identities(user).await?.into_iter().map(known).collect();
    if known.is_empty() { Err(Error::NotFound("person", person).into()) } else { Ok(Json(known)) }
}

/// Everybody with their claims and grants, a page of people at a time: of each, all identities.
pub(super) async fn known(
    State(deps): State<Deps>,
    uri: Uri,
    Query(page): Query<Page<UserId>>,
) -> Answer<compare::Known> {
    let people = deps.store.reading().known(page.after, page.limit()).await?;
    let last = people.last().filter(|_| people.len() as u64 >= u64::from(page.limit())).map(|one| one.user);
    Ok(Listed::new(&uri, people.into_iter().flat_map(Holder::known).collect(), last))
}

pub(super) async fn audit(
    State(deps): State<Deps>,
    uri: Uri,
    Query(page): Query<Page<i64>>,
) -> Answer<AuditRow> {
    let rows = deps.store.audit(page.after.unwrap_or_default(), page.limit()).await?;
    Ok(Listed::of(&uri, page.limit(), rows, |row| row.seq))
}
