//! What each server does that others do not, as its vendor says.

use super::{Answer, State, error};
use crate::provision::connectors::scim::Dialect;
use http::request::Parts;
use serde_json::{Value, json};

impl State {
    /// Why a request is refused that another server would take.
    pub(super) fn refusal(&self, head: &Parts, body: &Value) -> Option<Answer> {
        let query = head.uri.query().unwrap_or_default();
        let filter = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "filter");
        let filter = filter.map(|(_, filter)| filter.into_owned());
        let operations = body["Operations"].as_array().map(Vec::as_slice).unwrap_or_default();
        let by_path =
            operations.iter().any(|one| one["path"].as_str().is_some_and(|path| path.contains('[')));
        let is_filter = |known: &[&str]| {
            filter
                .as_ref()
                .is_none_or(|filter| known.iter().any(|name| filter.starts_with(&format!("{name} eq "))))
        };
        let groups = head.uri.path().contains("/Groups");
        match self.dialect {
            Dialect::Generic => None,
            // It documents no search by anything else.
            Dialect::Slack if !is_filter(&["userName", "email", "displayName"]) => {
                Some(error(400, "", "bad_filter"))
            }
            Dialect::Slack | Dialect::Github | Dialect::Aws if by_path => {
                Some(error(400, "", "no such path"))
            }
            Dialect::Atlassian if !groups && !is_filter(&["userName", "externalId"]) => {
                Some(error(400, "invalidFilter", "userName or externalId"))
            }
            Dialect::Github if !head.headers.contains_key("user-agent") => Some(error(403, "", "who asks")),
            Dialect::Github if !head.headers.contains_key("x-github-api-version") => {
                Some(error(400, "", "which version"))
            }
            Dialect::Gitlab | Dialect::Zitadel if groups => Some(error(404, "", "no such endpoint")),
            Dialect::Aws if operations.len() > 1 => {
                Some(error(400, "", "ValidationException: one attribute at a time"))
            }
            Dialect::Aws if head.method == "POST" && !groups => {
                let named = ["givenName", "familyName"].iter().all(|part| body["name"][*part].is_string());
                let complete = named && body["displayName"].is_string();
                (!complete).then(|| error(400, "", "ValidationException: name and displayName are required"))
            }
            Dialect::Zitadel if filter.is_some_and(|filter| filter.chars().count() > 1_000) => {
                Some(error(400, "invalidFilter", "too long"))
            }
            Dialect::Slack | Dialect::Atlassian | Dialect::Github => None,
            Dialect::Gitlab | Dialect::Aws | Dialect::Zitadel => None,
        }
    }

    /// What becomes of a name.
    pub(super) fn rewritten(&self, name: &str) -> String {
        let local = || name.split('@').next().unwrap_or_default();
        match self.dialect {
            Dialect::Slack => name.to_lowercase().chars().take(21).collect(),
            Dialect::Github if !name.ends_with("_corp") => local()
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .chain("_corp".chars())
                .collect(),
            _ => name.to_owned(),
        }
    }

    /// Whether DELETE closes an account and keeps it.
    pub(super) fn closes_what_is_deleted(&self) -> bool {
        matches!(self.dialect, Dialect::Slack | Dialect::Gitlab)
    }

    /// Whether a user has the name, is closed, and is only waiting to be opened again.
    pub(super) fn is_gone_but_kept(&self, user: &Value) -> bool {
        self.dialect == Dialect::Gitlab && user["active"] == false
    }

    /// The body of an answer, in the words of whoever gives it.
    pub(super) fn put_in_words(&self, status: u16, body: Value) -> Value {
        match self.dialect {
            Dialect::Slack if status >= 400 => {
                json!({ "Errors": { "description": body["detail"], "code": status } })
            }
            _ => body,
        }
    }
}
