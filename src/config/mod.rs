//! The configuration: a file becomes settings that are right, or every mistake in it.
//!
//! Each room says what it wants to be told; here it is gathered, references to secrets are filled in, and what only
//! the whole can tell (a host taken twice, a policy for an app that is not there) is checked, before anything starts.

mod access_tokens;
mod admin_api;
mod check;
mod files;
mod listen;
mod loaded;
mod operators;
mod policies;
mod targets;
mod tell;
mod traces;

pub use admin_api::AdminApi;
pub use files::Files;
pub use loaded::{Loaded, count, failures, report};
pub use policies::{Policies, policy_files};

use crate::audit::OperatorRole;
use crate::document::{Document, Either, Mistake, Mistakes};
use crate::gateway;
use crate::gateway::listen::settings::{Connections, Entry, Listen, Shutdown, TlsFiles};
use crate::gateway::listen::{Tls, TrustedProxy};
use crate::issuer;
use crate::lifecycle;
use crate::names::{AppName, ProviderName, TargetName};
use crate::policy::{CaseOutcome, Policy};
use crate::provision::connectors;
use crate::seal::Sealer;
use crate::span::Span;
use crate::store::Place;
use crate::trace;
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, schema_for};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tell::Tell;
use url::Url;

/// The file as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    /// Our own pages, as people reach them; the one redirect URI is `/callback` below it.
    url: Url,
    /// Where we listen.
    #[serde(default)]
    listen: Listen,
    /// The certificates that listeners show.
    tls: Option<TlsFiles>,
    /// Whose word on who a client is counts.
    #[serde(default)]
    trusted_proxies: Vec<TrustedProxy>,
    /// How many clients at a time.
    #[serde(default)]
    connections: Connections,
    /// How long a stop may take.
    #[serde(default)]
    shutdown: Shutdown,
    /// `sqlite:` and the path of a file, or the URL of a PostgreSQL database.
    #[schemars(with = "String")]
    store: SecretString,
    /// The password of that database, as it is.
    #[schemars(with = "Option<String>")]
    store_password: Option<SecretString>,
    /// Where probes and metrics are served; nowhere unless said.
    operations: Option<SocketAddr>,
    /// Where traces go; nowhere unless said.
    traces: Option<trace::Settings>,
    /// Seals what is kept at rest: 32 bytes in base64url.
    #[schemars(with = "String")]
    key: SecretString,
    /// Keys that sealed before, until nothing is sealed under them any more.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    earlier_keys: Vec<SecretString>,
    /// The operators' socket; beside the store unless said.
    admin: Option<PathBuf>,
    /// The API for operators who are elsewhere; nowhere unless said.
    admin_api: Option<admin_api::Settings>,
    /// How many threads carry requests; one for each core unless said.
    workers: Option<usize>,
    /// After how long without a sign-in access without a `ttl` ends.
    #[serde(default = "default_lapse")]
    lapse: Span,
    /// How long sign-ins last, and what is believed of them.
    #[serde(default)]
    session: SessionSettings,
    /// How many people another policy may take access from unasked.
    #[serde(default)]
    policy_guard: lifecycle::Guard,
    /// For how long events and people who are gone are remembered; for ever unless said.
    #[serde(default)]
    retention: lifecycle::Retention,
    /// Those who vouch for people, by name.
    providers: BTreeMap<ProviderName, issuer::Settings>,
    /// What is protected, by name.
    #[schemars(with = "BTreeMap<AppName, gateway::Settings<Either<TargetName, connectors::Written>>>")]
    apps: BTreeMap<AppName, AppSettings>,
    /// Targets that serve several apps, which name them in `accounts:`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<TargetName, connectors::Written>")]
    targets: BTreeMap<TargetName, Value>,
    /// The folder with the policy's files.
    policies: PathBuf,
    /// Where each request leaves a line: `stdout`, `off`, or the path of a file.
    #[serde(default = "default_access_log")]
    access_log: String,
}

/// Sign-ins.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct SessionSettings {
    /// How long one lasts.
    length: Span,
    /// For how long a replica that cannot hear the others believes what it knows.
    recheck: Span,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { length: Span::hours(12), recheck: Span::seconds(30) }
    }
}

/// One app: what the gateway wants to know, and where its accounts live; without accounts roles open it at once.
type AppSettings = gateway::Settings<Value>;

/// What a configuration may hold, as JSON Schema, for editors.
pub fn schema() -> Schema {
    schema_for!(Settings)
}

fn default_access_log() -> String {
    "stdout".to_owned()
}

fn default_lapse() -> Span {
    Span::hours(30 * 24)
}

/// How often the files are looked at for changes.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Where each request leaves a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLogAt {
    /// Nowhere.
    Nowhere,
    /// On standard output.
    Stdout,
    /// At the end of a file.
    File(PathBuf),
}

