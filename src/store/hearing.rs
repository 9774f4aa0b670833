//! What other replicas commit, heard by PostgreSQL's notifications, which come with the commit. SQLite has no other
//! replicas.
//!
//! A replica that cannot hear says so, and believes what it has in memory for a while and no longer.

use super::dialect::Dialect;
use super::{Error, Store};
use crate::clock::from_micros;
use crate::names::UserId;
use jiff::Timestamp;
use sqlx::postgres::{PgListener, PgNotification};
use sqlx::{Any, Executor, query};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const CHANNEL: &str = "guestpass";
/// How many people one notification can speak of: PostgreSQL takes 8,000 bytes.
const MOST: usize = 150;
/// After so long without a word it is asked whether the connection is still there.
const SILENCE: Duration = Duration::from_secs(2);
/// How long an answer of the database may take.
const ANSWER: Duration = Duration::from_secs(3);
/// How long to wait before connecting anew.
const REST: Duration = Duration::from_secs(1);

/// What stands before the moment at which something was decided, in microseconds.
const SINCE: &str = "since:";

/// Tells other replicas, once it is committed, that something about these people was, and when it was decided, where that counts.
pub(super) async fn tell(
    store: &Store,
    connection: &mut <Any as sqlx::Database>::Connection,
    users: &[UserId],
    since: Option<Timestamp>,
) -> Result<(), Error> {
    if store.0.dialect == Dialect::Sqlite {
        return Ok(());
    }
    // Of nobody in particular it is told, too: somebody may wait for the bell.
    for users in users.chunks(MOST).chain(users.is_empty().then_some(users)) {
        let mut words = format!("{} {}", store.0.instance.id, store.0.replica);
        users.iter().for_each(|user| words.push_str(&format!(" {user}")));
        since.iter().for_each(|since| words.push_str(&format!(" {SINCE}{}", since.as_microsecond())));
        query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(words).execute(&mut *connection).await?;
    }
    Ok(())
}

impl Store {
    /// Hears what other replicas commit, until `stop`. While it cannot, nothing in memory is believed for longer than
    /// `recheck`. Of each that is heard, `note` is told when it was decided.
    pub async fn hear(
        self,
        recheck: Duration,
        note: impl Fn(Timestamp) + Send + Sync,
        stop: CancellationToken,
    ) {
        if self.0.dialect == Dialect::Postgres {
            let _ = stop.run_until_cancelled(self.hear_for_ever(recheck, &note)).await;
        }
    }

    async fn hear_for_ever(&self, recheck: Duration, note: &(impl Fn(Timestamp) + Send + Sync)) {
        let mut heard_until = Instant::now();
        loop {
            let lost = match timeout(ANSWER, self.listen()).await {
                Ok(Ok(mut listener)) => {
                    if self.0.is_deaf.swap(false, Ordering::Relaxed) {
                        tracing::info!("other replicas are heard again");
                    }
                    // What was said in between was missed.
                    self.forget();
                    self.attend(&mut listener, &mut heard_until, note).await
                }
                Ok(Err(error)) => error,
                Err(_) => no_answer(),
            };
            if !self.0.is_deaf.swap(true, Ordering::Relaxed) {
                let error = lost.to_string();
                tracing::warn!(error, recheck_s = recheck.as_secs(), "other replicas are not heard");
            }
            if heard_until.elapsed() >= recheck {
                self.forget();
                heard_until = Instant::now();
            }
            sleep(REST.min(recheck)).await;
        }
    }

    async fn listen(&self) -> Result<PgListener, sqlx::Error> {
        let mut listener = PgListener::connect(self.0.place.load().url()).await?;
        // What was missed has to be known, so nothing connects anew behind our back.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }

    /// Acts on what is said, until the connection is lost.
    async fn attend(
        &self,
        listener: &mut PgListener,
        heard_until: &mut Instant,
        note: &(impl Fn(Timestamp) + Send + Sync),
    ) -> sqlx::Error {
        loop {
            *heard_until = Instant::now();
            match timeout(SILENCE, listener.try_recv()).await {
                Ok(Ok(Some(said))) => self.heard(&said, note),
                Ok(Ok(None)) => return no_answer(),
                Ok(Err(error)) => return error,
                Err(_) => match timeout(ANSWER, listener.execute("SELECT 1")).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => return error,
                    Err(_) => return no_answer(),
                },
            }
        }
    }

    fn heard(&self, said: &PgNotification, note: &impl Fn(Timestamp)) {
        let mut words = said.payload().split(' ');
        let from = (words.next(), words.next());
        if from.0 == Some(&self.0.instance.id) && from.1 != Some(&self.0.replica) {
            // What neither is one nor says when is for replicas of another version.
            let since = |word: &str| word.strip_prefix(SINCE)?.parse().ok().map(from_micros);
            let users: Vec<UserId> = words.clone().filter_map(|user| user.parse().ok()).collect();
            self.0.cache.evict(&users);
            self.ring();
            words.filter_map(since).for_each(note);
        }
    }

    /// Believes nothing in memory any more.
    fn forget(&self) {
        self.0.cache.evict_all();
        self.ring();
    }

    /// Rings the bell, in every replica.
    pub(super) async fn ring_all(&self) -> Result<(), Error> {
        if self.0.dialect == Dialect::Postgres {
            tell(self, &mut *self.0.writer.acquire().await?, &[], None).await?;
        }
        self.ring();
        Ok(())
    }
}

fn no_answer() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut))
}
