//! `guestpass drift`

use super::calls::{self, calls};
use super::client::Client;
use super::table::text;
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
        // A page is answered when all of it was looked at: a small one is soon told.
        let path = self
            .app
            .as_ref()
            .map_or("/drift?limit=100".to_owned(), |app| format!("/drift?limit=100&app={app}"));
        let (mut found, mut mend) = (0, Vec::new());
        let take = |page: Vec<Value>| {
            for one in &page {
                if self.form.json { println!("{one}") } else { print!("{}", told(one)) }
            }
            found += page.len();
            let mendable = page.iter().filter(|one| calls(one).next().is_some());
            mend.extend(mendable.map(|one| text(one, "id")));
        };
        let asked = wait_for(async { Client::new(&self.form.reach)?.pages(&path, take).await });
        if let Err(error) = asked {
            eprintln!("error: {error:#}");
            return Ok(2.into());
        }
        if !self.form.json {
            let said = match (found, mend.len()) {
                (0, _) => "Every account is as it should be.".to_owned(),
                (all, mend) => {
                    format!("{} not as it should be; {mend} can be mended.", count(all, "account"))
                }
            };
            println!("{said}");
        }
        if self.mend {
            wait_for(async {
                let client = Client::new(&self.form.reach)?;
                for id in &mend {
                    client.post(&format!("/accounts/{id}/retry"), json!({ "why": "drift" })).await?;
                }
                Ok(())
            })?;
        }
        Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn told(one: &Value) -> String {
    let mut told = calls::account(one);
    if let Some(failure) = one["failure"].as_str() {
        told += &format!("  ? {failure}\n");
    }
    for found in one["found"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        told += &format!("  ! {found}\n");
    }
    told + &calls::told(one)
}
