//! Requests to a SCIM server, and what is read out of its answers.

use super::dialect::{Capabilities, Dialect, Manner, Update};
use super::edit::{self, Edit};
use super::features::Features;
use super::{Settings, wire};
use crate::provision::connector::{Fault, Refusal};
use crate::provision::http::{Ask, Http, Reply};
use crate::provision::pace::Pace;
use reqwest::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::sync::OnceLock;
use url::Url;

const MEDIA_TYPE: &str = "application/scim+json";

/// Has groups told without their members, of whom there may be tens of thousands (RFC 7644, section 3.9).
const WITHOUT_MEMBERS: &str = "excludedAttributes=members";

/// How many pages are read at most, to find what a server does not search for.
const PAGES: usize = 1_000;

pub(super) struct Server {
    http: Http,
    dialect: Dialect,
    said: Capabilities,
    /// What the server says of itself. Asked only where nobody else says it, until it is known.
    features: OnceLock<Features>,
}

impl Server {
    pub(super) fn new(settings: &Settings, pace: Pace) -> Result<Self, reqwest::Error> {
        Ok(Self {
            http: Http::new(settings.scim.clone(), settings.auth(), MEDIA_TYPE, pace)?,
            dialect: settings.dialect,
            said: settings.capabilities,
            features: OnceLock::new(),
        })
    }

    /// How the server is, as far as is known without asking it.
    pub(super) fn known(&self) -> Manner {
        let usual = self.dialect.manner();
        self.said.over(self.features.get().map_or(usual, |features| features.limit(usual)))
    }

    /// How the server is.
    pub(super) async fn manner(&self) -> Result<Manner, Fault> {
        if self.dialect == Dialect::Generic
            && self.features.get().is_none()
            && let Some(features) = self.discover().await?
        {
            // Who asked at the same time heard the same.
            let _ = self.features.set(features);
        }
        Ok(self.known())
    }

    /// What it says of itself; nothing where it cannot say now.
    async fn discover(&self) -> Result<Option<Features>, Fault> {
        let reply = self.get(&["ServiceProviderConfig"]).await?;
        match reply.status {
            status if status.is_success() => Ok(reply.json().as_ref().map(Features::of)),
            StatusCode::TOO_MANY_REQUESTS => Err(reply.fault()),
            StatusCode::UNAUTHORIZED => Ok(None),
            // It has none, or none for us.
            StatusCode::NOT_IMPLEMENTED => Ok(Some(Features::default())),
            status => Ok(status.is_client_error().then(Features::default)),
        }
    }

    pub(super) async fn get(&self, path: &[&str]) -> Result<Reply, Fault> {
        self.ask(Method::GET, self.http.url(path), None, HeaderMap::new()).await
    }

    pub(super) async fn post(&self, path: &[&str], body: &Value) -> Result<Reply, Fault> {
        self.ask(Method::POST, self.http.url(path), Some(body), HeaderMap::new()).await
    }

    pub(super) async fn delete(&self, path: &[&str]) -> Result<Reply, Fault> {
        self.ask(Method::DELETE, self.http.url(path), None, HeaderMap::new()).await
    }

    async fn ask(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
        headers: HeaderMap,
    ) -> Result<Reply, Fault> {
        let write = method != Method::GET;
        let body = body.map(|body| (MEDIA_TYPE.to_owned(), body.to_string()));
        self.http.ask(Ask { method, url, headers: self.headers(headers), body, write }).await
    }

    /// What the dialect wants of every request.
    fn headers(&self, mut headers: HeaderMap) -> HeaderMap {
        if self.dialect == Dialect::Github {
            let version = HeaderName::from_static("x-github-api-version");
            headers.insert(version, HeaderValue::from_static("2022-11-28"));
        }
        headers
    }

