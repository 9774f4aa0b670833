//! Whose the accounts of a target are, as it is told to a person.

use super::calls;
use super::table::{Columns, Table, text};
use crate::config::count;
use crate::names::TargetName;
use jiff::Timestamp;
use serde_json::Value;

/// Counts first, then each account that is not ours yet.
pub(super) fn told(target: &TargetName, imported: &Value) -> String {
    let listed = |name: &str| imported[name].as_array().cloned().unwrap_or_default();
    let (matches, orphans) = (listed("matches"), listed("orphans"));
    let ours = usize::try_from(imported["ours"].as_u64().unwrap_or_default()).unwrap_or_default();
    let all = count(ours + matches.len() + orphans.len(), "account");
    let (known, nobodys) = (matches.len(), orphans.len());
    let mut told =
        format!("{all} in {target}: {ours} ours, {known} of people we know, {nobodys} of nobody we know.\n");
    let mut table = Table::new(COLUMNS, Timestamp::UNIX_EPOCH);
    let rows = table.part(&[matches.clone(), orphans].concat());
    if !rows.is_empty() {
        told += &format!("\n{rows}");
    }
    for one in matches.iter().filter(|one| calls::calls(one).next().is_some()) {
        let (account, person) = (text(one, "native_id"), text(one, "person"));
        told += &format!("\n{account} becomes that of {person}, where it does not have it already:\n");
        told += &calls::told(one);
    }
    told
}

const COLUMNS: Columns<6> =
    Columns { headings: ["ACCOUNT", "NAME", "E-MAIL", "STATE", "EXTERNAL ID", "WHOSE"], cells, nothing: "" };

fn cells(account: &Value, _: Timestamp) -> [String; 6] {
    let state = if account["active"] == true { "active" } else { "disabled" };
    let whose = match account["wanted"].as_bool() {
        Some(true) => format!("{}: taken for theirs", text(account, "person")),
        Some(false) => format!("{}: not to be taken for theirs", text(account, "person")),
        None => "nobody we know".to_owned(),
    };
    let (id, name, email) = (text(account, "native_id"), text(account, "user_name"), text(account, "email"));
    [id, name, email, state.to_owned(), text(account, "external_id"), whose]
}
