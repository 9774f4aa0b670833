//! How long an app may take. There is no limit on the whole of a request: a stream may last as long as its permit.

use crate::span::Span;
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// How long to wait for an app, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "Written")]
#[schemars(with = "Written")]
pub struct Timeouts {
    /// For a connection: from looking up its name to the end of the TLS handshake.
    pub connect: Duration,
    /// For the first byte of an answer, once the whole request was sent. Unless said, for ever: a long poll is
    /// silent on purpose.
    pub first_byte: Option<Duration>,
    /// For the next piece of an answer's body. Unless said, for ever: so are server-sent events.
    pub idle: Option<Duration>,
}

/// How long to wait for an app, as it is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    /// For a connection: from looking up its name to the end of the TLS handshake; 5s unless said.
    connect: Option<Span>,
    /// For the first byte of an answer, once the whole request was sent; for ever unless said.
    first_byte: Option<Span>,
    /// For the next piece of an answer's body; for ever unless said.
    idle: Option<Span>,
}

impl From<Written> for Timeouts {
    fn from(written: Written) -> Self {
        let default = Self::default();
        Self {
            connect: written.connect.map_or(default.connect, length),
            first_byte: written.first_byte.map(length),
            idle: written.idle.map(length),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), first_byte: None, idle: None }
    }
}

/// A span as the timers take it.
pub(super) fn length(span: Span) -> Duration {
    span.length().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn streams_live_for_ever_unless_an_operator_says_otherwise() {
        let read = |value| serde_json::from_value::<Timeouts>(value);
        let default = read(json!({})).unwrap();
        assert_eq!(default, Timeouts { connect: Duration::from_secs(5), first_byte: None, idle: None });
        let said = read(json!({ "connect": "1s", "first-byte": "2m", "idle": "1h" })).unwrap();
        assert_eq!((said.connect.as_secs(), said.first_byte.unwrap().as_secs()), (1, 120));
        assert!(read(json!({ "total": "1m" })).is_err());
    }
}
