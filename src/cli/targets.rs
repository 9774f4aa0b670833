//! `guestpass targets`

use super::client::order;
use super::list::list;
use super::table::{Columns, text, when};
use super::{Done, Form, Why};
use crate::names::TargetName;
use clap::{Args, Subcommand};
use jiff::Timestamp;
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
            None => list(&self.form, "/targets", COLUMNS),
        }
    }
}

const COLUMNS: Columns<5> = Columns {
    headings: ["TARGET", "ACCOUNTS", "DUE", "STUCK", "STATE"],
    cells,
    nothing: "No app has accounts.",
};

fn cells(row: &Value, now: Timestamp) -> [String; 5] {
    let number = |name: &str| row[name].to_string();
    let state = if row["held"] == true {
        format!("held: {} would lose something; see `guestpass accounts --held`", number("narrowed"))
    } else if !row["paused_until"].is_null() {
        format!("left alone until {}", when(row, "paused_until", now))
    } else if row["failures"] != 0 {
        format!("failing, {} in a row", number("failures"))
    } else {
        "well".to_owned()
    };
    [text(row, "target"), number("accounts"), number("due"), number("stuck"), state]
}
