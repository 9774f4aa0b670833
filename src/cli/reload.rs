//! `guestpass reload`

use super::client::Client;
use super::{Done, Form, wait_for};
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Has the running gateway load its files now. It does so by itself a few seconds after they change; this waits
/// for it, and tells what came of it.
#[derive(Args)]
pub(super) struct Reload {
    #[command(flatten)]
    form: Form,
    /// Let the policy of this version hold, although it takes access from many
    #[arg(long, value_name = "POLICY_VERSION")]
    confirm: Option<String>,
}

impl Reload {
    pub(super) fn run(self) -> Done {
        let client = Client::new(&self.form.reach)?;
        let words = json!({ "confirm": self.confirm });
        let answer = wait_for(async { client.post("/reload", words).await })?;
        let applied = answer["applied"] == true;
        if self.form.json {
            println!("{answer}");
        } else {
            eprint!("{}", answer["report"].as_str().unwrap_or_default());
            if applied {
                let config = client.goes_by(&self.form.reach);
                println!("{config} holds now: {}.", answer["holds"].as_str().unwrap_or_default());
            }
            for setting in answer["restart"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                println!("`{setting}` was changed, too; that takes a restart.");
            }
        }
        Ok(if applied { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
