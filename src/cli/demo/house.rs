//! Everything that the demo starts, wired as an operator would: by files in a folder.

use super::listen::{loopback, serve};
use crate::app::App;
use crate::cli::audit::changes;
use crate::clock::Clock;
use crate::config::Config;
use crate::demo::notes::{Notes, NotesSettings};
use crate::demo::provider::{Person, Provider, ProviderSettings};
use crate::demo::stage::{self, Stage};
use crate::document::Mistakes;
use crate::names::AppName;
use crate::seal::random_text;
use crate::span::Span;
use crate::store::{AuditRow, Store};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const CLIENT: &str = "guestpass";

/// The demo, running.
pub(super) struct House {
    pub(super) clock: Clock,
    pub(super) app: App,
    pub(super) notes: Notes,
    pub(super) config: PathBuf,
    pub(super) notes_url: String,
    pub(super) access_url: String,
    pub(super) provider_url: String,
    stage_url: String,
    folder: PathBuf,
    /// Whether the folder goes when the demo ends.
    temporary: bool,
    ttl: Span,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl House {
    pub(super) async fn open(
        folder: Option<PathBuf>,
        only: Option<IpAddr>,
        ttl: Span,
    ) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let temporary = folder.is_none();
        let folder = folder
            .unwrap_or_else(|| std::env::temp_dir().join(format!("guestpass-demo-{}", std::process::id())));
        std::fs::create_dir_all(folder.join("policies"))
            .with_context(|| format!("cannot write to {}", folder.display()))?;

        let (port, front) = loopback(only)?;
        let (provider_port, at_provider) = loopback(only)?;
        let (notes_port, at_notes) = loopback(only)?;
        let (stage_port, at_stage) = loopback(only)?;
        let url = |name: &str, port: u16| format!("http://{name}.localhost:{port}");
        let (access_url, notes_url) = (url("access", port), url("notes", port));
        let (provider_url, stage_url) = (url("login", provider_port), url("stage", stage_port));

        let (client_secret, scim_token) = (random_text(), random_text());
        let upstream = url("notes-itself", notes_port);
        let config = folder.join("guestpass.yaml");
        write(&config, &configuration(&access_url, &provider_url, &upstream))?;
        write(&folder.join("policies/notes.yaml"), &policy(ttl))?;
        for (name, secret) in
            [("key", &random_text()), ("client-secret", &client_secret), ("scim-token", &scim_token)]
        {
            // A folder that was used before keeps its key: what is in its store was sealed under it.
            let path = folder.join(name);
            if name != "key" || !path.exists() {
                write(&path, secret)?;
            }
        }

        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        let provider = Provider::new(
            ProviderSettings {
                issuer: provider_url.clone(),
                client_id: CLIENT.to_owned(),
                client_secret,
                redirect_uris: vec![format!("{access_url}/callback")],
                post_logout_redirect_uris: vec![format!("{access_url}/signed-out")],
                people: Person::cast(),
            },
            clock.clone(),
        )?;
        serve(&mut tasks, at_provider, &provider.router(), &stop)?;
        let notes = Notes::open(
            NotesSettings {
                database: folder.join("notes.db"),
                scim_url: format!("{upstream}/scim/v2"),
                scim_token,
                gateway: access_url.clone(),
                jwks: format!("{access_url}/.well-known/jwks.json").parse()?,
            },
            clock.clone(),
        )
        .await?;
        serve(&mut tasks, at_notes, &notes.router(), &stop)?;

        let mut mistakes = Mistakes::default();
        let settings = Config::load(&config, &mut mistakes).ok_or_else(|| anyhow!("{mistakes}"))?;
        let app = App::start(settings, front.into_iter().map(Into::into).collect(), clock.clone()).await?;

        let front = Stage {
            links: vec![
                ("Notes".to_owned(), notes_url.clone()),
                ("Your access".to_owned(), access_url.clone()),
            ],
            people: Person::cast().into_iter().map(|person| person.name).collect(),
        };
        let (store, kept) = (app.store().clone(), notes.clone());
        let accounts = move || accounts(store.clone(), kept.clone());
        let store = app.store().clone();
        let stage = stage::router(front, clock.clone(), accounts, move || events(store.clone()));
        serve(&mut tasks, at_stage, &stage, &stop)?;

        Ok(Self {
            clock,
            app,
            notes,
            config,
            notes_url,
            access_url,
            provider_url,
            stage_url,
            folder,
            temporary,
            ttl,
            tasks,
            stop,
        })
    }

