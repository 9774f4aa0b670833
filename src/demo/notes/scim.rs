//! SCIM 2.0 (RFC 7643, 7644), as far as provisioning needs it: users, groups, `eq` filters, PATCH.

mod filter;
mod groups;
mod patch;
mod refusal;
mod users;

use self::refusal::Refusal;
use super::Notes;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, body::Body};
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

/// As many resources as one answer holds.
const MAX_RESULTS: usize = 200;

/// How a list is asked for (RFC 7644, section 3.4.2).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    #[serde(flatten)]
    shape: Shape,
}

/// What an answer is to leave out (RFC 7644, section 3.9).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    excluded_attributes: Option<String>,
}

impl Shape {
    fn has(&self, attribute: &str) -> bool {
        let excluded = self.excluded_attributes.iter().flat_map(|names| names.split(','));
        !excluded.into_iter().any(|name| name.trim().eq_ignore_ascii_case(attribute))
    }
}

/// The endpoint, to be nested; nothing of it answers without the token.
pub(super) fn router(notes: Notes) -> Router {
    Router::new()
        .route("/ServiceProviderConfig", get(config))
        .route("/Users", get(users::list).post(users::create))
        .route("/Users/{id}", get(users::read).patch(users::patch).put(users::replace).delete(users::delete))
        .route("/Groups", get(groups::list).post(groups::create))
        .route("/Groups/{id}", get(groups::read).patch(groups::patch).delete(groups::delete))
        .fallback(async || Refusal::NotFound)
        .layer(from_fn_with_state(notes.clone(), with_token))
        .with_state(notes)
}

async fn with_token(State(notes): State<Notes>, request: Request, next: Next) -> Response {
    let sent =
        request.headers().get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let token = notes.0.settings.scim_token.as_bytes();
    if sent.is_some_and(|sent| bool::from(sent.ct_eq(token))) {
        next.run(request).await
    } else {
        Refusal::Unauthorized.into_response()
    }
}

async fn config() -> Response {
    let not = json!({ "supported": false });
    let config = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": MAX_RESULTS },
        "changePassword": not, "sort": not, "etag": not,
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "Bearer token", "description": "A fixed bearer token", "primary": true,
        }],
    });
    resource(StatusCode::OK, &config)
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::invalid("invalidSyntax", error.to_string()))
}

/// A resource; where it was just created, with its location.
fn resource(status: StatusCode, resource: &Value) -> Response {
    let mut response = Response::new(Body::from(resource.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/scim+json"));
    let location = resource.pointer("/meta/location").and_then(Value::as_str);
    if let Some(location) = location.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(LOCATION, location);
    }
    response
}

/// One page of `all`; counting starts at 1.
fn listed(all: Vec<Value>, query: &Query) -> Response {
    let start = query.start_index.map_or(1, |start| usize::try_from(start).unwrap_or(1).max(1));
    let count = query.count.map_or(MAX_RESULTS, |count| usize::try_from(count).unwrap_or(0).min(MAX_RESULTS));
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(start - 1).take(count).collect();
    let list = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": page.len(),
        "Resources": page,
    });
    resource(StatusCode::OK, &list)
}
