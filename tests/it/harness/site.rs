//! Everything around guestpass: its files in a folder, the provider, Notes, an app that echoes.

use super::counterpart::{Counterpart, reserve};
use super::database::Database;
use super::hand::Hand;
use super::operator::Operator;
use super::process::Process;
use super::valve::Valve;
use axum::Router;
use axum::extract::Request;
use guestpass::clock::Clock;
use guestpass::demo::browser::Browser;
use guestpass::demo::notes::{Notes, NotesSettings};
use guestpass::demo::provider::{Person, Provider, ProviderSettings};
use guestpass::seal::random_text;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::net::TcpSocket;

/// What guestpass needs to run, and who it speaks to. Everything is up.
pub(crate) struct Site {
    folder: TempDir,
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    /// Where guestpass listens once it is started.
    pub(crate) front: SocketAddr,
    _front: TcpSocket,
    /// Where it answers probes.
    pub(crate) operations: SocketAddr,
    _operations: TcpSocket,
    pub(crate) provider: Counterpart,
    /// Notes as people use it.
    pub(crate) pages: Counterpart,
    /// Notes as it is provisioned.
    pub(crate) scim: Counterpart,
    /// An app without accounts that answers with the headers of the request.
    pub(crate) echo: Counterpart,
    pub(crate) notes: Notes,
    pub(crate) access_url: String,
    pub(crate) notes_url: String,
    pub(crate) echo_url: String,
    pub(crate) provider_url: String,
    pub(crate) client_secret: String,
    pub(crate) scim_token: String,
}

/// A gateway beside the first.
pub(crate) struct Replica {
    pub(crate) process: Process,
    pub(crate) front: SocketAddr,
    socket: PathBuf,
    _reserved: [TcpSocket; 2],
}

impl Replica {
    /// Whoever has its socket.
    pub(crate) fn operator(&self) -> Operator {
        Operator::at(&self.socket)
    }
}

impl Site {
    pub(crate) async fn new(clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::new(folder.path(), "guestpass.db").await;
        let (reserved, front) = reserve();
        let (reserved_too, operations) = reserve();
        let (provider, pages) = (Counterpart::new(), Counterpart::new());
        let (scim, echo) = (Counterpart::new(), Counterpart::new());
        let url = |name: &str, at: SocketAddr| format!("http://{name}.localhost:{}", at.port());
        let access_url = url("access", front);
        let scim_url = format!("http://{}/scim/v2", scim.address);
        let scim_token = random_text();
        let notes = Notes::open(
            NotesSettings {
                database: folder.path().join("notes.db"),
                scim_url,
                scim_token: scim_token.clone(),
                gateway: access_url.clone(),
                jwks: format!("{access_url}/.well-known/jwks.json").parse().unwrap(),
            },
            clock.clone(),
        )
        .await
        .unwrap();
        pages.becomes(notes.router());
        scim.becomes(notes.router());
        echo.becomes(Router::new().fallback(tell));
        let site = Self {
            notes_url: url("notes", front),
            echo_url: url("echo", front),
            provider_url: url("login", provider.address),
            client_secret: random_text(),
            folder,
            database,
            clock,
            front,
            _front: reserved,
            operations,
            _operations: reserved_too,
            provider,
            pages,
            scim,
            echo,
            notes,
            access_url,
            scim_token,
        };
        site.people(Person::cast());
        for counterpart in [&site.provider, &site.pages, &site.scim, &site.echo] {
            counterpart.up();
        }
        site.write("key", &random_text());
        site.write("client-secret", &site.client_secret);
        site.write("scim-token", &site.scim_token);
        site.write("guestpass.yaml", &site.configuration());
        site.write("policies/notes.yaml", POLICY);
        site
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder().join("guestpass.yaml")
    }

    /// A second gateway on the same store, for the same people.
    pub(crate) async fn replica(&self) -> Replica {
        let (front, reserved) = self.configure_replica();
        let process = Process::serve_also(self, "replica").await;
        let socket = self.folder().join("replica.sock");
        Replica { process, front, socket, _reserved: reserved }
    }

