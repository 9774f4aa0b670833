//! The few things that SQLite and PostgreSQL do not share. All other statements are the same in both: times and flags
//! are 64-bit integers, everything else is text or bytes.

use super::place::Place;
use super::{Error, Store};
use sqlx::AnyConnection;
use sqlx::query;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// One process, one writer.
    Sqlite,
    /// Many replicas: who writes about a person holds the lock of their row.
    Postgres,
}

impl Dialect {
    pub(super) fn of(place: &Place) -> Self {
        match place {
            Place::Sqlite(_) => Self::Sqlite,
            Place::Postgres(_) => Self::Postgres,
        }
    }

    /// Begins a transaction that writes.
    pub(super) fn begin(self) -> &'static str {
        match self {
            // Else two that both read before they write would fail each other.
            Self::Sqlite => "BEGIN IMMEDIATE",
            // Each statement sees what was committed before it: once a row is locked, it is read as it is.
            Self::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED",
        }
    }

    /// One of two statements.
    pub(super) fn choose(self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }
}

impl Store {
    /// Lets nobody else have the lock of this name until the transaction on `connection` is over. In SQLite nobody writes
    /// beside us.
    pub(super) async fn lock(&self, connection: &mut AnyConnection, name: &str) -> Result<(), Error> {
        if self.0.dialect == Dialect::Postgres {
            query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
                .bind(format!("guestpass {} {name}", self.0.instance.id))
                .execute(connection)
                .await?;
        }
        Ok(())
    }
}
