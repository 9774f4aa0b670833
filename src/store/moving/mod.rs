//! A whole store as lines of JSON, to be taken to another place: from SQLite to PostgreSQL, back, or to another of the same
//! kind. First comes a header, then one table after the other with a line for each row, then an end that says how many
//! there were and what the record's head is.
//!
//! What is sealed is taken as it is: the lines tell what a backup tells, and are worth nothing without the key. Nothing is
//! guessed: lines of another layout, of another key, or without their end are not taken at all, nor is anything put beside
//! what is there.

mod export;
mod import;
mod layout;
mod lines;

pub use export::export;
pub use import::import;

use super::Error;
use crate::audit::Head;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;

/// The version of the lines' form.
const FORMAT: u32 = 1;

/// What was taken along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// How many rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// The head of the record.
    pub record: Head,
    /// Whether a gateway ran on the store when it was exported. Then it is a backup: what happened there since is not in
    /// it, and who was signed in has to sign in again where it is put back.
    pub is_backup: bool,
}

/// Why a store could not be exported or imported. What was to be imported into is as it was.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The lines cannot be read or written.
    #[error(transparent)]
    Lines(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// A line is not what an export holds there.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The tables are of another version than those of this program.
    #[error(
        "the tables of {whose} are of version {found}, and those of this guestpass of version {ours}; {hint}"
    )]
    OtherTables {
        /// The store's, or the export's.
        whose: &'static str,
        /// What they are.
        found: i64,
        /// What they should be.
        ours: i64,
        /// What helps.
        hint: &'static str,
    },
    /// The configuration has another key than the one that sealed what is in the store.
    #[error(
        "what was exported is sealed under key {sealed}, and the configuration has {ours}; put that key under `key` or `earlier-keys`"
    )]
    OtherKey {
        /// The id of the key that is needed.
        sealed: String,
        /// The ids of those that are there.
        ours: String,
    },
    /// There is something already.
    #[error(
        "the store is not empty: it holds {0}; what is imported is put into a store that nobody has used"
    )]
    NotEmpty(&'static str),
    /// A gateway has the store.
    #[error("a gateway runs on this store; stop all that do, then import")]
    Runs,
    /// What was written is not what was exported.
    #[error("{what} differ: {exported} were exported, {imported} are there; nothing was imported")]
    Differs {
        /// Of what.
        what: String,
        /// In the lines.
        exported: String,
        /// In the store.
        imported: String,
    },
}

impl From<sqlx::Error> for MoveError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    /// The version of the program.
    guestpass: String,
    format: u32,
    /// The version of the tables.
    tables: i64,
    /// The id of the key that seals.
    key: String,
    exported: Timestamp,
    /// Whether a gateway ran on it. Exports of before do not say so.
    #[serde(default)]
    runs: bool,
}

/// What comes before the rows of a table.
#[derive(Serialize, Deserialize)]
struct Part {
    table: String,
    columns: Vec<String>,
}

/// The last line.
#[derive(Serialize, Deserialize)]
struct End {
    rows: BTreeMap<String, u64>,
    /// The head of the record.
    record: String,
    /// SHA-256 over all lines before.
    sum: String,
}

/// A key's id, as it is shown.
fn shown(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
