//! `guestpass tokens`

use super::client::{Client, order};
use super::list::list;
use super::table::{Columns, text, when};
use super::{Done, Form, Why, wait_for};
use crate::audit::OperatorRole;
use crate::names::TokenName;
use crate::span::Span;
use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Lists the tokens for the admin API that were ever made; not the tokens themselves, of which only hashes are kept.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Tokens {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    form: Form,
}

#[derive(Subcommand)]
enum Order {
    /// Make a token; it is written to standard output, and nobody can show it again
    #[command(group(ArgGroup::new("end").required(true).args(["until", "for"])))]
    New {
        /// What the record calls its holder; names are given once
        name: TokenName,
        /// What its holder may do: auditor, helpdesk, admin
        #[arg(long)]
        role: OperatorRole,
        /// When it ends, like 2026-03-20T18:00:00Z
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
        /// How long it lasts, like 90d: at the most 366d
        #[arg(long = "for", id = "for", value_name = "SPAN")]
        lasts: Option<Span>,
        #[command(flatten)]
        why: Why,
    },
    /// End a token now
    Revoke {
        /// Its name
        name: TokenName,
        #[command(flatten)]
        why: Why,
    },
}

impl Tokens {
    pub(super) fn run(self) -> Done {
        match &self.order {
            Some(Order::New { name, role, until, lasts, why }) => {
                let by = lasts.map(Span::length);
                let words = json!({ "name": name, "role": role, "until": until, "by": by, "why": why.why });
                let made = wait_for(async { Client::new(&why.reach)?.post("/tokens", words).await })?;
                println!("{}", text(&made, "token"));
                eprintln!("Keep it: nobody can show it again. It ends at {}.", text(&made, "until"));
                Ok(ExitCode::SUCCESS)
            }
            Some(Order::Revoke { name, why }) => {
                order(why, &format!("/tokens/{name}/revoke"), json!({}), &format!("Token {name} has ended."))
            }
            None => list(&self.form, "/tokens", COLUMNS),
        }
    }
}

const COLUMNS: Columns<4> =
    Columns { headings: ["TOKEN", "ROLE", "MADE", "ENDS"], cells, nothing: "No token was made yet." };

fn cells(row: &Value, now: Timestamp) -> [String; 4] {
    let ends = if row["revoked"].is_null() {
        when(row, "until", now)
    } else {
        format!("revoked {}", when(row, "revoked", now))
    };
    [text(row, "name"), text(row, "role"), when(row, "created", now), ends]
}
