//! `guestpass policy explain`

use super::explanation::render;
use super::told;
use crate::cli::client::Client;
use crate::cli::{Done, Reach, wait_for};
use crate::clock::Clock;
use crate::config::Policies;
use crate::document::{Document, Mistake};
use crate::identity::ClaimSet;
use crate::names::{AppName, ProviderName};
use clap::{ArgGroup, Args};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use url::form_urlencoded::byte_serialize;

/// Tells what a policy makes of somebody, and why: every role and every denial, condition by condition, with what the
/// claims say and where it is written; what each granted role gives, when it ends, and what else could have ended it.
#[derive(Args)]
#[command(group(ArgGroup::new("whose").required(true).args(["claims", "user"])))]
pub(super) struct Explain {
    /// Claims, as JSON or YAML: the claims alone, or { provider: NAME, claims: { .. } } as in an example
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// The provider whose claims these are, where the file does not say; needless where there is only one
    #[arg(long, value_name = "NAME", requires = "claims")]
    provider: Option<ProviderName>,
    /// Somebody whom the running gateway knows, as SUBJECT@PROVIDER or by id, by the claims they last came with
    #[arg(long, value_name = "PERSON")]
    user: Option<String>,
    /// Only what concerns this app
    #[arg(long)]
    app: Option<AppName>,
    /// At this moment, like 2026-03-02T09:00:00Z; now if none is named
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Show all rules that do not match, not only those that nearly do
    #[arg(long)]
    all: bool,
    /// Write JSON, one object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Claims, and who vouches for them.
#[derive(Deserialize)]
struct Known {
    provider: ProviderName,
    claims: Map<String, Value>,
}

impl Explain {
    pub(super) fn run(self) -> Done {
        let policies = match told(|mistakes| Policies::load(&self.reach.at.config, mistakes)) {
            Ok(policies) => policies,
            Err(code) => return Ok(code),
        };
        if let Some(app) = self.app.as_ref().filter(|app| !policies.known.apps.contains(*app)) {
            anyhow::bail!("there is no app {app}");
        }
        let known = match (&self.claims, &self.user) {
            (Some(path), _) => vec![self.read_file(path, &policies)?],
            (None, Some(person)) => self.ask_gateway(person)?,
            (None, None) => Vec::new(),
        };
        let now = self.at.unwrap_or_else(|| Clock::system().now());
        let started = Instant::now();
        for Known { provider, claims } in known {
            let groups = policies.groups.get(&provider).cloned().unwrap_or_default();
            let claims = ClaimSet::new(provider, claims, &groups);
            let explanation =
                policies.policy.explain(&claims, now, self.app.as_ref(), &mut || started.elapsed());
            if self.json {
                println!("{}", serde_json::to_string(&explanation)?);
            } else {
                print!("{}", render(&explanation, self.app.as_ref(), self.all));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn read_file(&self, path: &Path, policies: &Policies) -> anyhow::Result<Known> {
        let file = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| anyhow::anyhow!("cannot read {file}: {error}"))?;
        let value =
            Document::parse(&file, &text).map_err(|mistake| anyhow::anyhow!("{mistake}"))?.value().clone();
        let Value::Object(claims) = value else {
            anyhow::bail!("{}", Mistake::of_file(&file, "claims are a mapping"));
        };
        if let (Some(provider), Some(claims @ Value::Object(_))) =
            (claims.get("provider"), claims.get("claims"))
        {
            let (provider, claims) = (provider.clone(), claims.clone());
            return Ok(serde_json::from_value(
                serde_json::json!({ "provider": provider, "claims": claims }),
            )?);
        }
        let provider = match (&self.provider, policies.known.providers.iter().collect::<Vec<_>>().as_slice())
        {
            (Some(named), _) => named.clone(),
            (None, [only]) => (*only).clone(),
            (None, _) => {
                anyhow::bail!("{file} does not say whose claims these are; name the provider by --provider")
            }
        };
        Ok(Known { provider, claims })
    }

    /// All identities of the person, with the claims that were last verified.
    fn ask_gateway(&self, person: &str) -> anyhow::Result<Vec<Known>> {
        // In a path a plus is a plus, so a space must not become one.
        let person = byte_serialize(person.as_bytes()).collect::<String>().replace('+', "%20");
        let path = format!("/people/{person}/claims");
        wait_for(async { Client::new(&self.reach)?.get(&path).await })
    }
}
