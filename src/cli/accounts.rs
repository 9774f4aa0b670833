//! `guestpass accounts`

use super::client::{Client, order};
use super::import::told;
use super::list::wanted;
use super::table::{Columns, text, when};
use super::{Done, Form, Why, wait_for};
use crate::names::{AccountId, TargetName};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::timeout;

/// Lists the accounts that guestpass keeps in apps. With --stuck or --held, exit code 1 says that there are some.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Accounts {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    form: Form,
    /// Only those of one app
    #[arg(long)]
    app: Option<TargetName>,
    /// Only those that an operator must look at
    #[arg(long)]
    stuck: bool,
    /// Only those that would lose something, once an operator confirms it
    #[arg(long)]
    held: bool,
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
    /// Say which account in its app is a person's, where guestpass cannot know
    Link {
        /// Its id, as `guestpass accounts` shows it
        account: AccountId,
        /// The app's own id of the account that is theirs
        #[arg(long, value_name = "ID", required_unless_present = "create", conflicts_with = "create")]
        adopt: Option<String>,
        /// None of those that are there: make a new one
        #[arg(long)]
        create: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Read all accounts of a target: whose they are, and which are nobody's; change nothing
    Import {
        /// The target, or the app with accounts of its own
        target: TargetName,
        #[command(flatten)]
        form: Form,
    },
}

/// After how long somebody who waits wants to know what for.
const PATIENCE: Duration = Duration::from_secs(2);

/// All accounts of a target, and whose they are.
async fn all_of(target: &TargetName, form: &Form) -> anyhow::Result<Value> {
    let (client, path) = (Client::new(&form.reach)?, format!("/targets/{target}/import"));
    let mut reading = pin!(client.get(&path));
    if let Ok(read) = timeout(PATIENCE, &mut reading).await {
        return read;
    }
    eprintln!("Reading all accounts of {target}, page by page: where there are many it takes minutes.");
    reading.await
}

impl Accounts {
    pub(super) fn run(self) -> Done {
        match &self.order {
            Some(Order::Retry { account, why }) => {
                let done = format!("Account {account} is tried again now.");
                order(why, &format!("/accounts/{account}/retry"), json!({}), &done)
            }
            Some(Order::Link { account, adopt, why, .. }) => {
                let done = match adopt {
                    Some(native_id) => format!("Account {account} is to be {native_id}."),
                    None => format!("Account {account} is to be a new one."),
                };
                order(why, &format!("/accounts/{account}/decide"), json!({ "adopt": adopt }), &done)
            }
            Some(Order::Import { target, form }) => {
                let imported = wait_for(all_of(target, form))?;
                if form.json {
                    println!("{imported}");
                } else {
                    print!("{}", told(target, &imported));
                }
                Ok(ExitCode::SUCCESS)
            }
            None => {
                let path =
                    self.app.as_ref().map_or("/accounts".to_owned(), |app| format!("/accounts?app={app}"));
                let stuck = |row: &Value| row["state"] == "stuck" || row["state"] == "undecided";
                let waits = |row: &Value| self.stuck && stuck(row) || self.held && row["held"] == true;
                let asks = self.stuck || self.held;
                let found = wanted(&self.form, &path, COLUMNS, |row| !asks || waits(row))?;
                Ok(if asks && found > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
            }
        }
    }
}

const COLUMNS: Columns<6> = Columns {
    headings: ["PERSON", "APP", "STATE", "ACCOUNT", "NEXT TRY", "WHY"],
    cells,
    nothing: "No accounts yet.",
};

fn cells(row: &Value, now: Timestamp) -> [String; 6] {
    let why = match row["failure"].as_str() {
        Some(failure) => format!("{failure}; failing since {}", when(row, "failing", now)),
        None if row["held"] == true => {
            format!("would lose something: `guestpass targets confirm {}` lets it", text(row, "target"))
        }
        None => String::new(),
    };
    [
        text(row, "person"),
        text(row, "target"),
        text(row, "state"),
        text(row, "id"),
        when(row, "due", now),
        why,
    ]
}
