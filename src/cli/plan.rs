//! `guestpass plan`

use super::calls::{account, calls, told};
use super::client::Client;
use super::comparison::render;
use super::{Done, Form, wait_for};
use crate::config::count;
use crate::lifecycle::compare::Comparison;
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Asks the running gateway what a reload of the files as they are now would do: who gains, loses or has something else,
/// and the calls that each target would get at once. Nothing is changed. Exit code 0 where nothing would change, 1 where
/// something would, 2 where nobody can say.
#[derive(Args)]
pub(super) struct Plan {
    #[command(flatten)]
    form: Form,
}

impl Plan {
    pub(super) fn run(self) -> Done {
        let asked = wait_for(async { Client::new(&self.form.reach)?.post("/plan", json!({})).await });
        let planned = match asked {
            Ok(planned) => planned,
            Err(error) => {
                eprintln!("error: {error:#}");
                return Ok(2.into());
            }
        };
        if self.form.json {
            println!("{planned}");
        } else {
            eprint!("{}", planned["report"].as_str().unwrap_or_default());
        }
        // What cannot be read would do nothing, and that is no answer.
        if planned["policy"] == "" {
            return Ok(2.into());
        }
        let (comparison, accounts): (Comparison, Vec<Value>) =
            (serde_json::from_value(planned.clone())?, serde_json::from_value(planned["accounts"].clone())?);
        if !self.form.json {
            print!("{}{}", render(&comparison), at_once(&accounts));
        }
        let nothing = comparison.differences.is_empty() && accounts.is_empty();
        Ok(if nothing { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The calls for each account, and how many there are; empty without any.
fn at_once(accounts: &[Value]) -> String {
    if accounts.is_empty() {
        return String::new();
    }
    let told = accounts.iter().map(|one| format!("\n{}{}", account(one), told(one)));
    let number = accounts.iter().flat_map(calls).count();
    let (calls, accounts) = (count(number, "call"), count(accounts.len(), "account"));
    format!("{}\n{calls} in {accounts} at once.\n", told.collect::<String>())
}
