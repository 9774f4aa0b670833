//! `guestpass keys`

use super::client::Client;
use super::list::list;
use super::table::{Columns, text, when};
use super::{Done, Form, Why, wait_for};
use crate::clock::Clock;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Lists the keys that sign what apps are told, and draws another.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Keys {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    form: Form,
}

#[derive(Subcommand)]
enum Order {
    /// Draw a key that signs in half an hour, when apps know it; the one before is published for as long again
    Rotate(Why),
}

impl Keys {
    pub(super) fn run(self) -> Done {
        let Some(Order::Rotate(why)) = &self.order else {
            return list(&self.form, "/keys", COLUMNS);
        };
        let words = json!({ "why": why.why });
        let answer = wait_for(async { Client::new(&why.reach)?.post("/keys/rotate", words).await })?;
        println!("Key {} signs {}.", text(&answer, "kid"), when(&answer, "from", Clock::system().now()));
        Ok(ExitCode::SUCCESS)
    }
}

const COLUMNS: Columns<3> =
    Columns { headings: ["KEY", "SIGNS FROM", "STATE"], cells, nothing: "There is no key." };

fn cells(row: &Value, now: Timestamp) -> [String; 3] {
    [text(row, "kid"), when(row, "from", now), text(row, "state")]
}
