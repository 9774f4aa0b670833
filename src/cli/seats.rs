//! `guestpass seats`

use super::list::list;
use super::table::{Columns, text};
use super::{Done, Form};
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

/// Tells who needs the seats that are taken, app by app: used lately, idle, never used, and what those cost that nobody
/// uses.
#[derive(Args)]
pub(super) struct Seats {
    #[command(flatten)]
    form: Form,
    /// What was not used for so many days is idle
    #[arg(long, default_value_t = 30, value_name = "DAYS")]
    unused: u32,
}

impl Seats {
    pub(super) fn run(self) -> Done {
        list(&self.form, &format!("/seats?unused_days={}", self.unused), COLUMNS)
    }
}

const COLUMNS: Columns<6> = Columns {
    headings: ["TARGET", "SEATS", "USED", "IDLE", "NEVER USED", "RECLAIMABLE"],
    cells,
    nothing: "No account is open.",
};

fn cells(row: &Value, _: Timestamp) -> [String; 6] {
    let number = |name: &str| row[name].to_string();
    let idle = row["idle"].as_u64().unwrap_or_default() + row["never"].as_u64().unwrap_or_default();
    let saved = match row["reclaimable"].as_str() {
        Some(price) => format!("{idle}: {price} at {} each", text(row, "seat")),
        None => idle.to_string(),
    };
    [text(row, "target"), number("open"), number("used"), number("idle"), number("never"), saved]
}
