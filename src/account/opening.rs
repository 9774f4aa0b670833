//! What a role opens: where in its app, and under which conditions. The same for everybody who holds it on the same
//! terms, so that a million sessions can share one.

use super::limits::{Circumstances, Limit, Limits, judge_all};
use super::terms::Terms;
use crate::names::RoleName;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// What the terms of a grant say of each request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Opening {
    /// The role.
    pub role: RoleName,
    /// The policy that gave it last, by its version.
    pub policy: Arc<str>,
    /// All of these must hold.
    pub only: Vec<Limits>,
    /// Prefixes of paths, without a slash at the end; everywhere if there are none.
    routes: Vec<String>,
    /// How long a use may go unwritten, where it moves the grant's end.
    pub use_counts_every: Option<SignedDuration>,
}

impl Opening {
    /// What `terms` open that this version of the policy gave.
    pub fn new(terms: &Terms, policy: &str) -> Self {
        let prefix = |route: &String| route.strip_suffix('/').unwrap_or(route).to_owned();
        let routes: Vec<String> = terms.routes.iter().map(prefix).collect();
        // One that is all of the app says nothing of its own.
        let everywhere = routes.iter().any(String::is_empty);
        Self {
            role: terms.role.clone(),
            policy: policy.into(),
            only: terms.only.clone(),
            routes: if everywhere { Vec::new() } else { routes },
            use_counts_every: terms.use_counts_every(),
        }
    }

    /// Whether it opens a part of the app only.
    pub fn is_partial(&self) -> bool {
        !self.routes.is_empty()
    }

    /// Whether one of its conditions asks how somebody has signed in.
    pub fn asks_strength(&self) -> bool {
        self.only.iter().any(Limits::asks_strength)
    }

    /// Whether a canonical path is one that it opens: below one of its prefixes, on a segment boundary. Where upper
    /// and lower case, or another spelling, would make a difference, it does not.
    pub fn reaches(&self, path: &str) -> bool {
        let below = |prefix: &String| {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.routes.is_empty() || self.routes.iter().any(below)
    }

    /// How long its conditions hold; [`Timestamp::MAX`] where it has none, or time changes nothing.
    ///
    /// # Errors
    /// The condition that does not hold.
    pub fn judge(&self, circumstances: &Circumstances<'_>) -> Result<Timestamp, Limit> {
        if self.only.is_empty() { Ok(Timestamp::MAX) } else { judge_all(&self.only, circumstances) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let opening = |routes: &[&str]| {
            let routes = routes.iter().map(|route| (*route).to_owned()).collect();
            let plain = Terms::plain("auditor".parse().unwrap(), "wiki".parse().unwrap());
            Opening::new(&Terms { routes, ..plain }, "5f0c1b2a9e47")
        };
        let reports = opening(&["/reports", "/a/b/"]);
        for (path, reached) in [
            ("/reports", true),
            ("/reports/", true),
            ("/reports/2026", true),
            ("/a/b", true),
            ("/a/b/c", true),
            ("/reportsx", false),
            ("/reports;x", false),
            ("/Reports", false),
            ("/a", false),
            ("/", false),
            ("", false),
            ("/x/reports", false),
        ] {
            assert_eq!(reports.reaches(path), reached, "{path}");
        }
        assert!(reports.is_partial());
        for all in [opening(&[]), opening(&["/"]), opening(&["/", "/reports"])] {
            assert!(all.reaches("/anything") && !all.is_partial());
        }
    }
}
