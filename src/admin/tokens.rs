//! Tokens for the API itself.

use super::caller::Caller;
use super::orders::{Done, end};
use super::route::{Answer, Call};
use crate::audit::OperatorRole;
use crate::lifecycle::Error;
use crate::names::TokenName;
use crate::store::TokenRow;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// The token that is wanted. It ends, at the latest in 366 days.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Names are given once.
    name: TokenName,
    /// What its holder may do.
    role: OperatorRole,
    /// When it ends.
    until: Option<Timestamp>,
    /// How long from now, instead.
    by: Option<SignedDuration>,
}

/// A token that was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Made {
    /// Which one.
    name: TokenName,
    /// The token itself: shown this once.
    #[serde(serialize_with = "show")]
    #[schemars(with = "String")]
    token: SecretString,
    /// When it ends.
    until: Timestamp,
}

fn show<S: Serializer>(token: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose_secret())
}

pub(super) async fn tokens(call: Call) -> Answer<Vec<TokenRow>> {
    Ok(call.deps.store.tokens().await?)
}

pub(super) async fn issue(call: Call<(), Wanted>) -> Answer<Made> {
    let (deps, Wanted { name, role, until, by }) = (call.deps, call.words);
    let until = end(until, by, deps.clock.now())?;
    if let Caller::Holder(own) = &call.caller
        && until > own.until
    {
        let why = format!("no token outlives the one that makes it, which ends at {}", own.until);
        return Err(Error::Invalid(why).into());
    }
    let issued = deps.lifecycle.issue_token(&name, role, until, &call.order).await?;
    Ok(Made { name, token: issued.token, until: issued.until })
}

pub(super) async fn revoke(call: Call<TokenName>) -> Answer<Done> {
    call.deps.lifecycle.revoke_token(&call.of, &call.order).await?;
    Ok(Done::new())
}
