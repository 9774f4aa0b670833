//! A small SCIM server on a real socket that misbehaves when told to.

use super::{Limits, Scim, Settings};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

/// What happens to the next request of a method.
#[derive(Debug)]
pub(super) enum Mishap {
    /// It takes effect, and the connection closes without an answer.
    LoseAnswer,
    /// It takes no effect, and is answered like this.
    Answer(u16, &'static [(&'static str, &'static str)], String),
}

/// How the server likes to answer, and what it holds.
#[derive(Default)]
pub(super) struct State {
    pub(super) users: Vec<Value>,
    pub(super) groups: Vec<Value>,
    pub(super) mishaps: VecDeque<(Method, Mishap)>,
    /// Users list their groups.
    pub(super) tells_groups: bool,
    /// Members of `groups` on a user have no `display`.
    pub(super) nameless_groups: bool,
    /// PATCH answers 204.
    pub(super) terse: bool,
    /// `active` is a string.
    pub(super) wordy: bool,
    /// Filters are ignored.
    pub(super) deaf: bool,
    drawn: usize,
}

pub(super) struct Fake {
    state: Arc<Mutex<State>>,
    settings: Settings,
    _server: JoinSet<()>,
}

impl Fake {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        // A name that only our own resolver is sure to find.
        let scim: Url = format!("http://fake.localhost:{}/scim/v2/", listener.local_addr().unwrap().port())
            .parse()
            .unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let mut server = JoinSet::new();
        let served = state.clone();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let state = served.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(state.clone(), request));
                    // Ends with an error whenever an answer is lost on purpose.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service)
                        .await;
                });
            }
        });
        Self { state, settings: Settings { scim, token: "s3cret".to_owned().into() }, _server: server }
    }

    pub(super) fn client(&self) -> Scim {
        Scim::new(&self.settings, Limits::default()).unwrap()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn next(&self, method: Method, mishap: Mishap) {
        self.state().mishaps.push_back((method, mishap));
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let mut state = state.lock().unwrap();
    let mishap = state.mishaps.pop_front_if(|(method, _)| *method == head.method);
    if let Some((_, Mishap::Answer(status, headers, body))) = mishap {
        let answer =
            headers.iter().fold(Response::builder().status(status), |answer, (k, v)| answer.header(*k, *v));
        return answer.body(body.into()).map_err(io::Error::other);
    }
    let authorized = head.headers.get("authorization").is_some_and(|token| token == "Bearer s3cret");
    let (status, body) = if authorized {
        state.serve(&head.method, &head.uri, serde_json::from_slice(&body).unwrap_or_default())
    } else {
        error(401, "", "who are you")
    };
    if mishap.is_some() {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let body = if status == 204 { String::new() } else { body.to_string() };
    let status = StatusCode::from_u16(status).map_err(io::Error::other)?;
    Response::builder().status(status).body(body.into()).map_err(io::Error::other)
}

fn error(status: u16, kind: &str, detail: &str) -> (u16, Value) {
    (status, json!({ "status": status.to_string(), "scimType": kind, "detail": detail }))
}

impl State {
    fn serve(&mut self, method: &Method, uri: &Uri, body: Value) -> (u16, Value) {
        let path: Vec<&str> = uri.path().trim_start_matches("/scim/v2/").split('/').collect();
        match (method.as_str(), path.as_slice()) {
            ("GET", [kind]) => self.search(kind, uri.query().unwrap_or_default()),
            ("GET", ["Users", id]) => match self.users.iter().find(|user| user["id"] == *id) {
                Some(user) => (200, self.shown(user)),
                None => error(404, "", "no such user"),
            },
            ("POST", ["Users"]) if self.users.iter().any(|user| user["userName"] == body["userName"]) => {
                error(409, "uniqueness", "userName is already in use")
            }
            ("POST", [kind]) => {
                self.drawn += 1;
                let mut created = body;
                created["id"] = json!(format!("id/{}", self.drawn));
                let all = if *kind == "Users" { &mut self.users } else { &mut self.groups };
                all.push(created.clone());
                (201, created)
            }
            ("DELETE", ["Users", id]) => {
                let id = id.replace("%2F", "/");
                let before = self.users.len();
                self.users.retain(|user| user["id"] != id);
                if self.users.len() < before { (204, Value::Null) } else { error(404, "", "no such user") }
            }
            ("PATCH", [kind, id]) => {
                let id = id.replace("%2F", "/");
                let all = if *kind == "Users" { &mut self.users } else { &mut self.groups };
                let Some(resource) = all.iter_mut().find(|resource| resource["id"] == id) else {
                    return error(404, "", "no such resource");
                };
                for operation in body["Operations"].as_array().unwrap() {
                    if !patch(resource, operation) {
                        return error(400, "noTarget", "no such value");
                    }
                }
                (if self.terse { 204 } else { 200 }, resource.clone())
            }
            _ => error(404, "", "no such endpoint"),
        }
    }

    fn search(&self, kind: &str, query: &str) -> (u16, Value) {
        assert!(!query.contains('+'), "a plus for a space: {query}");
        let query: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let all = if kind == "Users" { &self.users } else { &self.groups };
        let Some(filter) = query.get("filter") else {
            // Pages of two, whatever was asked for.
            let start: usize = query["startIndex"].parse().unwrap();
            let found: Vec<Value> = all.iter().skip(start - 1).take(2).map(|one| self.shown(one)).collect();
            return (200, json!({ "totalResults": all.len(), "startIndex": start, "Resources": found }));
        };
        let (attribute, value) = filter.split_once(" eq ").unwrap();
        let value: Value = serde_json::from_str(value).unwrap();
        let has = |resource: &Value| match attribute.split_once('.') {
            Some((list, inner)) => {
                resource[list].as_array().is_some_and(|all| all.iter().any(|one| one[inner] == value))
            }
            None => resource[attribute] == value,
        };
        let found = all.iter().filter(|resource| self.deaf || has(resource));
        let found: Vec<Value> = found.map(|resource| self.shown(resource)).collect();
        (200, json!({ "totalResults": found.len(), "Resources": found }))
    }

    fn shown(&self, resource: &Value) -> Value {
        let mut shown = resource.clone();
        let is_member = |group: &&Value| {
            let members = group["members"].as_array();
            members.is_some_and(|members| members.iter().any(|member| member["value"] == resource["id"]))
        };
        if self.tells_groups {
            let groups = self.groups.iter().filter(is_member);
            shown["groups"] = match self.nameless_groups {
                false => groups
                    .map(|group| json!({ "value": group["id"], "display": group["displayName"] }))
                    .collect(),
                true => groups.map(|group| json!({ "value": group["id"] })).collect(),
            };
        }
        if self.wordy {
            shown["active"] = json!(if shown["active"] == true { "True" } else { "False" });
        }
        shown
    }
}

fn patch(resource: &mut Value, operation: &Value) -> bool {
    let path = operation["path"].as_str().unwrap();
    if let Some((list, id)) = path.strip_suffix(']').and_then(|path| path.split_once("[value eq ")) {
        let id: Value = serde_json::from_str(id).unwrap();
        let Some(members) = resource[list].as_array_mut() else { return false };
        let before = members.len();
        members.retain(|member| member["value"] != id);
        return members.len() < before;
    }
    if operation["op"] == "add" {
        let mut members = resource[path].as_array().cloned().unwrap_or_default();
        members.extend(operation["value"].as_array().unwrap().iter().cloned());
        members.dedup();
        resource[path] = members.into();
        return true;
    }
    let (schema, name) = path.rsplit_once(':').map_or((None, path), |(schema, name)| (Some(schema), name));
    let root = match schema {
        Some(schema) => &mut resource[schema],
        None => resource,
    };
    *name.split('.').fold(root, |at, name| &mut at[name]) = operation["value"].clone();
    true
}
