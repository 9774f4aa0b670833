//! Rows for a person to read.

use crate::account::Because;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What a list shows of each row.
pub(super) struct Columns<const N: usize> {
    pub(super) headings: [&'static str; N],
    /// The cells of a row, at this moment.
    pub(super) cells: fn(&Value, Timestamp) -> [String; N],
    /// What is said where there is no row.
    pub(super) nothing: &'static str,
}

/// Rows under their headings, a part at a time. Each column is as wide as it must be so far.
pub(super) struct Table<const N: usize> {
    columns: Columns<N>,
    now: Timestamp,
    widths: [usize; N],
    begun: bool,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(columns: Columns<N>, now: Timestamp) -> Self {
        let widths = columns.headings.map(str::len);
        Self { columns, now, widths, begun: false }
    }

    /// The next rows, below the headings where they are the first.
    pub(super) fn part(&mut self, rows: &[Value]) -> String {
        let rows: Vec<_> = rows.iter().map(|row| (self.columns.cells)(row, self.now)).collect();
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let headings = self.columns.headings.map(str::to_owned);
        let first = (!self.begun && !rows.is_empty()).then_some(&headings);
        self.begun |= !rows.is_empty();
        first.into_iter().chain(&rows).map(|cells| self.line(cells)).collect()
    }

    /// What is said at the end.
    pub(super) fn end(&self) -> String {
        if self.begun { String::new() } else { format!("{}\n", self.columns.nothing) }
    }

    fn line(&self, cells: &[String; N]) -> String {
        let cells = cells.iter().zip(self.widths).map(|(cell, width)| format!("{cell:<width$}  "));
        format!("{}\n", cells.collect::<String>().trim_end())
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_written_in_parts_below_one_heading() {
        let columns = || Columns {
            headings: ["ID", "WHO"],
            cells: |row, _| [text(row, "id"), text(row, "who")],
            nothing: "Nobody.",
        };
        let mut table = Table::new(columns(), Timestamp::UNIX_EPOCH);
        assert_eq!(table.end(), "Nobody.\n");
        assert_eq!(table.part(&[]), "");
        assert_eq!(table.part(&[json!({ "id": "1", "who": "ada" })]), "ID  WHO\n1   ada\n");
        let part = [json!({ "id": "1000", "who": "ö" }), json!({ "id": "2" })];
        assert_eq!(table.part(&part), "1000  ö\n2\n");
        assert_eq!(table.end(), "");
    }
}
