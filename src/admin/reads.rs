//! What is.

use super::find;
use super::page::{Listed, OfTarget, Page};
use super::route::{Answer, Call};
use crate::identity::{Stand, Turn};
use crate::lifecycle::{Error, compare};
use crate::names::{GrantId, IdentityId, ProviderName, SignInId, UserId};
use crate::store::{AccountRow, AuditRow, GrantRow, Holder, Identity, SessionRow};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

pub(super) async fn accounts(call: Call<(), OfTarget>) -> Answer<Listed<AccountRow>> {
    let (of, page) = call.words.split();
    let rows = call.deps.store.account_rows(of.as_ref(), page.after, page.limit()).await?;
    Ok(Listed::of(&call.asked, page.limit(), rows, |row| row.id))
}

pub(super) async fn grants(call: Call<(), Page<GrantId>>) -> Answer<Listed<GrantRow>> {
    let page = call.words;
    let rows = call.deps.store.grant_rows(page.after, page.limit()).await?;
    Ok(Listed::of(&call.asked, page.limit(), rows, |row| row.id))
}

pub(super) async fn sessions(call: Call<(), Page<SignInId>>) -> Answer<Listed<SessionRow>> {
    let (page, now) = (call.words, call.deps.clock.now());
    let rows = call.deps.store.session_rows(now, page.after, page.limit()).await?;
    Ok(Listed::of(&call.asked, page.limit(), rows, |row| row.id))
}

pub(super) async fn people(call: Call<(), Page<IdentityId>>) -> Answer<Listed<Identity>> {
    let page = call.words;
    let rows = call.deps.store.people(page.after, page.limit()).await?;
    Ok(Listed::of(&call.asked, page.limit(), rows, |row| row.id))
}

/// A key that signs, will sign or did.
#[derive(Serialize, JsonSchema)]
pub(super) struct Key {
    /// Its name, as tokens say it.
    kid: String,
    /// From when on it signs; nothing where that is from the beginning.
    from: Option<Timestamp>,
    /// How it stands.
    state: Stand,
}

pub(super) async fn keys(call: Call) -> Answer<Vec<Key>> {
    let store = &call.deps.store;
    store.read_signing_keys().await?;
    let key = |(turn, state): (Turn, Stand)| Key {
        kid: turn.key.kid().to_owned(),
        from: Some(turn.from).filter(|from| *from > Timestamp::MIN),
        state,
    };
    Ok(store.signing_keys().turns(call.deps.clock.now()).into_iter().map(key).collect())
}

/// What a provider said last of an identity.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LastSaid")]
pub(super) struct Known {
    /// Who said it.
    provider: ProviderName,
    /// What.
    claims: Map<String, Value>,
    /// When.
    confirmed: Timestamp,
}

pub(super) async fn claims(call: Call<String>) -> Answer<Vec<Known>> {
    let user = find(&call.deps, &call.of).await?;
    let known = |identity: Identity| Known {
        provider: identity.provider,
        claims: identity.claims,
        confirmed: identity.confirmed,
    };
    let known: Vec<_> = call.deps.store.identities(user).await?.into_iter().map(known).collect();
    if known.is_empty() { Err(Error::NotFound("person", call.of).into()) } else { Ok(known) }
}

/// Everybody with their claims and grants, a page of people at a time: of each, all identities.
pub(super) async fn known(call: Call<(), Page<UserId>>) -> Answer<Listed<compare::Known>> {
    let page = call.words;
    let people = call.deps.store.reading().known(page.after, page.limit()).await?;
    let last = people.last().filter(|_| people.len() as u64 >= u64::from(page.limit())).map(|one| one.user);
    Ok(Listed::new(&call.asked, people.into_iter().flat_map(Holder::known).collect(), last))
}

pub(super) async fn audit(call: Call<(), Page<i64>>) -> Answer<Listed<AuditRow>> {
    let page = call.words;
    let rows = call.deps.store.audit(page.after.unwrap_or_default(), page.limit()).await?;
    Ok(Listed::of(&call.asked, page.limit(), rows, |row| row.seq))
}
