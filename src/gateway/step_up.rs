//! What a sign-in has to be asked for, so that it opens what the last one did not: a class of authentication (`acr`), or
//! that it is no longer ago (`max_age`). Methods (`amr`) cannot be asked for; the provider is made to ask again.

use super::authorize::{Wanted, opens};
use crate::account::{Limit, Limits};
use crate::session::Session;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use url::form_urlencoded::Serializer;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// What is asked of the next sign-in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StepUp {
    acr: BTreeSet<String>,
    max_age: Option<SignedDuration>,
    again: bool,
}

impl StepUp {
    /// What to ask for, where `limit` kept the person of `session` from what is `wanted`; `None` where signing in anew
    /// would not help.
    pub(super) fn past(limit: Limit, session: &Session, wanted: &Wanted<'_>, now: Timestamp) -> Option<Self> {
        if !matches!(limit, Limit::Acr | Limit::Amr | Limit::TooLongAgo) {
            return None;
        }
        let access = session.access.iter().find(|access| access.app == wanted.app.name);
        let held = access.map_or(&[][..], |access| &access.held);
        let held = held.iter().filter(|held| {
            held.is_live(now) && opens(wanted.rule, held.role()) && held.opening.reaches(wanted.path)
        });
        let limits: Vec<&Limits> =
            held.flat_map(|held| &held.opening.only).chain(wanted.route.limits.as_deref()).collect();
        Some(Self {
            acr: limits.iter().flat_map(|limits| limits.acr.iter().cloned()).collect(),
            // A second less than what opens: the provider may count whole ones, and we do not.
            max_age: limits.iter().filter_map(|limits| limits.max_age).min().map(|age| age - SECOND),
            again: limit == Limit::Amr,
        })
    }

    /// The same as a resource asks for it of whoever shows an access token (RFC 9470, section 3).
    pub(super) fn challenge(&self) -> String {
        let mut told = String::new();
        if !self.acr.is_empty() {
            let acr = self.acr.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
            told.push_str(&format!(", acr_values=\"{acr}\""));
        }
        if let Some(max_age) = self.max_age {
            told.push_str(&format!(", max_age={}", max_age.as_secs()));
        }
        told
    }

    /// The same in an address.
    pub(super) fn write(&self, query: &mut Serializer<'_, String>) {
        if !self.acr.is_empty() {
            query.append_pair("acr", &self.acr.iter().map(String::as_str).collect::<Vec<_>>().join(" "));
        }
        if let Some(max_age) = self.max_age {
            query.append_pair("max_age", &max_age.as_secs().to_string());
        }
        if self.again || (self.acr.is_empty() && self.max_age.is_none()) {
            query.append_pair("again", "true");
        }
    }
}
