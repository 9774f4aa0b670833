//! What is done to a whole store.

mod export;
mod import;
mod restored;

pub(super) use export::Export;
pub(super) use import::Import;
pub(super) use restored::Restored;

use crate::store::Moved;

/// What was taken along, in a few words.
fn told(moved: &Moved) -> String {
    let count = |table: &str| moved.rows.get(table).copied().unwrap_or_default();
    let (people, accounts, sign_ins) = (count("users"), count("accounts"), count("sign_ins"));
    format!("people {people}, accounts {accounts}, sign-ins {sign_ins}, record {}", moved.record)
}
