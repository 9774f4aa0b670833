//! `guestpass targets`

use super::client::{list, order};
use super::table::{table, text, when};
use super::{Done, Form, Why};
use crate::clock::Clock;
use crate::names::TargetName;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Lists the targets, where accounts live, and how they are doing.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Targets {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    form: Form,
}

#[derive(Subcommand)]
enum Order {
    /// Let a target take what its guard keeps from being taken, however many lose by it
    Confirm {
        /// The target
        target: TargetName,
        #[command(flatten)]
        why: Why,
    },
}

impl Targets {
    pub(super) fn run(self) -> Done {
        match &self.order {
            Some(Order::Confirm { target, why }) => {
                let done = format!("What {target} was to take until now is taken.");
                order(why, &format!("/targets/{target}/confirm"), json!({}), &done)
            }
            None => list(&self.form, "/targets", |_| true, rows),
        }
    }
}

fn rows(rows: &[Value]) -> String {
    let now = Clock::system().now();
    let number = |row: &Value, name: &str| row[name].to_string();
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let state = if row["held"] == true {
                format!(
                    "held: {} would lose something; see `guestpass targets confirm`",
                    number(row, "narrowed")
                )
            } else if !row["paused_until"].is_null() {
                format!("left alone until {}", when(row, "paused_until", now))
            } else if row["failures"] != 0 {
                format!("failing, {} in a row", number(row, "failures"))
            } else {
                "well".to_owned()
            };
            [text(row, "target"), number(row, "accounts"), number(row, "due"), number(row, "stuck"), state]
        })
        .collect();
    table(["TARGET", "ACCOUNTS", "DUE", "STUCK", "STATE"], &cells, "No app has accounts.")
}