    /// Writes `replica.yaml`, the configuration of a gateway beside the first; where it is to listen.
    pub(super) fn configure_replica(&self) -> (SocketAddr, [TcpSocket; 2]) {
        let (reserved, front) = reserve();
        let (reserved_too, operations) = reserve();
        let text = std::fs::read_to_string(self.config()).unwrap();
        let text = text
            .replace(&format!("listen: {}", self.front), &format!("listen: {front}"))
            .replace(&format!("operations: {}", self.operations), &format!("operations: {operations}"));
        self.write("replica.yaml", &format!("{text}admin: replica.sock\n"));
        (front, [reserved, reserved_too])
    }

    /// Puts something between guestpass and its database.
    pub(crate) fn behind_a_valve(&self) -> Valve {
        let url: url::Url = self.database.setting().trim_matches('"').parse().unwrap();
        let server = SocketAddr::from(([127, 0, 0, 1], url.port().unwrap()));
        let valve = Valve::before(server);
        self.change("guestpass.yaml", &server.to_string(), &valve.address.to_string());
        valve
    }

    /// Whoever has the operators' socket.
    pub(crate) fn operator(&self) -> Operator {
        Operator::at(&self.folder().join("guestpass.sock"))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes a file anew, with `from` in place of `to`.
    pub(crate) fn change(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.folder().join(name)).unwrap();
        assert!(text.contains(from), "{name} does not say {from:?}");
        self.write(name, &text.replace(from, to));
    }

    /// The provider knows these people from now on. It starts anew, with another key.
    pub(crate) fn people(&self, people: Vec<Person>) {
        self.provide(people, &self.client_secret);
    }

    /// The provider has given us another secret.
    pub(crate) fn provider_expects(&self, client_secret: &str) {
        self.provide(Person::cast(), client_secret);
    }

    fn provide(&self, people: Vec<Person>, client_secret: &str) {
        let Self { access_url, provider_url, .. } = self;
        let settings = ProviderSettings {
            issuer: provider_url.clone(),
            client_id: "guestpass".to_owned(),
            client_secret: client_secret.to_owned(),
            redirect_uris: vec![
                format!("{access_url}/callback"),
                "https://access.localhost/callback".to_owned(),
            ],
            post_logout_redirect_uris: vec![format!("{access_url}/signed-out")],
            people,
        };
        self.provider.becomes(Provider::new(settings, self.clock.clone()).unwrap().router());
    }

    /// The provider knows so many people like Carla, `c-0` and so on, and nobody else.
    pub(crate) fn crowd(&self, count: usize) {
        self.people(crowd(count));
    }

    /// The same, with other groups for one of them.
    pub(crate) fn crowd_but(&self, count: usize, other: usize, groups: &[&str]) {
        let mut people = crowd(count);
        people[other].groups = groups.iter().map(|&group| group.to_owned()).collect();
        self.people(people);
    }

    /// The cast, with other groups for one of them.
    pub(crate) fn put_in_groups(&self, sub: &str, groups: &[&str]) {
        let mut people = Person::cast();
        let person = people.iter_mut().find(|person| person.sub == sub).unwrap();
        person.groups = groups.iter().map(|&group| group.to_owned()).collect();
        self.people(people);
    }

    /// Somebody at Notes does something by hand, as its administrators do: what SCIM answers.
    pub(crate) async fn by_hand(&self, method: http::Method, path: &str, body: Value) -> Value {
        let url = format!("http://{}/scim/v2{path}", self.scim.address);
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let request = client.request(method, url).bearer_auth(&self.scim_token);
        let reply = request.header("content-type", "application/scim+json").body(body.to_string());
        let reply = reply.send().await.unwrap();
        assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
        serde_json::from_str(&reply.text().await.unwrap()).unwrap_or_default()
    }

