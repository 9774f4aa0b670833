//! What we remember: in one SQLite file with one writer, for which readers never wait, or in a PostgreSQL database that
//! replicas share. There, who writes about a person first locks their row, and what one replica commits the others hear
//! of.
//!
//! There are two ways to write. A [`Tx`] carries whatever concerns people, access and sessions, and can only end by
//! [`Tx::commit`] with an audit entry: rows and record land together or not at all. [`Books`] hold leases,
//! attempts, hand-overs, last use and what targets were asked; they have no statement that could touch the former.
//!
//! A commit rings the bell, which wakes whoever waits for something to do, and makes the cached sessions of the
//! people it touched stale.

mod accounts;
mod audit;
mod books;
mod budget;
mod cache;
mod claims;
mod dialect;
mod examine;
mod files;
mod forget;
mod grants;
mod health;
mod hearing;
mod instance;
mod known;
mod lead;
mod link;
mod moving;
mod place;
mod policy;
mod prune;
mod refreshes;
mod reseal;
mod restored;
mod session;
mod sessions;
mod shared;
mod shelf;
mod shown;
mod signals;
mod signing;
mod tables;
#[cfg(test)]
mod testing;
mod tokens;
mod users;
mod uses;
mod verify;
mod work;

pub(crate) use accounts::{Counts, Standing};
pub use accounts::{Origin, Rank, Verdict};
pub use audit::AuditRow;
pub use books::{Books, Handover};
pub use budget::Drawn;
pub use cache::Unavailable;
pub use claims::{Claimed, Counted};
pub use examine::{Examined, examine};
pub use grants::GrantRow;
pub use health::Work;
pub use instance::Instance;
pub use known::{KnownAccount, Reading};
pub use moving::{MoveError, Moved, export, import};
pub use place::{NoPlace, Place};
pub use policy::Holder;
pub use refreshes::Refresh;
pub use restored::Restored;
pub use session::{Access, Account, Held, Person, Session};
pub use sessions::{SessionRow, SignIn, TokenHash, access_token_hash, token_hash};
pub use shown::AccountRow;
pub use tokens::{TokenRow, api_token_hash};
pub use users::{Identity, User};
pub use uses::Use;
pub use verify::{Unproven, Verified};
pub use work::{Due, Failure, Look, Made};

use crate::audit::Entry;
use crate::clock::from_micros;
use crate::identity::KeyError;
use crate::names::{AppName, UserId};
use crate::seal::{self, Sealer};
use arc_swap::ArcSwap;
use cache::Cache;
use dialect::Dialect;
use files::Lock;
use jiff::Timestamp;
use shared::Shared;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyPool, Row, Transaction, query};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
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
    place: ArcSwap<Place>,
    dialect: Dialect,
    writer: AnyPool,
    reader: AnyPool,
    cache: Cache,
    shared: Shared,
    uses: Uses,
    /// Whether sessions say how their people signed in, whatever these hold.
    keeps_strength: AtomicBool,
    sealer: ArcSwap<Sealer>,
    bell: watch::Sender<u64>,
    instance: Instance,
    /// Whether the database does not answer, or other replicas cannot be heard.
    is_deaf: AtomicBool,
    /// Tells what this process says from what other replicas say.
    replica: String,
    /// Held for as long as the process lives, so that no second gateway writes beside us.
    lock: Option<Lock>,
}

/// How many connections a replica opens at the most to PostgreSQL to write, beside those that read, the one it listens
/// on, and the one by which it leads.
const WRITERS: u32 = 8;
/// How many connections read. However many people sign in at once, sessions are read beside it.
const READERS: u32 = 4;
/// How long to wait while the database is known not to answer.
const SOON: Duration = Duration::from_secs(3);
/// How long to wait for a connection.
const IN_TURN: Duration = Duration::from_secs(30);

