//! Why somebody gets what they get, by the policy that holds.

use super::failure::Failure;
use super::find;
use super::route::{Answer, Call};
use crate::lifecycle::Error;
use crate::names::{AppName, ProviderName};
use crate::policy::Explanation;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// About whom: a `person` who is known, or anybody with these `claims` of a `provider`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// By id, or as `subject@provider`, by the claims they last came with.
    person: Option<String>,
    /// Who vouches for the claims.
    provider: Option<ProviderName>,
    /// The claims.
    claims: Option<Map<String, Value>>,
    /// Only what concerns this app.
    app: Option<AppName>,
    /// At this moment; now if none is named.
    at: Option<Timestamp>,
}

pub(super) async fn explain(call: Call<(), Whose>) -> Answer<Vec<Explanation>> {
    let (deps, Whose { person, provider, claims, app, at }) = (call.deps, call.words);
    let known = match (person, provider, claims) {
        (Some(person), None, None) => {
            let user = find(&deps, &person).await?;
            let identities = deps.store.identities(user).await?;
            identities.into_iter().map(|identity| (identity.provider, identity.claims)).collect()
        }
        (None, Some(provider), Some(claims)) => vec![(provider, claims)],
        _ => return Err(Error::Invalid("say either a person, or a provider and claims".to_owned()).into()),
    };
    let now = at.unwrap_or_else(|| deps.clock.now());
    let explained = |(provider, claims)| deps.lifecycle.explain(provider, claims, now, app.as_ref());
    known.into_iter().map(explained).collect::<Result<_, _>>().map_err(Failure::from)
}
