//! What a server says that it can (RFC 7643, section 5; RFC 9865, section 4).

use super::dialect::{Filters, Manner, Update};
use super::wire;
use serde_json::Value;

/// What a `ServiceProviderConfig` says. What it leaves out can be done: servers are known to leave out more than they
/// lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Features {
    patch: bool,
    filter: bool,
    cursors: bool,
}

impl Default for Features {
    fn default() -> Self {
        Self { patch: true, filter: true, cursors: false }
    }
}

impl Features {
    pub(super) fn of(config: &Value) -> Self {
        let said = |feature: &str, what: &str| wire::field(wire::field(config, feature)?, what)?.as_bool();
        Self {
            patch: said("patch", "supported").unwrap_or(true),
            filter: said("filter", "supported").unwrap_or(true),
            cursors: said("pagination", "cursor").unwrap_or(false),
        }
    }

    /// What is usual, with what it lacks left out.
    pub(super) fn limit(self, usual: Manner) -> Manner {
        Manner {
            update: if self.patch { usual.update } else { Update::Put },
            filters: if self.filter { usual.filters } else { Filters::None },
            cursors: self.cursors,
            ..usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_server_is_taken_at_its_word_and_for_able_where_it_says_nothing() {
        let usual = Dialect::Generic.manner();
        for silent in [json!({}), json!([]), json!({ "patch": {}, "filter": "yes" })] {
            assert_eq!(Features::of(&silent).limit(usual), usual, "{silent}");
        }
        let config = json!({
            "patch": { "supported": false }, "Filter": { "supported": false },
            "pagination": { "cursor": true, "index": false },
        });
        let manner = Features::of(&config).limit(usual);
        assert_eq!((manner.update, manner.filters, manner.cursors), (Update::Put, Filters::None, true));
    }
}
