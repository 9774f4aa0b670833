//! Where guestpass keeps what it remembers, in a test: a file, or where `GUESTPASS_TEST_STORE` is the URL of a PostgreSQL
//! database, a schema of that.

use guestpass::seal::random_text;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, raw_sql};
use std::path::{Path, PathBuf};

/// A store that nobody else has.
pub(crate) enum Database {
    File(PathBuf),
    Schema(String),
}

/// What is done to a store behind guestpass's back, in the words of SQLite and of PostgreSQL.
pub(crate) struct Deed(&'static str, &'static str);

impl Deed {
    /// Nothing can be recorded, as on a full disk.
    pub(crate) const FILL: Self = Self(
        "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT raise(ABORT, 'disk full'); END",
        "ALTER TABLE events ADD CONSTRAINT disk_full CHECK (false) NOT VALID",
    );
    /// It can again.
    pub(crate) const CLEAR: Self = Self("DROP TRIGGER full", "ALTER TABLE events DROP CONSTRAINT disk_full");
    /// Sessions cannot be read.
    pub(crate) const HIDE: Self = Self::both("ALTER TABLE sessions RENAME TO away");
    /// They can again.
    pub(crate) const SHOW: Self = Self::both("ALTER TABLE away RENAME TO sessions");

    /// The same in both.
    pub(crate) const fn both(words: &'static str) -> Self {
        Self(words, words)
    }
}

impl Database {
    /// A new one; `name` is that of its file in `folder`, if it is one.
    pub(crate) async fn new(folder: &Path, name: &str) -> Self {
        let Ok(url) = std::env::var("GUESTPASS_TEST_STORE") else {
            return Self::file_of(folder, name);
        };
        let schema = format!("it_{}", random_text().replace('-', "_")).to_lowercase();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&mut connection).await.unwrap();
        Self::Schema(format!("{url}?options[search_path]={schema}"))
    }

    /// A file of this name in `folder`, where the configuration is.
    pub(crate) fn file_of(folder: &Path, name: &str) -> Self {
        Self::File(folder.join(name))
    }

    /// As the configuration writes it.
    pub(crate) fn setting(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite:{}", path.file_name().unwrap().display()),
            Self::Schema(url) => format!("\"{url}\""),
        }
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Schema(_) => None,
        }
    }

    /// Says this to a PostgreSQL database.
    pub(crate) async fn says(&self, words: &str) {
        let Self::Schema(url) = self else { panic!("a file is told nothing") };
        let mut connection = PgConnection::connect(url).await.unwrap();
        raw_sql(AssertSqlSafe(words.to_owned())).execute(&mut connection).await.unwrap();
    }

    /// Does something to it.
    pub(crate) async fn suffers(&self, deed: Deed) {
        match self {
            Self::File(path) => {
                let mut file = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
                raw_sql(deed.0).execute(&mut file).await.unwrap();
                file.close().await.unwrap();
            }
            Self::Schema(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                raw_sql(deed.1).execute(&mut connection).await.unwrap();
            }
        }
    }
}