    /// Makes changes to a resource. Returns the first answer that is no success, or the last.
    pub(super) async fn edit(&self, kind: &str, id: &str, edits: &[Edit]) -> Result<Reply, Fault> {
        let manner = self.manner().await?;
        let edits: Vec<Edit> = edits.iter().map(|edit| edit.written(&manner)).collect();
        let mut resource = Value::Null;
        if edit::needs_a_look(&edits, &manner) {
            let reply = self.get(&[kind, id]).await?;
            if !reply.status.is_success() {
                return Ok(reply);
            }
            let Some(found) = reply.json().filter(Value::is_object) else { return Err(no_resource()) };
            if manner.update == Update::Put {
                return self.put_back(kind, id, reply, found, &edits).await;
            }
            resource = found;
        }
        let mut url = self.http.url(&[kind, id]);
        // What no other dialect is known to take here.
        if kind == "Groups" && self.dialect == Dialect::Generic {
            url.set_query(Some(WITHOUT_MEMBERS));
        }
        let mut last = None;
        for body in edit::patches(&edits, &manner, &resource) {
            let reply = self.ask(Method::PATCH, url.clone(), Some(&body), HeaderMap::new()).await?;
            if !reply.status.is_success() {
                return Ok(reply);
            }
            last = Some(reply);
        }
        last.ok_or_else(|| Fault::transient("there was nothing to change"))
    }

    /// Writes what was read with the changes made in it, unless somebody else was quicker, where the server can tell (RFC
    /// 7644, section 3.14).
    async fn put_back(
        &self,
        kind: &str,
        id: &str,
        read: Reply,
        mut resource: Value,
        edits: &[Edit],
    ) -> Result<Reply, Fault> {
        let before = resource.clone();
        edits.iter().for_each(|edit| edit.apply(&mut resource));
        if resource == before {
            return Ok(read);
        }
        let version = wire::field(&before, "meta").and_then(|meta| wire::text(meta, "version"));
        let version = version.and_then(|version| HeaderValue::from_str(version).ok());
        let version = read.headers.get(ETAG).cloned().or(version);
        let headers = version.map(|version| (IF_MATCH, version)).into_iter().collect();
        // The server's own to say.
        wire::without(&mut resource, if kind == "Users" { &["meta", "groups"] } else { &["meta"] });
        let reply = self.ask(Method::PUT, self.http.url(&[kind, id]), Some(&resource), headers).await?;
        if reply.status == StatusCode::PRECONDITION_FAILED {
            return Err(Fault::transient("somebody else changed it meanwhile"));
        }
        Ok(reply)
    }

    /// The resources of `kind` that are the `same`, those whose `attribute` equals `value` (RFC 7644, section 3.4.2). Where
    /// the server does not search for them, all are read.
    pub(super) async fn search(
        &self,
        kind: &str,
        (attribute, value): (&str, &str),
        same: &(dyn Fn(&Value) -> bool + Sync),
    ) -> Result<Vec<Value>, Fault> {
        if !self.known().finds_by(attribute) {
            return self.walk(kind, same).await;
        }
        let filter = format!("{attribute} eq {}", wire::quoted(value));
        let reply = self.list(kind, &[("filter", &filter)]).await?;
        // Either it does not search at all, or not for this.
        if matches!(reply.status, StatusCode::BAD_REQUEST | StatusCode::NOT_IMPLEMENTED) {
            return self.walk(kind, same).await;
        }
        let List { found, total, .. } = List::of(reply)?;
        let total = total.ok_or_else(no_list)?;
        if total <= found.len() && found.iter().all(same) {
            return Ok(found);
        }
        // A server that ignores filters would hand us anybody.
        if !self.manner().await?.finds_by(attribute) {
            return self.walk(kind, same).await;
        }
        Err(if total > found.len() {
            Fault::refused(Refusal::Conflict, format!("finds {total} where there is to be one"))
        } else {
            Fault::refused(Refusal::Invalid, format!("does not filter {kind} by {attribute}"))
        })
    }

    /// Whether anything of `kind` is found by `filter`.
    pub(super) async fn has(&self, kind: &str, filter: &str) -> Result<bool, Fault> {
        let List { found, total, .. } = List::of(self.list(kind, &[("filter", filter)]).await?)?;
        Ok(total.unwrap_or(found.len()) > 0)
    }

