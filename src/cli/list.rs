//! Lists that the gateway keeps, written a page at a time however long they are.

use super::client::Client;
use super::table::{Columns, Table};
use super::{Done, Form, wait_for};
use crate::clock::Clock;
use serde_json::Value;
use std::process::ExitCode;

/// Writes the rows at `path`: JSON as they came, or a table.
pub(super) fn list<const N: usize>(form: &Form, path: &str, columns: Columns<N>) -> Done {
    wanted(form, path, columns, |_| true).map(|_| ExitCode::SUCCESS)
}

/// The same of those rows that `wants` takes. Returns how many there were.
pub(super) fn wanted<const N: usize>(
    form: &Form,
    path: &str,
    columns: Columns<N>,
    wants: impl Fn(&Value) -> bool,
) -> anyhow::Result<usize> {
    let (mut table, mut number) = (Table::new(columns, Clock::system().now()), 0);
    let take = |mut rows: Vec<Value>| {
        rows.retain(&wants);
        number += rows.len();
        if form.json {
            rows.iter().for_each(|row| println!("{row}"));
        } else {
            print!("{}", table.part(&rows));
        }
    };
    wait_for(async { Client::new(&form.reach)?.pages(path, take).await })?;
    if !form.json {
        print!("{}", table.end());
    }
    Ok(number)
}
