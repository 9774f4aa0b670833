//! `guestpass audit`

use super::client::Client;
use super::table::{table, text};
use super::{Done, Form, wait_for};
use clap::Args;
use serde_json::Value;
use std::process::ExitCode;

/// Lists what happened, oldest first: what, who did it, to whom, why.
#[derive(Args)]
pub(super) struct Audit {
    #[command(flatten)]
    form: Form,
    /// Only what came after the event with this number
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    after: i64,
}

impl Audit {
    pub(super) fn run(self) -> Done {
        let rows = wait_for(self.fetch())?;
        if self.form.json {
            rows.iter().for_each(|row| println!("{row}"));
        } else {
            print!("{}", written(&rows));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// All of it, page by page.
    async fn fetch(&self) -> anyhow::Result<Vec<Value>> {
        let client = Client::new(&self.form.at.config)?;
        let (mut rows, mut after) = (Vec::new(), self.after);
        loop {
            let page: Vec<Value> = client.get(&format!("/audit?after={after}")).await?;
            match page.last().and_then(|row| row["seq"].as_i64()) {
                Some(last) => after = last,
                None => return Ok(rows),
            }
            rows.extend(page);
        }
    }
}

fn written(rows: &[Value]) -> String {
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let (what, sealed) = (&row["leaf"]["what"], &row["sealed"]);
            let actor = match &sealed["actor"] {
                Value::String(actor) => actor.clone(),
                Value::Object(named) => named.values().filter_map(Value::as_str).collect(),
                _ => text(&row["leaf"], "actor"),
            };
            let seq = row["seq"].to_string();
            let at = text(row, "at");
            let at = at.split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " ");
            [seq, at, text(what, "event"), actor, about(what), text(sealed, "cause")]
        })
        .collect();
    table(["NO", "WHEN (UTC)", "EVENT", "BY", "WHAT", "CAUSE"], &cells, "Nothing has happened yet.")
}

/// What an event is about, in the order in which it names it.
fn about(what: &Value) -> String {
    let telling = ["app", "role", "target", "step", "state", "reason", "reference", "provider", "until"];
    let facts = telling.iter().filter_map(|name| what[*name].as_str().map(|value| format!("{name}={value}")));
    facts.collect::<Vec<_>>().join(" ")
}