/// A configuration that is right.
pub struct Config {
    /// The file itself.
    pub path: PathBuf,
    /// All that was read for it.
    pub files: Files,
    /// How often they are looked at for changes while it runs.
    pub look_every: Duration,
    /// Our own pages, as people reach them.
    pub url: Url,
    /// Where we listen.
    pub listen: Vec<Entry>,
    /// How listeners speak TLS, where they do.
    pub tls: Option<Arc<Tls>>,
    /// Whose word on who a client is counts.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// How many clients at a time.
    pub connections: Connections,
    /// How long a stop may take.
    pub shutdown: Shutdown,
    /// Where probes and metrics are served.
    pub operations: Option<SocketAddr>,
    /// Where traces go.
    pub traces: Option<trace::Settings>,
    /// Where everything is remembered.
    pub store: Place,
    /// Seals what is kept at rest.
    pub sealer: Sealer,
    /// The operators' socket.
    pub admin: PathBuf,
    /// The API for operators who are elsewhere.
    pub admin_api: Option<AdminApi>,
    /// How many threads carry requests.
    pub workers: usize,
    /// For how long a replica that cannot hear the others believes what it knows.
    pub recheck: Duration,
    /// Where each request leaves a line.
    pub access_log: AccessLogAt,
    /// How long things last where policy does not say.
    pub lifecycle: lifecycle::Settings,
    /// Those who vouch for people.
    pub providers: BTreeMap<ProviderName, issuer::Settings>,
    /// What is protected.
    pub apps: BTreeMap<AppName, Arc<gateway::App>>,
    /// Where the apps are, for those who watch it.
    pub upstreams: gateway::upstream::Registry,
    /// Where accounts live.
    pub targets: BTreeMap<TargetName, connectors::Settings>,
    /// Which target has the accounts of which app.
    pub app_targets: BTreeMap<AppName, TargetName>,
    /// Who gets what.
    pub policy: Arc<Policy>,
}

impl Config {
    /// Reads the configuration at `path` and the policies that it names. Relative paths are taken from its folder.
    ///
    /// # Errors
    /// Every mistake of all files at once. Warnings are put into `mistakes`, too, and do not stop it.
    pub fn load(path: &Path, mistakes: &mut Mistakes) -> Option<Self> {
        Self::read(path, &gateway::upstream::Registry::default(), &mut Files::default(), mistakes)
    }

    /// The same, with what was looked at noted in `files`, whatever came of it.
    fn read(
        path: &Path,
        upstreams: &gateway::upstream::Registry,
        files: &mut Files,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let before = mistakes.errors();
        let mut document = read(path, files, mistakes)?;
        document.interpolate(|kind, name| resolve(folder(path), kind, name, files), mistakes);
        // What is wrong with the form of one setting keeps nobody from hearing what is wrong with another.
        let (settings, document) = document.salvage::<Settings>(mistakes)?;
        let config =
            check::check(settings, path, upstreams, files, &mut Tell { document: &document, mistakes });
        config.filter(|_| mistakes.errors() == before)
    }

    /// Runs the examples that the policies carry; `now` is the moment of those that name none.
    fn run_examples(&self, now: Timestamp) -> Vec<CaseOutcome> {
        let groups =
            |(name, provider): (&ProviderName, &issuer::Settings)| (name.clone(), provider.groups.clone());
        self.policy.run_cases(now, &self.providers.iter().map(groups).collect())
    }
}

/// The app that we are ourselves.
fn own_app() -> Option<AppName> {
    OperatorRole::APP.parse().ok()
}

/// Where a gateway is found, and what it keeps.
pub struct Whereabouts {
    /// The operators' socket.
    pub socket: PathBuf,
    /// Where everything is remembered.
    pub store: Place,
}

/// Where the gateway is that runs with the configuration at `path`. Nothing else of the file is looked at: an operator
/// must get through even while somebody is editing it.
///
/// # Errors
/// Where the file cannot be read, is not YAML, or does not name a store.
pub fn whereabouts(path: &Path) -> anyhow::Result<Whereabouts> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Where {
        store: SecretString,
        store_password: Option<SecretString>,
        admin: Option<PathBuf>,
    }
    let mut mistakes = Mistakes::default();
    let found = read(path, &mut Files::default(), &mut mistakes)
        .and_then(|document| document.read::<Where>(&mut mistakes));
    let found = found.ok_or_else(|| anyhow::anyhow!("{}", mistakes.to_string().trim_end()))?;
    let store = Place::new(&found.store, found.store_password.as_ref())?.below(folder(path));
    Ok(Whereabouts { socket: socket(&store, found.admin, folder(path)), store })
}

/// The operators' socket: where it is said, else beside a store that is a file, else in the configuration's folder.
fn socket(store: &Place, said: Option<PathBuf>, folder: &Path) -> PathBuf {
    match (said, store) {
        (Some(said), _) => folder.join(said),
        (None, Place::Sqlite(path)) => path.with_extension("sock"),
        (None, Place::Postgres(_)) => folder.join("guestpass.sock"),
    }
}

fn read(path: &Path, files: &mut Files, mistakes: &mut Mistakes) -> Option<Document> {
    let file = path.display().to_string();
    let text = match files.read(path) {
        Ok(text) => text,
        Err(error) => {
            let mistake = Mistake::of_file(&file, format!("cannot be read: {error}"));
            mistakes.push(mistake.hint("`guestpass init` writes one"));
            return None;
        }
    };
    Document::parse(&file, &text).map_err(|mistake| mistakes.push(*mistake)).ok()
}

/// The folder that relative paths of the file at `path` are taken from.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn resolve(folder: &Path, kind: &str, name: &str, files: &mut Files) -> Result<String, String> {
    match kind {
        "env" => std::env::var(name).map_err(|_| format!("environment variable {name} is not set")),
        "file" => {
            let path = folder.join(name);
            let text =
                files.read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
            // An editor's last line break is not part of a secret.
            let text = text.strip_suffix('\n').unwrap_or(&text);
            Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
        }
        other => Err(format!("there is no kind of reference called \"{other}\"; it is env or file")),
    }
}

/// Placeholders that people forget to replace.
fn is_placeholder(secret: &SecretString) -> bool {
    let text = secret.expose_secret().to_ascii_lowercase();
    text.is_empty()
        || ["changeme", "change-me", "secret", "password", "todo", "replace-me", "xxx"]
            .contains(&text.as_str())
        || text.chars().all(|letter| letter == 'x')
}
