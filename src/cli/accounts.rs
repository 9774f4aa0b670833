//! `guestpass accounts`

use super::client::{list, order};
use super::table::{table, text, when};
use super::{Done, Form, Why};
use crate::clock::Clock;
use crate::names::AccountId;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Lists the accounts that guestpass keeps in apps.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Accounts {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    form: Form,
    /// Only those of one app
    #[arg(long)]
    app: Option<String>,
    /// Only those that an operator must look at
    #[arg(long)]
    stuck: bool,
}

#[derive(Subcommand)]
enum Order {
    /// Bring an account to what it should be now, whatever it waits for
    Retry {
        /// Its id, as `guestpass accounts` shows it
        account: AccountId,
        #[command(flatten)]
        why: Why,
    },
}

impl Accounts {
    pub(super) fn run(self) -> Done {
        match &self.order {
            Some(Order::Retry { account, why }) => {
                let done = format!("Account {account} is tried again now.");
                order(why, &format!("/accounts/{account}/retry"), json!({}), &done)
            }
            None => list(&self.form, "/accounts", |row| self.wants(row), rows),
        }
    }

    fn wants(&self, row: &Value) -> bool {
        let of_app = self.app.as_ref().is_none_or(|app| row["target"] == json!(app));
        of_app && (!self.stuck || row["state"] == "stuck")
    }
}

fn rows(rows: &[Value]) -> String {
    let now = Clock::system().now();
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let why = match row["failure"].as_str() {
                Some(failure) => format!("{failure}; failing since {}", when(row, "failing", now)),
                None => String::new(),
            };
            let next = if row["due"].is_null() { "-".to_owned() } else { when(row, "due", now) };
            [text(row, "person"), text(row, "target"), text(row, "state"), text(row, "id"), next, why]
        })
        .collect();
    table(["PERSON", "APP", "STATE", "ACCOUNT", "NEXT TRY", "WHY"], &cells, "No accounts yet.")
}
