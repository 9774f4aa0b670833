//! `guestpass sessions`

use super::client::{list, order};
use super::table::{table, text, when};
use super::{Done, Form, Why};
use crate::clock::Clock;
use crate::names::SignInId;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Lists who is signed in, and who was in the last day.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Sessions {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    form: Form,
}

#[derive(Subcommand)]
enum Order {
    /// End a session, on every host at once
    Revoke {
        /// Its id, as `guestpass sessions` shows it
        session: SignInId,
        #[command(flatten)]
        why: Why,
    },
}

impl Sessions {
    pub(super) fn run(self) -> Done {
        match &self.order {
            Some(Order::Revoke { session, why }) => order(
                why,
                &format!("/sessions/{session}/revoke"),
                json!({}),
                &format!("Session {session} has ended."),
            ),
            None => list(&self.form, "/sessions", |_| true, rows),
        }
    }
}

fn rows(rows: &[Value]) -> String {
    let now = Clock::system().now();
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let hosts = row["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let ends = if row["revoked"].is_null() {
                when(row, "until", now)
            } else {
                format!("revoked {}", when(row, "revoked", now))
            };
            let hosts: Vec<&str> = hosts.collect();
            [text(row, "person"), when(row, "created", now), ends, hosts.join(", "), text(row, "id")]
        })
        .collect();
    table(["PERSON", "SIGNED IN", "ENDS", "HOSTS", "SESSION"], &cells, "Nobody is signed in.")
}
