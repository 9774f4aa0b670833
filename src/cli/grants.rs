//! `guestpass grants`

use super::client::order;
use super::list::list;
use super::table::{Columns, because, text, when};
use super::{Done, Form, Why};
use crate::names::GrantId;
use crate::span::Span;
use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Lists who holds, and held, which role in which app, until when and why.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Grants {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    form: Form,
}

#[derive(Subcommand)]
enum Order {
    /// End a grant now
    End {
        /// Its id, as `guestpass grants` shows it
        grant: GrantId,
        #[command(flatten)]
        why: Why,
    },
    /// Give a grant another end; one that has ended is open again
    #[command(group(ArgGroup::new("end").required(true).args(["until", "by"])))]
    Extend {
        /// Its id, as `guestpass grants` shows it
        grant: GrantId,
        /// The new end, like 2026-03-20T18:00:00Z
        #[arg(long, value_name = "TIME")]
        until: Option<Timestamp>,
        /// How long from now, like 7d or 12h
        #[arg(long, value_name = "SPAN")]
        by: Option<Span>,
        #[command(flatten)]
        why: Why,
    },
}

impl Grants {
    pub(super) fn run(self) -> Done {
        match &self.order {
            Some(Order::End { grant, why }) => {
                order(why, &format!("/grants/{grant}/end"), json!({}), &format!("Grant {grant} has ended."))
            }
            Some(Order::Extend { grant, until, by, why }) => {
                let words = json!({ "until": until, "by": by.map(Span::length) });
                order(
                    why,
                    &format!("/grants/{grant}/extend"),
                    words,
                    &format!("Grant {grant} has its new end."),
                )
            }
            None => list(&self.form, "/grants", COLUMNS),
        }
    }
}

const COLUMNS: Columns<7> = Columns {
    headings: ["PERSON", "APP", "ROLE", "STATE", "ENDS", "WHY", "GRANT"],
    cells,
    nothing: "Nobody holds a role yet.",
};

fn cells(row: &Value, now: Timestamp) -> [String; 7] {
    let over =
        row["ended"] == true || text(row, "until").parse::<Timestamp>().is_ok_and(|until| until <= now);
    let state = if over { "ended" } else { "active" };
    [
        text(row, "person"),
        text(row, "app"),
        text(row, "role"),
        state.to_owned(),
        when(row, "until", now),
        because(row),
        text(row, "id"),
    ]
}
