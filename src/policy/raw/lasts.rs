//! How long something lasts, as it is written.

use super::super::moment::{Moment, Zone};
use super::idle::Idle;
use crate::account::Renew;
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a role lasts. Of several ends, the earliest counts.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::policy) struct Lasts {
    /// So long from when it was granted, such as 30d or 12h. Without it, as long as the provider confirms it.
    pub(in crate::policy) ttl: Option<Span>,
    /// What lets `ttl` count anew: nothing, a sign-in, or every request. Never what has ended.
    pub(in crate::policy) renew: Option<Renew>,
    /// So long from when it was granted for the first time, whatever happens.
    pub(in crate::policy) at_most: Option<Span>,
    /// Not before this: a date, a moment, or a claim that holds one.
    pub(in crate::policy) from: Option<Moment>,
    /// Until this: a date (to its end), a moment, or a claim that holds one.
    pub(in crate::policy) until: Option<Moment>,
    /// The time zone in which dates begin and end, such as Europe/Berlin; UTC if none.
    pub(in crate::policy) zone: Option<Zone>,
    /// So long without a request, and it ends; { after: 30d, unless: { .. } } spares some.
    pub(in crate::policy) idle: Option<Idle>,
    /// The longest sign-in of somebody who holds it.
    pub(in crate::policy) session: Option<Span>,
    /// So long after the end, and the account is deleted, if it was made for this. Kept, only disabled, without it.
    pub(in crate::policy) delete_after: Option<Span>,
}
