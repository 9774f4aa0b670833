//! What we remember. One SQLite file, one writer; readers never wait for it.
//!
//! There are two ways to write. A [`Tx`] carries whatever concerns people, access and sessions, and can only end by
//! [`Tx::commit`] with an audit entry: rows and record land together or not at all. [`Books`] hold leases,
//! attempts, hand-overs and last use; they have no statement that could touch the former.
//!
//! A commit rings the bell, which wakes whoever waits for something to do, and makes the cached sessions of the
//! people it touched stale.

mod accounts;
mod audit;
mod books;
mod cache;
mod claims;
mod files;
mod grants;
mod health;
mod instance;
mod known;
mod policy;
mod session;
mod sessions;
mod shared;
mod shelf;
mod shown;
mod tables;
mod users;
mod uses;
mod work;

pub(crate) use accounts::Standing;
pub use accounts::{Origin, Rank, Verdict};
pub use audit::AuditRow;
pub use books::{Books, Handover};
pub use cache::Unavailable;
pub use claims::{Claimed, Counted};
pub use grants::GrantRow;
pub use instance::Instance;
pub use known::{KnownAccount, Reading};
pub use policy::Holder;
pub use session::{Access, Account, Held, Person, Session};
pub use sessions::{SessionRow, SignIn, TokenHash, token_hash};
pub use shown::AccountRow;
pub use users::{Identity, User};
pub use uses::Use;
pub use work::{Due, Failure, Look};

use crate::audit::Entry;
use crate::clock::from_micros;
use crate::identity::KeyError;
use crate::names::{AppName, UserId};
use crate::seal::{self, Sealer};
use cache::Cache;
use jiff::Timestamp;
use shared::Shared;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uses::Uses;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the store.
    #[error("{0} is in use by another guestpass")]
    InUse(PathBuf),
    /// The lock file cannot be made or locked.
    #[error("cannot lock {0}: {1}")]
    Lock(PathBuf, std::io::Error),
    /// A file of the store cannot be opened.
    #[error("cannot open {0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The database refused, or cannot be read or written.
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables cannot be brought up to date.
    #[error("the store's tables cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A row holds something that we would not have written.
    #[error("the store holds something unreadable: {0}")]
    Unreadable(String),
    /// The key that signs assertions cannot be made or read.
    #[error("the signing key cannot be used: {0}")]
    Key(#[from] KeyError),
    /// What is sealed in the store was sealed under another key.
    #[error("the store was sealed under another key: {0}")]
    Sealed(#[from] seal::Error),
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: SqlitePool,
    reader: SqlitePool,
    cache: Cache,
    shared: Shared,
    uses: Uses,
    sealer: Sealer,
    bell: watch::Sender<u64>,
    instance: Instance,
    /// Held for as long as the process lives, so that no second gateway writes beside us.
    _lock: File,
}

impl Store {
    /// Opens the SQLite file at `path`, made with its folder if absent, and brings its tables up to date.
    ///
    /// # Errors
    /// [`Error::InUse`] where another process has it; others where it cannot be read or written, or was sealed
    /// under another key.
    pub async fn open(path: &Path, sealer: Sealer, now: Timestamp) -> Result<Self, Error> {
        let lock = files::take(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A revocation must not come back after a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5));
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        tables::migrator().run(&writer).await?;
        let instance = Instance::load(&writer, &sealer, now).await?;
        let reader =
            SqlitePoolOptions::new().max_connections(4).connect_with(options.read_only(true)).await?;
        let (bell, _) = watch::channel(0);
        let (cache, shared, uses) = (Cache::new(), Shared::default(), Uses::default());
        Ok(Self(Arc::new(Inner { writer, reader, cache, shared, uses, sealer, bell, instance, _lock: lock })))
    }

    /// What this instance is: its id, its key, and the latest time that an earlier run has seen.
    pub fn instance(&self) -> &Instance {
        &self.0.instance
    }

    /// Seals what is kept at rest.
    pub fn sealer(&self) -> &Sealer {
        &self.0.sealer
    }

    /// Changes whenever something was committed. A receiver that lags sees one change, which is enough.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.0.bell.subscribe()
    }

    fn ring(&self) {
        self.0.bell.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// Begins to write what concerns people, access and sessions, as of `now`. Others wait; dropped without
    /// [`Tx::commit`], nothing happened.
    pub async fn begin(&self, now: Timestamp) -> Result<Tx, Error> {
        let inner = self.0.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Tx { inner, store: self.clone(), now, touched: Vec::new() })
    }

    /// Notes that the person of `session` used `app` at `at`; it is written down by whoever takes it. Cheap: for most
    /// requests it is one look at the session.
    pub fn note_use(&self, session: &Session, app: &AppName, at: Timestamp) {
        self.0.uses.note(session, app, at);
    }

    /// The uses that were noted and not taken yet.
    pub fn take_uses(&self) -> Vec<Use> {
        self.0.uses.take()
    }

    /// Puts uses back that could not be written down.
    pub fn put_back(&self, uses: impl IntoIterator<Item = Use>) {
        uses.into_iter().for_each(|used| self.0.uses.put(used));
    }

    /// Leases, attempts, hand-overs and last use.
    pub fn bookkeep(&self) -> Books<'_> {
        Books::new(self)
    }

    /// Closes all connections; what was committed is on the disk.
    pub async fn close(&self) {
        self.0.reader.close().await;
        self.0.writer.close().await;
    }
}

#[cfg(test)]
impl Store {
    /// A store of its own, in a folder that goes with the process's temporary files.
    pub(crate) async fn for_tests(now: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let sealer = Sealer::from_master(&seal::random_text()).unwrap();
        Self::open(&folder.join("guestpass.db"), sealer, now).await.unwrap()
    }

    /// Puts a session into the cache as if it had been read.
    pub(crate) fn hold(&self, token: TokenHash, session: Session) {
        self.0.cache.insert(token, Arc::new(session));
    }
}

/// A change in the making: see [`Store::begin`].
pub struct Tx {
    inner: Transaction<'static, Sqlite>,
    store: Store,
    now: Timestamp,
    touched: Vec<UserId>,
}

impl Tx {
    /// The moment of this change.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Marks the cached sessions of `user` to be read anew once this is committed.
    fn touch(&mut self, user: UserId) {
        if !self.touched.contains(&user) {
            self.touched.push(user);
        }
    }

    /// Writes the entry beside the rows, and makes all of it last. Once this returns, the change holds for every
    /// request that comes after.
    pub async fn commit(mut self, entry: &Entry) -> Result<(), Error> {
        audit::insert(&mut self, entry).await?;
        instance::raise_high_water(&mut self).await?;
        // In a task of its own: whoever waits may go away, and what is committed must be heard of all the same.
        let finish = tokio::spawn(async move {
            self.inner.commit().await?;
            self.store.0.cache.evict(&self.touched);
            self.store.ring();
            Ok(())
        });
        finish.await.map_err(|_| sqlx::Error::WorkerCrashed)?
    }
}

/// A column that holds a value's text form.
fn parsed<T: std::str::FromStr>(row: &SqliteRow, column: &str) -> Result<T, Error>
where
    T::Err: std::fmt::Display,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| Error::Unreadable(format!("{column}: {error}")))
}

/// A column that holds JSON.
fn json<T: serde::de::DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<T, Error> {
    serde_json::from_str(row.try_get(column)?)
        .map_err(|error| Error::Unreadable(format!("{column}: {error}")))
}

/// A column that holds a time.
fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, Error> {
    Ok(from_micros(row.try_get(column)?))
}

/// A column that may hold a time.
fn maybe_time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(from_micros))
}
