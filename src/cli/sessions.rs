//! `guestpass sessions`

use super::client::order;
use super::list::list;
use super::table::{Columns, text, when};
use super::{Done, Form, Why};
use crate::names::SignInId;
use clap::{Args, Subcommand};
use jiff::Timestamp;
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
            None => list(&self.form, "/sessions", COLUMNS),
        }
    }
}

const COLUMNS: Columns<5> = Columns {
    headings: ["PERSON", "SIGNED IN", "ENDS", "HOSTS", "SESSION"],
    cells,
    nothing: "Nobody is signed in.",
};

fn cells(row: &Value, now: Timestamp) -> [String; 5] {
    let hosts: Vec<&str> = row["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let ends = if row["revoked"].is_null() {
        when(row, "until", now)
    } else {
        format!("revoked {}", when(row, "revoked", now))
    };
    [text(row, "person"), when(row, "created", now), ends, hosts.join(", "), text(row, "id")]
}
