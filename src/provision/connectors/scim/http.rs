//! One request to a SCIM server, and what its answer means.

use super::{Settings, wire};
use crate::loopback::Resolver;
use crate::provision::connector::{Fault, Refusal, RetryAfter, words};
use jiff::SignedDuration;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::error::Error;
use std::time::Duration;
use url::Url;

const CONNECT: Duration = Duration::from_secs(3);
const TOTAL: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 1 << 20;
const MEDIA_TYPE: &str = "application/scim+json";

pub(super) struct Http {
    client: Client,
    base: Url,
    token: SecretString,
}

impl Http {
    pub(super) fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            // The token goes where the operator said, and nowhere else.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Resolver)
            .build()?;
        Ok(Self { client, base: settings.scim.clone(), token: settings.token.clone() })
    }

    pub(super) async fn get(&self, path: &[&str]) -> Result<Reply, Fault> {
        self.send(self.client.get(self.url(path)), false).await
    }

    /// Asks for the resources of `kind` whose `attribute` equals `value`.
    pub(super) async fn search(&self, kind: &str, attribute: &str, value: &str) -> Result<Reply, Fault> {
        let mut url = self.url(&[kind]);
        url.query_pairs_mut().append_pair("filter", &format!("{attribute} eq {}", wire::quoted(value)));
        // Not every server reads `+` as a space. A real plus is written %2B at this point.
        let query = url.query().map(|query| query.replace('+', "%20"));
        url.set_query(query.as_deref());
        self.send(self.client.get(url), false).await
    }

    pub(super) async fn write(&self, method: Method, path: &[&str], body: &Value) -> Result<Reply, Fault> {
        let request = self.client.request(method, self.url(path));
        self.send(request.header(CONTENT_TYPE, MEDIA_TYPE).body(body.to_string()), true).await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Fails for URLs such as `data:` alone, which the request then refuses.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    async fn send(&self, request: RequestBuilder, write: bool) -> Result<Reply, Fault> {
        let request = request.bearer_auth(self.token.expose_secret()).header(ACCEPT, MEDIA_TYPE);
        let mut response = request.send().await.map_err(|error| lost(error, write))?;
        let (status, after) = (response.status(), retry_after(response.headers()));
        let mut body = Vec::new();
        // The status stands even where the body is lost or too long; who needs the body finds it wanting.
        while let Ok(Some(chunk)) = response.chunk().await
            && body.len() + chunk.len() <= LONGEST
        {
            body.extend_from_slice(&chunk);
        }
        let mut body = String::from_utf8_lossy(&body).into_owned();
        // An error may quote the request, and is shown to people.
        let token = self.token.expose_secret();
        if !status.is_success() && !token.is_empty() {
            body = body.replace(token, "[token]");
        }
        Ok(Reply { status, after, write, body })
    }
}

/// What a request without an answer means: one that never left did nothing; a write that did may have.
fn lost(error: reqwest::Error, write: bool) -> Fault {
    let error = error.without_url();
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        said = format!("{said}: {inner}");
        cause = inner.source();
    }
    if write && !error.is_connect() && !error.is_builder() {
        Fault::Unknown(words(&said))
    } else {
        Fault::transient(said)
    }
}

fn retry_after(headers: &HeaderMap) -> Option<RetryAfter> {
    let text = |name| headers.get(name)?.to_str().ok();
    let date = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    let after = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = after.parse::<u32>() {
        return Some(RetryAfter::In(SignedDuration::from_secs(seconds.into())));
    }
    // By the server's own clock where it says what time it has, so that ours may differ.
    Some(match (date(after)?, text(DATE).and_then(date)) {
        (at, Some(sent)) => RetryAfter::In(at.duration_since(sent)),
        (at, None) => RetryAfter::At(at),
    })
}

pub(super) struct Reply {
    pub(super) status: StatusCode,
    after: Option<RetryAfter>,
    write: bool,
    body: String,
}

impl Reply {
    /// The answer to a write: done or not, with the resource where one came back.
    pub(super) fn done(self) -> Result<Option<Value>, Fault> {
        if self.status.is_success() { Ok(self.json()) } else { Err(self.fault()) }
    }

    /// The resource that was asked for.
    pub(super) fn resource(self) -> Result<Value, Fault> {
        self.done()?
            .filter(Value::is_object)
            .ok_or_else(|| Fault::transient("answers with something that is not SCIM, or too long"))
    }

    /// The resources that were searched for (RFC 7644, section 3.4.2). Fails where there are more than came back.
    pub(super) fn resources(self) -> Result<Vec<Value>, Fault> {
        let answer = self.resource()?;
        let found = wire::list(&answer, "Resources").unwrap_or_default();
        match answer.get("totalResults").and_then(Value::as_u64) {
            None => Err(Fault::transient("answers a search with something that is not a list")),
            Some(total) if total > found.len() as u64 => {
                Err(Fault::refused(Refusal::Conflict, format!("finds {total} where there is to be one")))
            }
            Some(_) => Ok(found.to_vec()),
        }
    }

    /// Whether it is an error of this kind (RFC 7644, table 9).
    pub(super) fn says(&self, scim_type: &str) -> bool {
        self.json().is_some_and(|error| wire::text(&error, "scimType") == Some(scim_type))
    }

    /// What an answer that is no success means.
    pub(super) fn fault(&self) -> Fault {
        let said = self.said();
        match self.status.as_u16() {
            401 => Fault::AuthFailed(said),
            403 => Fault::refused(Refusal::Forbidden, said),
            409 => Fault::refused(Refusal::Conflict, said),
            429 => Fault::Throttled(self.after),
            // Something in between gave up waiting: the server behind it may not have.
            502 | 504 if self.write => Fault::Unknown(said),
            408 | 425 | 500 | 502..=599 => Fault::Transient { words: said, after: self.after },
            _ => Fault::refused(Refusal::Invalid, said),
        }
    }

    fn said(&self) -> String {
        let detail = self.json().and_then(|error| wire::text(&error, "detail").map(str::to_owned));
        let detail = detail.unwrap_or_else(|| self.body.clone());
        words(&format!("answers {}: {detail}", self.status.as_u16())).trim_end_matches(':').to_owned()
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }
}