    async fn walk(&self, kind: &str, same: &(dyn Fn(&Value) -> bool + Sync)) -> Result<Vec<Value>, Fault> {
        let (mut all, mut after) = (Vec::new(), None);
        for _ in 0..PAGES {
            let (found, next) = self.page(kind, after.as_deref()).await?;
            all.extend(found.into_iter().filter(same));
            match next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
        Err(Fault::refused(
            Refusal::Invalid,
            format!("has too many {kind} to read them all, and does not search"),
        ))
    }

    /// A page of all resources of `kind`: the first, or the one that `after` names. Returns what names the next: the number
    /// of its first resource, counted from 1, or a cursor (RFC 9865).
    pub(super) async fn page(
        &self,
        kind: &str,
        after: Option<&str>,
    ) -> Result<(Vec<Value>, Option<String>), Fault> {
        let lost = |why: &str| Fault::transient(format!("lost the page: {why}"));
        let manner = self.manner().await?;
        let count = manner.page.to_string();
        if manner.cursors {
            let cursor = after.unwrap_or_default();
            let reply = self.list(kind, &[("cursor", cursor), ("count", &count)]).await?;
            if says(&reply, "expiredCursor") || says(&reply, "invalidCursor") {
                return Err(lost(&reply.said()));
            }
            let List { found, cursor: next, .. } = List::of(reply)?;
            return Ok((found, next.filter(|next| next != cursor)));
        }
        let first: usize = after.unwrap_or("1").parse().map_err(|_| lost("its name is no number"))?;
        let reply = self.list(kind, &[("startIndex", &first.to_string()), ("count", &count)]).await?;
        let List { found, total, .. } = List::of(reply)?;
        let next = first + found.len();
        let is_last = found.is_empty() || next > total.ok_or_else(no_list)?;
        Ok((found, (!is_last).then(|| next.to_string())))
    }

    /// A list as `query` asks for it. Groups come without their members: not every server lists them, and none in parts.
    async fn list(&self, kind: &str, query: &[(&str, &str)]) -> Result<Reply, Fault> {
        let mut url = self.http.url(&[kind]);
        if kind == "Groups" {
            url.set_query(Some(WITHOUT_MEMBERS));
        }
        url.query_pairs_mut().extend_pairs(query);
        // Not every server reads `+` as a space. A real plus is written %2B at this point.
        let query = url.query().map(|query| query.replace('+', "%20"));
        url.set_query(query.as_deref());
        let headers = self.headers(HeaderMap::new());
        self.http.ask(Ask { method: Method::GET, url, headers, body: None, write: false }).await
    }
}

/// A list of resources (RFC 7644, section 3.4.2; RFC 9865, section 2).
struct List {
    found: Vec<Value>,
    total: Option<usize>,
    cursor: Option<String>,
}

impl List {
    fn of(reply: Reply) -> Result<Self, Fault> {
        let answer = resource(reply)?;
        let total = wire::field(&answer, "totalResults").and_then(Value::as_u64);
        let cursor = wire::text(&answer, "nextCursor").filter(|cursor| !cursor.is_empty());
        let found = wire::list(&answer, "Resources");
        if found.is_none() && total.is_none() {
            return Err(no_list());
        }
        Ok(Self {
            total: total.and_then(|total| total.try_into().ok()),
            cursor: cursor.map(str::to_owned),
            found: found.unwrap_or_default().to_vec(),
        })
    }
}

fn no_list() -> Fault {
    Fault::transient("answers a search with something that is not a list")
}

fn no_resource() -> Fault {
    Fault::transient("answers with something that is not SCIM, or too long")
}

/// The resource that was asked for.
pub(super) fn resource(reply: Reply) -> Result<Value, Fault> {
    reply.done()?.filter(Value::is_object).ok_or_else(no_resource)
}

/// Whether it is an error of this kind (RFC 7644, table 9).
pub(super) fn says(reply: &Reply, scim_type: &str) -> bool {
    reply.json().is_some_and(|error| wire::text(&error, "scimType") == Some(scim_type))
}
