//! One call that operators can make: who may, how it is asked, what comes of it. How it is served and how it is described both
//! come from the one function that answers it.

use super::Deps;
use super::caller::{Caller, Guard};
use super::failure::Failure;
use super::page::Listed;
use crate::audit::{Actor, OperatorRole};
use crate::lifecycle::Order;
use axum::Json;
use axum::body::to_bytes;
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::{HeaderValue, Method, Uri, header};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;

/// How long the words of an order may be, in bytes: somebody's claims have room.
const WORDS: usize = 1024 * 1024;

/// A call under way: who makes it, of what, and what they say.
pub(super) struct Call<Of = (), Words = Nothing> {
    pub(super) deps: Deps,
    pub(super) caller: Caller,
    /// The address that was called.
    pub(super) asked: Uri,
    /// What the path names.
    pub(super) of: Of,
    /// What the query says, or for an order its body.
    pub(super) words: Words,
    /// Who it is, and why.
    pub(super) order: Order,
}

/// Nothing is said.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// What comes of a call.
pub(super) type Answer<T> = Result<T, Failure>;

/// One call that operators can make.
pub(super) struct Route {
    pub(super) told: Told,
    serve: Box<dyn FnOnce(Deps, Guard, Arc<Told>) -> MethodRouter>,
}

/// What is said of it.
pub(super) struct Told {
    pub(super) method: Method,
    /// With what it names in braces.
    pub(super) path: &'static str,
    /// Who may, and whoever may more.
    pub(super) needs: OperatorRole,
    pub(super) summary: &'static str,
    pub(super) of: Form,
    pub(super) words: Form,
    pub(super) answer: Form,
}

/// What values look like.
pub(super) type Form = fn(&mut SchemaGenerator) -> Schema;

