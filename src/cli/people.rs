//! `guestpass people`

use super::client::order;
use super::list::list;
use super::table::{Columns, text, when};
use super::{Done, Form, Why};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

/// Lists everybody who was ever let in.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct People {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    form: Form,
}

#[derive(Subcommand)]
enum Order {
    /// Shut a person out at once: sessions end, accounts are disabled, later sign-ins are refused
    Revoke {
        /// The person, as SUBJECT@PROVIDER or by id
        person: String,
        #[command(flatten)]
        why: Why,
    },
    /// Let a person in again who was revoked; what ended meanwhile stays ended
    Restore {
        /// The person, as SUBJECT@PROVIDER or by id
        person: String,
        #[command(flatten)]
        why: Why,
    },
    /// Say that two people are one: who was here first stays, the identities of the other become theirs. Where both have
    /// an account in a target, the other's is disabled. There is no way back
    Link {
        /// One, as SUBJECT@PROVIDER or by id
        one: String,
        /// The other
        other: String,
        #[command(flatten)]
        why: Why,
    },
}

impl People {
    pub(super) fn run(self) -> Done {
        let path = |person: &str, verb| {
            // In a path a plus is a plus, so a space must not become one.
            let person = byte_serialize(person.as_bytes()).collect::<String>().replace('+', "%20");
            format!("/people/{person}/{verb}")
        };
        match &self.order {
            Some(Order::Revoke { person, why }) => {
                order(why, &path(person, "revoke"), json!({}), &format!("{person} is shut out."))
            }
            Some(Order::Restore { person, why }) => {
                order(why, &path(person, "restore"), json!({}), &format!("{person} may come in again."))
            }
            Some(Order::Link { one, other, why }) => {
                let done = format!("{one} and {other} are one person.");
                order(why, &path(one, "link"), json!({ "other": other }), &done)
            }
            None => list(&self.form, "/people", COLUMNS),
        }
    }
}

const COLUMNS: Columns<6> = Columns {
    headings: ["PERSON", "NAME", "E-MAIL", "LAST SIGN-IN", "STATE", "ID"],
    cells,
    nothing: "Nobody was let in yet.",
};

fn cells(row: &Value, now: Timestamp) -> [String; 6] {
    let state = if row["revoked"].is_null() {
        "-".to_owned()
    } else {
        format!("revoked {}", when(row, "revoked", now))
    };
    [
        format!("{}@{}", text(row, "sub"), text(row, "provider")),
        text(row, "display_name"),
        text(row, "email"),
        when(row, "confirmed", now),
        state,
        text(row, "user"),
    ]
}
