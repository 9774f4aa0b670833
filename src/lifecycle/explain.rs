//! What the policy that holds makes of somebody, and why. Nothing is written.

use super::{Error, Lifecycle};
use crate::identity::ClaimSet;
use crate::names::{AppName, ProviderName};
use crate::policy::Explanation;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::time::Instant;

impl Lifecycle {
    /// What somebody gets at `now` for whom `provider` vouches with these claims, and why; with an `app`, what concerns
    /// it alone.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such provider.
    pub fn explain(
        &self,
        provider: ProviderName,
        claims: Map<String, Value>,
        now: Timestamp,
        app: Option<&AppName>,
    ) -> Result<Explanation, Error> {
        let rules = &self.inner().rules;
        let missing = || Error::NotFound("provider", provider.to_string());
        let groups = rules.groups.get(&provider).ok_or_else(missing)?;
        let (claims, started) = (ClaimSet::new(provider.clone(), claims, groups), Instant::now());
        Ok(rules.policy.explain(&claims, now, app, &mut || started.elapsed()))
    }
}
