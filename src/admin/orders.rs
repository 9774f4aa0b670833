//! What operators change.

use super::find;
use super::route::{Answer, Call};
use crate::audit::OperatorRole;
use crate::lifecycle::Error;
use crate::names::{AccountId, GrantId, SignInId, TargetName};
use crate::store::Verdict;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An order was carried out.
#[derive(Serialize, JsonSchema)]
pub(super) struct Done {
    done: bool,
}

impl Done {
    pub(super) fn new() -> Self {
        Self { done: true }
    }
}

pub(super) async fn retry(call: Call<AccountId>) -> Answer<Done> {
    call.deps.lifecycle.retry(call.of, &call.order).await?;
    Ok(Done::new())
}

/// Whose an account is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// The target's own id of the account that is theirs; without it a new one is made.
    adopt: Option<String>,
}

pub(super) async fn decide(call: Call<AccountId, Whose>) -> Answer<Done> {
    let verdict = match call.words.adopt {
        Some(empty) if empty.is_empty() => {
            return Err(Error::Invalid("an account has an id".to_owned()).into());
        }
        Some(native_id) => Verdict::Adopt(native_id),
        None => Verdict::Create,
    };
    // Whoever gives no access chooses among what is shown; what else there is in a target is for an admin to say.
    let among_shown = call.caller.role() < OperatorRole::Admin;
    call.deps.lifecycle.decide(call.of, &verdict, among_shown, &call.order).await?;
    Ok(Done::new())
}

pub(super) async fn confirm_target(call: Call<TargetName>) -> Answer<Done> {
    call.deps.lifecycle.confirm_target(&call.of, &call.order).await?;
    Ok(Done::new())
}

pub(super) async fn end_grant(call: Call<GrantId>) -> Answer<Done> {
    call.deps.lifecycle.end_grant(call.of, &call.order).await?;
    Ok(Done::new())
}

/// The new end of a grant: one of the two.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEnd {
    /// When.
    until: Option<Timestamp>,
    /// How long from now.
    by: Option<SignedDuration>,
}

/// A grant has another end.
#[derive(Serialize, JsonSchema)]
pub(super) struct Extended {
    /// When it ends now.
    until: Timestamp,
}

pub(super) async fn extend(call: Call<GrantId, NewEnd>) -> Answer<Extended> {
    let until = end(call.words.until, call.words.by, call.deps.clock.now())?;
    call.deps.lifecycle.extend(call.of, until, &call.order).await?;
    Ok(Extended { until })
}

/// An end that is said in one of two ways.
pub(super) fn end(
    until: Option<Timestamp>,
    by: Option<SignedDuration>,
    now: Timestamp,
) -> Result<Timestamp, Error> {
    match (until, by) {
        (Some(until), None) => Ok(until),
        (None, Some(by)) => now.checked_add(by).map_err(|error| Error::Invalid(error.to_string())),
        _ => Err(Error::Invalid("say either until when or by how much".to_owned())),
    }
}

pub(super) async fn revoke_session(call: Call<SignInId>) -> Answer<Done> {
    call.deps.lifecycle.revoke_session(call.of, &call.order).await?;
    Ok(Done::new())
}

pub(super) async fn revoke(call: Call<String>) -> Answer<Done> {
    let user = find(&call.deps, &call.of).await?;
    call.deps.lifecycle.revoke(user, &call.order).await?;
    Ok(Done::new())
}

pub(super) async fn restore(call: Call<String>) -> Answer<Done> {
    let user = find(&call.deps, &call.of).await?;
    call.deps.lifecycle.restore(user, &call.order).await?;
    Ok(Done::new())
}

/// Who else somebody is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Other {
    /// By id, or as `subject@provider`.
    other: String,
}

pub(super) async fn link(call: Call<String, Other>) -> Answer<Done> {
    let (one, other) = (find(&call.deps, &call.of).await?, find(&call.deps, &call.words.other).await?);
    call.deps.lifecycle.link(one, other, &call.order).await?;
    Ok(Done::new())
}

/// A key that will sign.
#[derive(Serialize, JsonSchema)]
pub(super) struct Drawn {
    /// Its name, as tokens say it.
    kid: String,
    /// From when on.
    from: Timestamp,
}

pub(super) async fn rotate(call: Call) -> Answer<Drawn> {
    let (kid, from) = call.deps.lifecycle.rotate_signing_key(&call.order).await?;
    Ok(Drawn { kid, from })
}
