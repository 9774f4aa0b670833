//! A small SCIM server on a real socket that misbehaves when told to.

mod oddities;

use super::{Dialect, Pace, Scim, Settings};
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
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
    /// Whose ways it has.
    pub(super) dialect: Dialect,
    /// What it says of itself.
    pub(super) config: Option<Value>,
    /// Users list their groups.
    pub(super) tells_groups: bool,
    /// Members of `groups` on a user have no `display`.
    pub(super) nameless_groups: bool,
    /// A list of groups never shows their members.
    pub(super) lists_no_members: bool,
    /// How often members of a group were shown.
    pub(super) members_shown: usize,
    /// PATCH answers 204.
    pub(super) terse: bool,
    /// `active` is a string.
    pub(super) wordy: bool,
    /// Filters are ignored.
    pub(super) deaf: bool,
    /// There is no PATCH; PUT takes the place of all that was there, if it says of which version.
    pub(super) puts: bool,
    /// Pages are named by cursors alone.
    pub(super) cursors: bool,
    drawn: usize,
    /// So many looks still show an account that was closed as open.
    behind: usize,
}

pub(super) struct Fake {
    state: Arc<Mutex<State>>,
    scim: Url,
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
        Self { state, scim, _server: server }
    }

    pub(super) fn client(&self) -> Scim {
        self.client_of(json!({}))
    }

    pub(super) fn client_of(&self, further: Value) -> Scim {
        let mut settings = json!({ "scim": self.scim, "token": "s3cret" });
        settings.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        let settings: Settings = serde_json::from_value(settings).unwrap();
        Scim::new(&settings, Pace::default()).unwrap()
    }

    /// Where the server gives tokens to whoever asks.
    pub(super) fn token_url(&self) -> Url {
        self.scim.join("/token").unwrap()
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
    if head.uri.path() == "/token" {
        let token = json!({ "access_token": "s3cret", "token_type": "Bearer", "expires_in": 300 });
        return Response::builder().body(token.to_string().into()).map_err(io::Error::other);
    }
    let authorized = head.headers.get("authorization").is_some_and(|token| token == "Bearer s3cret");
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, body) = match state.refusal(&head, &body) {
        _ if !authorized => error(401, "", "who are you"),
        Some(refusal) => refusal,
        None => state.serve(&head, body),
    };
    let body = state.put_in_words(status, body);
    if mishap.is_some() {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let body = if status == 204 { String::new() } else { body.to_string() };
    let status = StatusCode::from_u16(status).map_err(io::Error::other)?;
    Response::builder().status(status).body(body.into()).map_err(io::Error::other)
}

/// A status and a body.
type Answer = (u16, Value);

fn error(status: u16, kind: &str, detail: &str) -> Answer {
    (status, json!({ "status": status.to_string(), "scimType": kind, "detail": detail }))
}

impl State {
    fn all(&mut self, kind: &str) -> &mut Vec<Value> {
        if kind == "Users" { &mut self.users } else { &mut self.groups }
    }

    fn serve(&mut self, head: &Parts, body: Value) -> Answer {
        let path: Vec<String> =
            head.uri.path().trim_start_matches("/scim/v2/").split('/').map(decoded).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let (status, mut answer) = self.act(head, &path, body);
        let lists = head.method == Method::GET && path.len() == 1 && self.lists_no_members;
        let hidden = lists || head.uri.query().unwrap_or_default().contains("excludedAttributes=members");
        let resources = match answer.get_mut("Resources") {
            Some(Value::Array(all)) => all.as_mut_slice(),
            _ => std::slice::from_mut(&mut answer),
        };
        for resource in resources.iter_mut().filter_map(Value::as_object_mut) {
            if hidden {
                resource.remove("members");
            }
            self.members_shown += usize::from(resource.contains_key("members"));
        }
        (status, answer)
    }

