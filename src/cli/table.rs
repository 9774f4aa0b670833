//! Rows for a person to read.

use crate::account::Because;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Rows under their headings, each column as wide as it must be. `nothing` is said where there are none.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]], nothing: &str) -> String {
    if rows.is_empty() {
        return format!("{nothing}\n");
    }
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or(0)
    };
    let line = |cells: [&str; N]| {
        let mut line = String::new();
        for (column, cell) in cells.iter().enumerate() {
            line += &format!("{cell:<width$}  ", width = width(column));
        }
        format!("{}\n", line.trim_end())
    };
    let mut text = line(headings);
    for row in rows {
        text += &line(row.each_ref().map(String::as_str));
    }
    text
}

/// A text of a row; empty where there is none.
pub(super) fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

/// A moment of a row, as `in 6 days, 10 Mar 00:00` or `2 days ago, 2 Mar 08:00`, in UTC.
pub(super) fn when(row: &Value, name: &str, now: Timestamp) -> String {
    let Some(at) = row[name].as_str().and_then(|text| text.parse::<Timestamp>().ok()) else {
        return "-".to_owned();
    };
    let far = at.duration_since(now);
    let day = at.strftime("%-d %b %H:%M");
    if far > SignedDuration::ZERO {
        format!("in {}, {day}", about(far))
    } else {
        format!("{} ago, {day}", about(-far))
    }
}

fn about(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    let (number, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// Why something ends, in a word or two.
pub(super) fn because(row: &Value) -> String {
    serde_json::from_value::<Because>(row["because"].clone())
        .map(|because| because.short())
        .unwrap_or_default()
}
