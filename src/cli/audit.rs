//! `guestpass audit`

use super::list::list;
use super::table::{Columns, text};
use super::{At, Done, Form, wait_for};
use crate::audit::Head;
use crate::config::{Config, count};
use crate::store::Reading;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;
use std::process::ExitCode;

/// Lists what happened, oldest first: what, who did it, to whom, why; and proves that it is all there.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Audit {
    #[command(subcommand)]
    order: Option<Order>,
    #[command(flatten)]
    form: Form,
    /// Only what came after the event with this number
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    after: i64,
}

#[derive(Subcommand)]
enum Order {
    /// Read the whole record, and tell the first event that is not what was written; else its head, to be noted elsewhere
    Verify {
        /// What was noted: that the record still begins with that is proved, too
        #[arg(long, value_name = "HEAD")]
        noted: Option<Head>,
        #[command(flatten)]
        at: At,
    },
}

impl Audit {
    pub(super) fn run(self) -> Done {
        if let Some(Order::Verify { noted, at }) = self.order {
            return verify(&at, noted);
        }
        list(&self.form, &format!("/audit?after={}", self.after), COLUMNS)
    }
}

/// Reads the store itself: whether a gateway runs makes no difference.
fn verify(at: &At, noted: Option<Head>) -> Done {
    let Some(Config { store, sealer, .. }) = at.load() else { return Ok(ExitCode::FAILURE) };
    let verified = wait_for(async { Ok(Reading::open(&store).await?.verify(&sealer, noted).await?) })?;
    let (head, forgotten) = (verified.head, verified.forgotten);
    let (events, pruned) = (count(usize::try_from(head.size - verified.pruned)?, "event"), verified.pruned);
    let before = if pruned > 0 { format!(" after {pruned} that were pruned") } else { String::new() };
    let of =
        if forgotten > 0 { format!(", {forgotten} of people who were forgotten") } else { String::new() };
    eprintln!("{events}{before}, each as it was written{of}. Head of the record:");
    println!("{head}");
    Ok(ExitCode::SUCCESS)
}

const COLUMNS: Columns<7> = Columns {
    headings: ["NO", "WHEN (UTC)", "EVENT", "PERSON", "WHAT", "BY", "CAUSE"],
    cells,
    nothing: "Nothing has happened yet.",
};

fn cells(row: &Value, _: Timestamp) -> [String; 7] {
    let what = &row["leaf"]["what"];
    let at = text(row, "at");
    let at = at.split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " ");
    let cause = text(&row["sealed"], "cause");
    [row["seq"].to_string(), at, text(what, "event"), person(row), about(what), actor(row), cause]
}

/// Whom it is about: also somebody who was never let in, as long as their key is there.
fn person(row: &Value) -> String {
    let sub = row["sealed"]["personal"]["subject"]["sub"].as_str();
    match (row["person"].as_str(), sub, row["leaf"]["what"]["provider"].as_str()) {
        (Some(person), ..) => person.to_owned(),
        (None, Some(sub), Some(provider)) => format!("{sub}@{provider}"),
        _ => "-".to_owned(),
    }
}

/// Who did it: by name, where it was an operator.
fn actor(row: &Value) -> String {
    let actor = &row["sealed"]["actor"];
    let named = actor["operator"].as_str().or_else(|| actor["token"].as_str());
    named.map_or_else(|| text(&row["leaf"], "actor"), str::to_owned)
}

/// What an event is about, in the order in which it is best read.
fn about(what: &Value) -> String {
    let telling =
        ["app", "target", "token", "signal", "call", "refused", "role", "reason", "reference", "until"];
    let facts = telling.iter().filter_map(|name| what[*name].as_str().map(str::to_owned));
    facts.chain(changes(what)).collect::<Vec<_>>().join(" ")
}

/// What changed about an account, in words: `created`, `joined readers`.
pub(super) fn changes(what: &Value) -> impl Iterator<Item = String> {
    what["changes"].as_array().into_iter().flatten().map(|change| {
        let group = change["group"].as_str().map(|group| format!(" {group}")).unwrap_or_default();
        format!("{}{group}", change["change"].as_str().unwrap_or_default())
    })
}