impl Route {
    /// A call that looks, and is asked by the query.
    pub(super) fn get<Of, Words, T, F, Fut>(
        path: &'static str,
        needs: OperatorRole,
        summary: &'static str,
        answer: F,
    ) -> Self
    where
        Of: DeserializeOwned + JsonSchema + Send + 'static,
        Words: DeserializeOwned + JsonSchema + Send + 'static,
        T: Serialize + JsonSchema + 'static,
        F: Fn(Call<Of, Words>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Answer<T>> + Send,
    {
        let about = Told::about::<Of, Words, T>(Method::GET, path, needs, summary);
        Self::new(about, answer, |told| Json(told).into_response())
    }

    /// The same of a list, which is told a page at a time.
    pub(super) fn list<Of, Words, T, F, Fut>(
        path: &'static str,
        needs: OperatorRole,
        summary: &'static str,
        answer: F,
    ) -> Self
    where
        Of: DeserializeOwned + JsonSchema + Send + 'static,
        Words: DeserializeOwned + JsonSchema + Send + 'static,
        T: Serialize + JsonSchema + 'static,
        F: Fn(Call<Of, Words>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Answer<Listed<T>>> + Send,
    {
        let about = Told::about::<Of, Words, Vec<T>>(Method::GET, path, needs, summary);
        Self::new(about, answer, Listed::into_response)
    }

    /// A call that orders something, or asks by more than fits a query.
    pub(super) fn post<Of, Words, T, F, Fut>(
        path: &'static str,
        needs: OperatorRole,
        summary: &'static str,
        answer: F,
    ) -> Self
    where
        Of: DeserializeOwned + JsonSchema + Send + 'static,
        Words: DeserializeOwned + JsonSchema + Send + 'static,
        T: Serialize + JsonSchema + 'static,
        F: Fn(Call<Of, Words>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Answer<T>> + Send,
    {
        let about = Told::about::<Of, Words, T>(Method::POST, path, needs, summary);
        Self::new(about, answer, |told| Json(told).into_response())
    }

    fn new<Of, Words, T, F, Fut>(told: Told, answer: F, tell: fn(T) -> Response) -> Self
    where
        Of: DeserializeOwned + Send + 'static,
        Words: DeserializeOwned + Send + 'static,
        T: 'static,
        F: Fn(Call<Of, Words>) -> Fut + Copy + Send + Sync + 'static,
        Fut: Future<Output = Answer<T>> + Send,
    {
        let filter = if told.method == Method::POST { MethodFilter::POST } else { MethodFilter::GET };
        let serve = move |deps: Deps, guard: Guard, told: Arc<Told>| {
            on(filter, move |request: Request| async move {
                let answered = match admitted::<Of, Words>(deps, &guard, &told, request).await {
                    Ok(call) => answer(call).await,
                    Err(failure) => Err(failure),
                };
                unkept(answered.map(tell).into_response())
            })
        };
        Self { told, serve: Box::new(serve) }
    }

    /// What is served at its path.
    pub(super) fn served(self, deps: &Deps, guard: &Guard) -> (&'static str, MethodRouter) {
        let path = self.told.path;
        (path, (self.serve)(deps.clone(), guard.clone(), Arc::new(self.told)))
    }
}

impl Told {
    fn about<Of: JsonSchema, Words: JsonSchema, T: JsonSchema>(
        method: Method,
        path: &'static str,
        needs: OperatorRole,
        summary: &'static str,
    ) -> Self {
        let (of, words, answer) = (Of::json_schema, Words::json_schema, SchemaGenerator::subschema_for::<T>);
        Self { method, path, needs, summary, of, words, answer }
    }

    /// As the record calls it: `POST /grants/{id}/end`.
    pub(super) fn call(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it changes anything.
    pub(super) fn changes(&self) -> bool {
        self.needs > OperatorRole::Auditor
    }
}

/// What is told stays with whoever asked.
pub(super) fn unkept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The call that `request` makes, by somebody who may. Whoever may not has nothing of theirs read.
async fn admitted<Of, Words>(
    deps: Deps,
    guard: &Guard,
    told: &Told,
    request: Request,
) -> Answer<Call<Of, Words>>
where
    Of: DeserializeOwned + Send + 'static,
    Words: DeserializeOwned,
{
    let (mut parts, body) = request.into_parts();
    let caller = guard.admit(&deps, &parts, &told.call(), told.needs).await?;
    let malformed = |error: &dyn std::fmt::Display| Failure::Malformed(error.to_string());
    let Path(of) =
        Path::from_request_parts(&mut parts, &()).await.map_err(|error| malformed(&error.body_text()))?;
    let (said, words) = if told.method == Method::GET {
        let Query(words) = Query::try_from_uri(&parts.uri).map_err(|error| malformed(&error.body_text()))?;
        (Said::default(), words)
    } else {
        let bytes = to_bytes(body, WORDS).await.map_err(|error| malformed(&error))?;
        let mut words: Map<String, Value> =
            serde_json::from_slice(&bytes).map_err(|error| malformed(&error))?;
        let said = Said::take(&mut words).map_err(|error| malformed(&error))?;
        (said, serde_json::from_value(Value::Object(words)).map_err(|error| malformed(&error))?)
    };
    let by = match (&caller, said.operator) {
        (Caller::Holder(token), _) => Actor::Token(token.name.clone()),
        (Caller::Person(person, _), _) => Actor::Operator(person.clone()),
        (Caller::Owner, Some(operator)) => Actor::Operator(operator),
        (Caller::Owner, None) if told.changes() => {
            return Err(Failure::Malformed("who orders it? say `operator`".to_owned()));
        }
        (Caller::Owner, None) => Actor::Operator("operator".to_owned()),
    };
    let asked = guard.address(&parts.uri);
    Ok(Call { deps, caller, asked, of, words, order: Order { by, why: said.why } })
}

/// What every order may say. The socket lets in one account of the machine only; the operator's name is what its client
/// says. At the API it is the token's, or that of whoever is signed in.
#[derive(Default, Deserialize)]
struct Said {
    operator: Option<String>,
    #[serde(default)]
    why: String,
}

impl Said {
    fn take(words: &mut Map<String, Value>) -> Result<Self, serde_json::Error> {
        let ours = ["operator", "why"].into_iter().filter_map(|name| words.remove_entry(name));
        serde_json::from_value(Value::Object(ours.collect()))
    }
}