    fn act(&mut self, head: &Parts, path: &[&str], body: Value) -> Answer {
        match (head.method.as_str(), path) {
            ("GET", ["ServiceProviderConfig"]) => match &self.config {
                Some(config) => (200, config.clone()),
                None => error(404, "", "no such endpoint"),
            },
            ("GET", [kind]) => self.search(kind, head.uri.query().unwrap_or_default()),
            ("GET", [kind, id]) => match self.all(kind).iter().find(|one| one["id"] == *id).cloned() {
                Some(resource) => (200, self.shown(&resource)),
                None => error(404, "", "no such resource"),
            },
            ("POST", [kind]) => self.create(kind, body),
            ("DELETE", ["Users", id]) if self.closes_what_is_deleted() => {
                let Some(user) = self.users.iter_mut().find(|user| user["id"] == *id) else {
                    return error(404, "", "no such user");
                };
                user["active"] = json!(false);
                (204, Value::Null)
            }
            ("DELETE", ["Users", id]) => {
                let before = self.users.len();
                self.users.retain(|user| user["id"] != *id);
                if self.users.len() < before { (204, Value::Null) } else { error(404, "", "no such user") }
            }
            ("PUT", [kind, id]) => self.put(kind, id, head, body),
            ("PATCH", [kind, id]) => self.patch(kind, id, &body),
            _ => error(404, "", "no such endpoint"),
        }
    }

    fn create(&mut self, kind: &str, body: Value) -> Answer {
        let mut created = body;
        if kind == "Users" {
            created["userName"] = json!(self.rewritten(created["userName"].as_str().unwrap()));
            if let Some(known) = self.users.iter().find(|user| user["userName"] == created["userName"]) {
                let status = if self.is_gone_but_kept(known) { 412 } else { 409 };
                return error(status, "uniqueness", "userName is already in use");
            }
        }
        self.drawn += 1;
        created["id"] = json!(format!("id/{}", self.drawn));
        created["meta"] = json!({ "version": "W/\"1\"" });
        self.all(kind).push(created.clone());
        (201, created)
    }

    fn put(&mut self, kind: &str, id: &str, head: &Parts, mut body: Value) -> Answer {
        let Some(resource) = self.all(kind).iter_mut().find(|resource| resource["id"] == id) else {
            return error(404, "", "no such resource");
        };
        let version = resource["meta"]["version"].as_str().unwrap_or_default().to_owned();
        if head.headers.get("if-match").is_none_or(|said| said.to_str().unwrap() != version) {
            return error(412, "", "that is not the version");
        }
        assert!(body.get("meta").is_none(), "the server's own to say: {body}");
        body["id"] = json!(id);
        body["meta"] = json!({ "version": format!("{version}+") });
        *resource = body.clone();
        (200, body)
    }

    fn patch(&mut self, kind: &str, id: &str, body: &Value) -> Answer {
        if self.puts {
            return error(501, "", "there is no PATCH");
        }
        let was_open = self.all(kind).iter().any(|one| one["id"] == id && one["active"] == true);
        let terse = self.terse || self.dialect == Dialect::Zitadel;
        let Some(resource) = self.all(kind).iter_mut().find(|resource| resource["id"] == id) else {
            return error(404, "", "no such resource");
        };
        for operation in body["Operations"].as_array().unwrap() {
            if !patch(resource, operation) {
                return error(400, "noTarget", "no such value");
            }
        }
        let name = resource["userName"].as_str().map(str::to_owned);
        let rewritten = name.map(|name| self.rewritten(&name));
        let Some(resource) = self.all(kind).iter_mut().find(|resource| resource["id"] == id) else {
            return error(404, "", "no such resource");
        };
        if let Some(name) = rewritten {
            resource["userName"] = json!(name);
        }
        let resource = resource.clone();
        let closes = was_open && resource["active"] == false;
        self.behind = if closes && self.dialect == Dialect::Slack { 2 } else { 0 };
        (if terse { 204 } else { 200 }, resource)
    }

