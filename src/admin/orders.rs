//! What operators change.

use super::{Deps, Failure, find};
use crate::lifecycle::{Error, Order};
use crate::names::{AccountId, GrantId, SignInId, TargetName};
use crate::store::Verdict;
use axum::Json;
use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

type Answer = Result<Json<Value>, Failure>;

/// Who orders, and why. The socket lets in one account of the machine only; the name is what its client says.
#[derive(Deserialize)]
pub(super) struct Words {
    operator: String,
    #[serde(default)]
    why: String,
    until: Option<Timestamp>,
    by: Option<SignedDuration>,
    /// The target's own id of the account that is theirs.
    adopt: Option<String>,
}

impl Words {
    fn order(&self) -> Order {
        Order { operator: self.operator.clone(), why: self.why.clone() }
    }
}

fn done() -> Answer {
    Ok(Json(json!({ "done": true })))
}

pub(super) async fn retry(
    State(deps): State<Deps>,
    Path(id): Path<AccountId>,
    Json(words): Json<Words>,
) -> Answer {
    deps.lifecycle.retry(id, &words.order()).await?;
    done()
}

pub(super) async fn decide(
    State(deps): State<Deps>,
    Path(id): Path<AccountId>,
    Json(words): Json<Words>,
) -> Answer {
    let verdict = match &words.adopt {
        Some(empty) if empty.is_empty() => {
            return Err(Error::Invalid("an account has an id".to_owned()).into());
        }
        Some(native_id) => Verdict::Adopt(native_id.clone()),
        None => Verdict::Create,
    };
    deps.lifecycle.decide(id, &verdict, &words.order()).await?;
    done()
}

pub(super) async fn confirm_target(
    State(deps): State<Deps>,
    Path(target): Path<TargetName>,
    Json(words): Json<Words>,
) -> Answer {
    deps.lifecycle.confirm_target(&target, &words.order()).await?;
    done()
}

pub(super) async fn end_grant(
    State(deps): State<Deps>,
    Path(id): Path<GrantId>,
    Json(words): Json<Words>,
) -> Answer {
    deps.lifecycle.end_grant(id, &words.order()).await?;
    done()
}

pub(super) async fn extend(
    State(deps): State<Deps>,
    Path(id): Path<GrantId>,
    Json(words): Json<Words>,
) -> Answer {
    let until = match (words.until, words.by) {
        (Some(until), None) => until,
        (None, Some(by)) => {
            deps.clock.now().checked_add(by).map_err(|error| Error::Invalid(error.to_string()))?
        }
        _ => return Err(Error::Invalid("say either until when or by how much".to_owned()).into()),
    };
    deps.lifecycle.extend(id, until, &words.order()).await?;
    Ok(Json(json!({ "until": until })))
}

pub(super) async fn revoke_session(
    State(deps): State<Deps>,
    Path(id): Path<SignInId>,
    Json(words): Json<Words>,
) -> Answer {
    deps.lifecycle.revoke_session(id, &words.order()).await?;
    done()
}

pub(super) async fn revoke(
    State(deps): State<Deps>,
    Path(person): Path<String>,
    Json(words): Json<Words>,
) -> Answer {
    let user = find(&deps, &person).await?;
    deps.lifecycle.revoke(user, &words.order()).await?;
    done()
}

pub(super) async fn restore(
    State(deps): State<Deps>,
    Path(person): Path<String>,
    Json(words): Json<Words>,
) -> Answer {
    let user = find(&deps, &person).await?;
    deps.lifecycle.restore(user, &words.order()).await?;
    done()
}

pub(super) async fn rotate(State(deps): State<Deps>, Json(words): Json<Words>) -> Answer {
    let (kid, from) = deps.lifecycle.rotate_signing_key(&words.order()).await?;
    Ok(Json(json!({ "kid": kid, "from": from })))
}