    /// What to do now.
    pub(super) fn welcome(&self) -> String {
        let Self { notes_url, access_url, stage_url, config, folder, ttl, .. } = self;
        format!(
            "guestpass is up, on this machine alone.\n\n  \
             Notes, the app     {notes_url}\n  \
             Your own access    {access_url}\n  \
             Watch it happen    {stage_url}\n\n\
             Open Notes and sign in as Carla, a contractor: her account is made before the first page is shown.\n\
             After {ttl} her access ends at the very second, and a moment later the account is disabled.\n\
             Ada is an employee, Otto an outsider who is not let in.\n\n\
             An operator looks, and extends, from another terminal:\n\n  \
             guestpass grants --config {config}\n  \
             guestpass grants extend GRANT --by 2m --config {config}\n  \
             guestpass audit --config {config}\n\n\
             Files are in {folder}. Ctrl-C ends it.\n",
            config = config.display(),
            folder = folder.display(),
        )
    }

    /// Ends everything, the gateway first, so that what is under way can still reach the app.
    pub(super) async fn close(mut self) {
        self.app.stop().await;
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.notes.close().await;
        if self.temporary {
            // It holds nothing but this demo's; a leftover in the temporary folder harms nobody.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn configuration(access: &str, provider: &str, upstream: &str) -> String {
    format!(
        r#"# What the demo runs with. Everything is on loopback.
url: {access}
store: sqlite:guestpass.db
key: "${{file:key}}"
access-log: access.log

providers:
  demo: {{ issuer: {provider}, client: {{ id: {CLIENT}, secret: "${{file:client-secret}}" }} }}

apps:
  notes:
    title: Notes
    host: notes.localhost
    upstream: {upstream}
    accounts: {{ scim: {upstream}/scim/v2, token: "${{file:scim-token}}" }}

policies: policies/
"#
    )
}

fn policy(ttl: Span) -> String {
    format!(
        r"# Who gets what in the demo.
version: 1

roles:
  writer:
    who: {{ provider: demo, groups: {{ any: [staff] }} }}
    gets: {{ notes: {{ groups: [writers] }} }}
  guest:
    who: {{ provider: demo, groups: {{ any: [guests] }} }}
    gets: {{ notes: {{ groups: [readers] }} }}
    for: {{ ttl: {ttl} }}

examples:
  - when: {{ provider: demo, claims: {{ sub: c-17, groups: [guests] }} }}
    expect: {{ roles: [guest], notes: {{ groups: [readers], because: ttl }} }}
  - when: {{ provider: demo, claims: {{ sub: x-9, groups: [] }} }}
    expect: {{ roles: [] }}
"
    )
}

/// The accounts that Notes has, with the end that guestpass knows of.
async fn accounts(store: Store, notes: Notes) -> Vec<Value> {
    let ends = ends(&store).await.unwrap_or_default();
    let shown = notes.accounts().await.unwrap_or_default().into_iter().map(|account| {
        let until = account.external_id.as_ref().and_then(|id| ends.get(id)).copied();
        let mut shown = serde_json::to_value(account).unwrap_or_default();
        if let Some(until) = until {
            shown["until"] = json!(until);
        }
        shown
    });
    shown.collect()
}

/// When access ends, by the external id of the account.
async fn ends(store: &Store) -> Result<HashMap<String, Timestamp>, crate::store::Error> {
    let grants = store.grant_rows(None, 1000).await?;
    let accounts = store.account_rows(None, None, 1000).await?;
    let end = |person: &str, app: &AppName| {
        grants
            .iter()
            .filter(|grant| grant.person == person && grant.app == *app)
            .map(|grant| grant.until)
            .max()
    };
    Ok(accounts
        .into_iter()
        .filter_map(|account| {
            let app: AppName = account.target.as_str().parse().ok()?;
            Some((account.external_id, end(&account.person, &app)?))
        })
        .collect())
}

async fn events(store: Store) -> Vec<Value> {
    let rows = store.audit(0, 1000).await.unwrap_or_default();
    rows.iter().map(event).collect()
}

fn event(row: &AuditRow) -> Value {
    let what = &row.leaf["what"];
    let changes: Vec<String> = changes(what).collect();
    let name = match what["event"].as_str() {
        Some("account_changed") if changes.is_empty() => "account is as it should be".to_owned(),
        Some("account_changed") => format!("account {}", changes.join(", ")),
        name => name.unwrap_or_default().replace('_', " "),
    };
    let sealed = row.sealed.as_ref().unwrap_or(&Value::Null);
    let who = sealed["personal"]["claims"]["name"].as_str().or(row.person.as_deref());
    let telling = ["app", "target", "role", "reason", "until"];
    let facts = who.into_iter().chain(telling.iter().filter_map(|name| what[*name].as_str()));
    let facts: Vec<&str> = facts.collect();
    json!({
        "at": row.at,
        "what": name,
        "detail": facts.join(" · "),
    })
}