    fn search(&mut self, kind: &str, query: &str) -> Answer {
        assert!(!query.contains('+'), "a plus for a space: {query}");
        let query: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let all = self.all(kind).clone();
        let Some(filter) = query.get("filter") else { return self.page(&all, &query) };
        if let Some((group, member)) =
            filter.strip_prefix("id eq ").and_then(|rest| rest.split_once(" and members eq "))
        {
            let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
            let is = |one: &&Value| one["id"] == value(group) && has_member(one, &value(member));
            let found: Vec<Value> = all.iter().filter(is).map(|one| self.shown(one)).collect();
            return (200, json!({ "totalResults": found.len(), "Resources": found }));
        }
        let (attribute, value) = filter.split_once(" eq ").unwrap();
        let mut value: Value = serde_json::from_str(value).unwrap();
        if attribute == "userName" {
            value = json!(self.rewritten(value.as_str().unwrap()));
        }
        let has = |resource: &Value| match attribute.split_once('.') {
            Some((list, inner)) => {
                resource[list].as_array().is_some_and(|all| all.iter().any(|one| one[inner] == value))
            }
            None => resource[attribute] == value,
        };
        let deaf = self.deaf;
        let found = all.iter().filter(|resource| deaf || has(resource));
        let found: Vec<Value> = found.map(|resource| self.shown(resource)).collect();
        (200, json!({ "totalResults": found.len(), "Resources": found }))
    }

    fn two(&mut self, all: &[Value], skip: usize) -> Vec<Value> {
        all.iter().skip(skip).take(2).map(|one| self.shown(one)).collect()
    }

    /// Pages of two, whatever was asked for.
    fn page(&mut self, all: &[Value], query: &HashMap<String, String>) -> Answer {
        if let Some(cursor) = query.get("cursor") {
            let at = if cursor.is_empty() {
                Some(0)
            } else {
                cursor.strip_prefix("c-").and_then(|at| at.parse().ok())
            };
            let Some(at) = at else { return error(400, "invalidCursor", "what is that") };
            let mut page = json!({ "Resources": self.two(all, at) });
            if at + 2 < all.len() {
                page["nextCursor"] = json!(format!("c-{}", at + 2));
            }
            return (200, page);
        }
        if self.cursors {
            return error(400, "invalidValue", "pages have cursors");
        }
        let start: usize = query["startIndex"].parse().unwrap();
        (
            200,
            json!({ "totalResults": all.len(), "startIndex": start, "Resources": self.two(all, start - 1) }),
        )
    }

    fn shown(&mut self, resource: &Value) -> Value {
        let mut shown = resource.clone();
        if shown["active"] == false && self.behind > 0 {
            self.behind -= 1;
            shown["active"] = json!(true);
        }
        if self.dialect == Dialect::Aws {
            shown.as_object_mut().unwrap().remove("members");
        }
        let is_member = |group: &&Value| has_member(group, &resource["id"]);
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

fn decoded(segment: &str) -> String {
    segment.replace("%2F", "/").replace("%20", " ")
}

fn has_member(group: &Value, id: &Value) -> bool {
    let members = group["members"].as_array();
    members.is_some_and(|members| members.iter().any(|member| member["value"] == *id))
}

fn patch(resource: &mut Value, operation: &Value) -> bool {
    let Some(path) = operation["path"].as_str() else {
        for (name, value) in operation["value"].as_object().unwrap() {
            let whole = json!({ "op": operation["op"], "path": name, "value": value });
            match value {
                Value::Object(inner) => {
                    inner.iter().for_each(|(within, value)| resource[name][within] = value.clone());
                }
                _ => assert!(patch(resource, &whole)),
            }
        }
        return true;
    };
    let removed = match (
        operation["op"].as_str(),
        path.strip_suffix(']').and_then(|path| path.split_once("[value eq ")),
    ) {
        (_, Some((list, id))) => Some((list, serde_json::from_str(id).unwrap())),
        (Some("remove"), None) => Some((path, operation["value"][0]["value"].clone())),
        _ => None,
    };
    if let Some((list, id)) = removed {
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
