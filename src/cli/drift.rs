//! `guestpass drift`

use super::client::Client;
use super::{Done, Form, wait_for};
use crate::config::count;
use crate::names::TargetName;
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Looks at every account in its app, and tells what is not as it should be. Exit code 0 where all is, 1 where something
/// is not, 2 where nobody can say.
#[derive(Args)]
pub(super) struct Drift {
    #[command(flatten)]
    form: Form,
    /// Only those of one target
    #[arg(long)]
    app: Option<TargetName>,
    /// Mend it now; the sweep does so within the hour in any case
    #[arg(long)]
    mend: bool,
}

impl Drift {
    pub(super) fn run(self) -> Done {
        let path = self.app.as_ref().map_or("/drift".to_owned(), |app| format!("/drift?app={app}"));
        let asked: anyhow::Result<Vec<Value>> =
            wait_for(async { Client::new(&self.form.at.config)?.get(&path).await });
        let found = match asked {
            Ok(found) => found,
            Err(error) => {
                eprintln!("error: {error:#}");
                return Ok(2.into());
            }
        };
        for one in &found {
            if self.form.json { println!("{one}") } else { print!("{}", told(one)) }
        }
        let mend: Vec<_> = found.iter().filter(|one| calls(one).next().is_some()).collect();
        if !self.form.json {
            let said = match (found.len(), mend.len()) {
                (0, _) => "Every account is as it should be.".to_owned(),
                (all, mend) => {
                    format!("{} not as it should be; {mend} can be mended.", count(all, "account"))
                }
            };
            println!("{said}");
        }
        if self.mend {
            wait_for(async {
                let client = Client::new(&self.form.at.config)?;
                for one in &mend {
                    let id = one["id"].as_str().unwrap_or_default();
                    client.post(&format!("/accounts/{id}/retry"), json!({ "why": "drift" })).await?;
                }
                Ok(())
            })?;
        }
        Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn told(one: &Value) -> String {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let mut told = format!("{} in {}\n", text(one, "person"), text(one, "target"));
    if let Some(failure) = one["failure"].as_str() {
        told += &format!("  ? {failure}\n");
    }
    for found in one["found"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        told += &format!("  ! {found}\n");
    }
    for call in calls(one) {
        told += &format!("  → {} {}: {}\n", text(call, "method"), text(call, "path"), text(call, "what"));
    }
    told
}

fn calls(one: &Value) -> impl Iterator<Item = &Value> {
    one["calls"].as_array().into_iter().flatten()
}
