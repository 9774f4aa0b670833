//! Lists a page at a time. Each names the next page in its `Link` header (RFC 8288), and whoever wants all of it follows.

use crate::names::{AccountId, TargetName};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::LINK;
use http::{HeaderValue, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

/// How many rows a page has unless fewer are asked for.
const ROWS: u32 = 500;

/// Which page of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Page<Id> {
    /// The last row of the page before; none for the first page.
    pub(super) after: Option<Id>,
    /// How many rows at the most: 500 unless fewer are asked for.
    limit: Option<u32>,
}

/// Which page of a list of accounts.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfTarget {
    /// Only those in this target.
    app: Option<TargetName>,
    /// The last account of the page before; none for the first page.
    after: Option<AccountId>,
    /// How many at the most: 500 unless fewer are asked for.
    limit: Option<u32>,
}

impl OfTarget {
    /// Which target, and which page.
    pub(super) fn split(self) -> (Option<TargetName>, Page<AccountId>) {
        (self.app, Page { after: self.after, limit: self.limit })
    }
}

impl<Id> Page<Id> {
    /// How many rows it has, unless the list ends.
    pub(super) fn limit(&self) -> u32 {
        self.limit.unwrap_or(ROWS).clamp(1, ROWS)
    }
}

/// A page of a list, and where the next one is.
pub(super) struct Listed<T> {
    rows: Vec<T>,
    next: Option<String>,
}

impl<T> Listed<T> {
    /// These rows, which `asked` for; `next` is the last of what they were taken from, where there may be more.
    pub(super) fn new(asked: &Uri, rows: Vec<T>, next: Option<impl ToString>) -> Self {
        let next = next.map(|last| {
            let query = form_urlencoded::parse(asked.query().unwrap_or_default().as_bytes());
            let others = query.filter(|(key, _)| key != "after");
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(others).append_pair("after", &last.to_string());
            format!("<{}?{}>; rel=\"next\"", asked.path(), query.finish())
        });
        Self { rows, next }
    }

    /// These rows, which `asked` for at most `limit`; `id` names each.
    pub(super) fn of<Id: ToString>(asked: &Uri, limit: u32, rows: Vec<T>, id: impl Fn(&T) -> Id) -> Self {
        let last = rows.last().filter(|_| rows.len() as u64 >= u64::from(limit)).map(id);
        Self::new(asked, rows, last)
    }
}

impl<T: Serialize> IntoResponse for Listed<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.rows).into_response();
        // A path and a query are never anything that a header cannot hold.
        let link = self.next.and_then(|next| HeaderValue::try_from(next).ok());
        response.headers_mut().extend(link.map(|link| (LINK, link)));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_page_names_the_next_and_keeps_what_was_asked() {
        let next =
            |asked: &str, rows: Vec<u32>| Listed::of(&asked.parse().unwrap(), 2, rows, |row| *row).next;
        assert_eq!(
            next("/accounts?after=4&app=a%26b", vec![5, 6]).as_deref(),
            Some("</accounts?app=a%26b&after=6>; rel=\"next\"")
        );
        assert_eq!(next("/people", vec![5]), None);
        assert_eq!(next("/people", Vec::new()), None);
    }
}