    /// The calls that Notes was asked to change something by, after it had seen so many, as a plan names them.
    pub(crate) async fn writes(&self, after: usize) -> Vec<String> {
        let seen = self.scim.seen().split_off(after);
        let groups = self.by_hand(http::Method::GET, "/Groups", json!({})).await;
        let named = |path: &str| {
            let id = path.strip_prefix("/Groups/")?;
            let group = groups["Resources"].as_array()?.iter().find(|group| group["id"] == id)?;
            Some(format!("/Groups ({})", group["displayName"].as_str()?))
        };
        let writes = seen.iter().filter(|(method, _)| *method != http::Method::GET);
        let said = writes.map(|(method, path)| {
            let path = path.strip_prefix("/scim/v2").unwrap();
            format!("{method} {}", named(path).unwrap_or_else(|| path.to_owned()))
        });
        said.collect()
    }

    /// The calls that are planned for one account, in the same form.
    pub(crate) fn calls(account: &Value) -> Vec<String> {
        let said =
            |call: &Value| format!("{} {}", call["method"].as_str().unwrap(), call["path"].as_str().unwrap());
        account["calls"].as_array().into_iter().flatten().map(said).collect()
    }

    /// Somebody signs in to Notes, in a browser of their own.
    pub(crate) async fn signs_in(&self, person: &str) {
        let browser = Browser::new(self.clock.clone()).unwrap();
        let asked = browser.get(&self.notes_url).await.unwrap();
        browser.post_form(asked.url.as_str(), &[("person", person)]).await.unwrap();
    }

    /// What a machine that watches over us is told at `path`.
    pub(crate) async fn watched(&self, path: &str) -> (u16, String) {
        let reply = Hand::new().get(&format!("http://{}{path}", self.operations)).await;
        (reply.status, reply.text)
    }

    /// The number under this name, labels included, among what is counted.
    pub(crate) async fn counted(&self, name: &str) -> Option<f64> {
        let (_, text) = self.watched("/metrics").await;
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    fn configuration(&self) -> String {
        let Self { front, operations, access_url, provider_url, pages, scim, echo, .. } = self;
        let store = self.database.setting();
        let (pages, scim, echo) = (pages.address, scim.address, echo.address);
        format!(
            r#"url: {access_url}
listen: {front}
operations: {operations}
store: {store}
key: "${{file:key}}"
workers: 2
lapse: 30d
session: {{ length: 400d }}
shutdown: {{ announce: 0s }}
access-log: access.log

providers:
  demo:
    issuer: {provider_url}
    client: {{ id: guestpass, secret: "${{file:client-secret}}" }}
    groups: {{ claim: groups }}

apps:
  notes:
    title: Notes
    host: notes.localhost
    upstream: http://{pages}
    accounts: {{ scim: "http://{scim}/scim/v2", token: "${{file:scim-token}}" }}
  echo:
    host: echo.localhost
    upstream: http://{echo}
    routes: {{ /public: public, /staff: {{ roles: [writer] }} }}
    headers: {{ X-User: subject, X-Roles: roles, X-Mail: email }}

policies: policies/
"#
        )
    }
}

/// So many people like Carla.
fn crowd(count: usize) -> Vec<Person> {
    let guest = Person::cast().into_iter().find(|person| person.sub == super::CARLA).unwrap();
    let named = |number: usize| Person {
        sub: format!("c-{number}"),
        email: format!("c-{number}@example.com"),
        ..guest.clone()
    };
    (0..count).map(named).collect()
}

const POLICY: &str = "version: 1
roles:
  writer:
    who: { provider: demo, groups: { any: [staff] } }
    gets: { notes: { groups: [writers] }, echo: {} }
  guest:
    who: { provider: demo, groups: { any: [guests] } }
    gets: { notes: { groups: [readers] }, echo: {} }
    for: { ttl: 30d }
";

/// The request's path and headers, as JSON; headers in the order in which they came.
async fn tell(request: Request) -> axum::Json<Value> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: Vec<(String, String)> =
        request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    axum::Json(json!({ "path": request.uri().to_string(), "headers": headers }))
}
