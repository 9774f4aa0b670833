//! Requests to a SCIM server, and what is read out of its answers.

use super::{Settings, wire};
use crate::provision::connector::{Fault, Refusal};
use crate::provision::http::{Auth, Http, Reply};
use crate::provision::pace::{Limits, Pace};
use reqwest::Method;
use serde_json::Value;

const MEDIA_TYPE: &str = "application/scim+json";

/// How many resources a page is to hold. Servers may answer with fewer.
const PAGE: usize = 100;

pub(super) struct Server(Http);

impl Server {
    pub(super) fn new(settings: &Settings, pace: Limits) -> Result<Self, reqwest::Error> {
        let auth = Auth::Bearer(settings.token.clone());
        Http::new(settings.scim.clone(), auth, MEDIA_TYPE, Pace::new(pace)).map(Self)
    }

    pub(super) async fn get(&self, path: &[&str]) -> Result<Reply, Fault> {
        self.0.get(self.0.url(path)).await
    }

    pub(super) async fn write(&self, method: Method, path: &[&str], body: &Value) -> Result<Reply, Fault> {
        self.0.write(method, self.0.url(path), Some(body.to_string())).await
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Result<Reply, Fault> {
        self.0.write(Method::DELETE, self.0.url(path), None).await
    }

    /// The resources of `kind` whose `attribute` equals `value` (RFC 7644, section 3.4.2). Fails where there are more than
    /// came back.
    pub(super) async fn search(&self, kind: &str, attribute: &str, value: &str) -> Result<Vec<Value>, Fault> {
        let filter = format!("{attribute} eq {}", wire::quoted(value));
        let (found, total) = self.list(kind, &[("filter", &filter)]).await?;
        if total > found.len() {
            return Err(Fault::refused(Refusal::Conflict, format!("finds {total} where there is to be one")));
        }
        Ok(found)
    }

    /// The resources of `kind` from number `start` on, counted from 1, and the number of the next page's first.
    pub(super) async fn page(&self, kind: &str, start: usize) -> Result<(Vec<Value>, Option<usize>), Fault> {
        let (first, count) = (start.to_string(), PAGE.to_string());
        let (found, total) = self.list(kind, &[("startIndex", &first), ("count", &count)]).await?;
        let next = start + found.len();
        Ok(if found.is_empty() || next > total { (found, None) } else { (found, Some(next)) })
    }

    async fn list(&self, kind: &str, query: &[(&str, &str)]) -> Result<(Vec<Value>, usize), Fault> {
        let mut url = self.0.url(&[kind]);
        url.query_pairs_mut().extend_pairs(query);
        // Not every server reads `+` as a space. A real plus is written %2B at this point.
        let query = url.query().map(|query| query.replace('+', "%20"));
        url.set_query(query.as_deref());
        let answer = resource(self.0.get(url).await?)?;
        let found = wire::list(&answer, "Resources").unwrap_or_default().to_vec();
        let total =
            answer.get("totalResults").and_then(Value::as_u64).and_then(|total| total.try_into().ok());
        let total =
            total.ok_or_else(|| Fault::transient("answers a search with something that is not a list"))?;
        Ok((found, total))
    }
}

/// The resource that was asked for.
pub(super) fn resource(reply: Reply) -> Result<Value, Fault> {
    reply
        .done()?
        .filter(Value::is_object)
        .ok_or_else(|| Fault::transient("answers with something that is not SCIM, or too long"))
}

/// Whether it is an error of this kind (RFC 7644, table 9).
pub(super) fn says(reply: &Reply, scim_type: &str) -> bool {
    reply.json().is_some_and(|error| wire::text(&error, "scimType") == Some(scim_type))
}