impl Store {
    /// Opens the store at `place` and brings its tables up to date. A SQLite file is made with its folder if absent. Where
    /// it is an earlier state of itself, everybody who was signed in has to sign in again.
    ///
    /// # Errors
    /// [`Error::InUse`] where another process has the file; others where it cannot be read or written, or was sealed
    /// under another key.
    pub async fn open(place: Place, sealer: Sealer, now: Timestamp) -> Result<Self, Error> {
        let store = Self::open_as_it_is(place, sealer, now).await?;
        store.look_whether_restored(now, false).await?;
        Ok(store)
    }

    async fn open_as_it_is(place: Place, sealer: Sealer, now: Timestamp) -> Result<Self, Error> {
        let (dialect, lock) = (Dialect::of(&place), place.take()?);
        let writer = connect(&place, false).await?;
        tables::migrator(dialect).run(&writer).await?;
        let instance = Instance::load(&writer, &sealer, now).await?;
        let reader = connect(&place, true).await?;
        let (bell, _) = watch::channel(0);
        let (cache, shared, uses, replica) =
            (Cache::new(), Shared::default(), Uses::default(), seal::random_text());
        let store = Self(Arc::new(Inner {
            place: ArcSwap::from_pointee(place),
            dialect,
            writer,
            reader,
            cache,
            shared,
            uses,
            keeps_strength: AtomicBool::new(false),
            sealer: ArcSwap::from_pointee(sealer),
            bell,
            instance,
            is_deaf: AtomicBool::new(false),
            replica,
            lock,
        }));
        store.read_signing_keys().await?;
        Ok(store)
    }

    /// What this instance is: its id, its key, and the latest time that an earlier run has seen.
    pub fn instance(&self) -> &Instance {
        &self.0.instance
    }

    /// Connects by `place` from now on: the same database, with another password. What is connected goes on.
    ///
    /// # Errors
    /// Where it says no way to connect.
    pub fn connect_by(&self, place: Place) -> Result<(), Error> {
        for (pool, read_only) in [(&self.0.writer, false), (&self.0.reader, true)] {
            pool.set_connect_options(place.options(read_only)?);
        }
        self.0.place.store(Arc::new(place));
        Ok(())
    }

    /// Seals what is kept at rest.
    pub fn sealer(&self) -> Arc<Sealer> {
        self.0.sealer.load_full()
    }

    /// Seals with other keys from now on; `false`, and nothing is changed, where they do not open what is sealed under
    /// the one that seals now.
    pub fn seal_by(&self, sealer: Sealer) -> bool {
        let now = self.sealer().key_id();
        let opens = sealer.key_id() == now || sealer.earlier().any(|earlier| earlier == now);
        if opens {
            self.0.sealer.store(Arc::new(sealer));
            self.ring();
        }
        opens
    }

    /// Changes whenever something was committed. A receiver that lags sees one change, which is enough.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.0.bell.subscribe()
    }

    fn ring(&self) {
        self.0.bell.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// How long to wait for the database: many may come at once, but nobody waits for one that is away.
    fn patience(&self) -> Duration {
        if self.0.is_deaf.load(Ordering::Relaxed) { SOON } else { IN_TURN }
    }

    async fn write(&self) -> Result<Transaction<'static, Any>, Error> {
        let begun = timeout(self.patience(), self.0.writer.begin_with(self.0.dialect.begin())).await;
        Ok(begun.unwrap_or(Err(sqlx::Error::PoolTimedOut))?)
    }

    /// Begins to write what concerns people, access and sessions, as of `now`. Others wait; dropped without
    /// [`Tx::commit`], nothing happened.
    pub async fn begin(&self, now: Timestamp) -> Result<Tx, Error> {
        Ok(Tx {
            inner: self.write().await?,
            store: self.clone(),
            now,
            touched: Vec::new(),
            locked: Vec::new(),
        })
    }

    /// Notes that the person of `session` used `app` at `at`; it is written down by whoever takes it. Cheap: for most
    /// requests it is one look at the session.
    pub fn note_use(&self, session: &Session, app: &AppName, at: Timestamp) {
        self.0.uses.note(session, app, at);
    }

    /// Says whether sessions have to say how their people signed in, also where nothing that they hold asks for it. Those
    /// in memory that do not say it are read anew.
    pub fn keep_strength(&self, keep: bool) {
        if !self.0.keeps_strength.swap(keep, Ordering::AcqRel) && keep {
            self.0.cache.evict_all();
        }
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
        let sealer = Sealer::from_master(&seal::random_text()).unwrap();
        Self::open(testing::place().await, sealer, now).await.unwrap()
    }

    /// Puts a session into the cache as if it had been read.
    pub(crate) fn hold(&self, token: TokenHash, session: Session) {
        self.0.cache.insert(token, Arc::new(session));
    }
}

/// A change in the making: see [`Store::begin`].
pub struct Tx {
    inner: Transaction<'static, Any>,
    store: Store,
    now: Timestamp,
    touched: Vec<UserId>,
    locked: Vec<UserId>,
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

    /// Lets nobody else write about `user` until this is over; `true` if somebody may have until now. In SQLite nobody
    /// writes beside us.
    async fn lock(&mut self, user: UserId) -> Result<bool, Error> {
        if self.store.0.dialect == Dialect::Sqlite || self.locked.contains(&user) {
            return Ok(false);
        }
        query("SELECT 1 FROM users WHERE id = $1 FOR UPDATE")
            .bind(user.to_string())
            .fetch_optional(&mut *self.inner)
            .await?;
        self.locked.push(user);
        Ok(true)
    }

    /// Writes the entry beside the rows, and makes all of it last. Once this returns, the change holds for every
    /// request that comes after, in this process; other replicas hear of it.
    pub async fn commit(mut self, entry: &Entry) -> Result<(), Error> {
        let event = audit::insert(&mut self, entry).await?;
        hearing::tell(&self.store, &mut self.inner, &self.touched, Some(self.now)).await?;
        // In a task of its own: whoever waits may go away, and what is committed must be heard of all the same.
        let finish = tokio::spawn(async move {
            let done = self.inner.commit().await;
            if let (Ok(()), Some(lock)) = (&done, &self.store.0.lock) {
                lock.note(event);
            }
            // Also where the answer was lost: it may be committed.
            self.store.0.cache.evict(&self.touched);
            self.store.ring();
            done
        });
        Ok(finish.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
    }
}

/// Connects to `place`: SQLite has one connection that writes, and a few that read.
async fn connect(place: &Place, read_only: bool) -> Result<AnyPool, Error> {
    sqlx::any::install_default_drivers();
    let options = place.options(read_only)?;
    let pool = AnyPoolOptions::new().acquire_timeout(IN_TURN);
    let pool = match place {
        _ if read_only => pool.max_connections(READERS),
        Place::Postgres(_) => pool.max_connections(WRITERS),
        Place::Sqlite(_) => {
            pool.max_connections(1).after_connect(|connection, _| {
                // A revocation must not come back after a power cut.
                let durable = sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
                Box::pin(async move { durable.execute(connection).await.map(drop) })
            })
        }
    };
    Ok(pool.connect_with(options).await?)
}

/// A column that holds a value's text form.
fn parsed<T: std::str::FromStr>(row: &AnyRow, column: &str) -> Result<T, Error>
where
    T::Err: std::fmt::Display,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| Error::Unreadable(format!("{column}: {error}")))
}

/// A column that holds JSON.
fn json<T: serde::de::DeserializeOwned>(row: &AnyRow, column: &str) -> Result<T, Error> {
    serde_json::from_str(row.try_get(column)?)
        .map_err(|error| Error::Unreadable(format!("{column}: {error}")))
}

/// A column that holds a time.
fn time(row: &AnyRow, column: &str) -> Result<Timestamp, Error> {
    Ok(from_micros(row.try_get(column)?))
}

/// A column that may hold a time.
fn maybe_time(row: &AnyRow, column: &str) -> Result<Option<Timestamp>, Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(from_micros))
}

/// A column that holds 0 or 1.
fn flag(row: &AnyRow, column: &str) -> Result<bool, Error> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

/// A column that holds how often something was.
fn count(row: &AnyRow, column: &str) -> Result<u32, Error> {
    let count: i64 = row.try_get(column)?;
    u32::try_from(count).map_err(|_| Error::Unreadable(format!("{column}: {count}")))
}
