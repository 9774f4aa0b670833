//! Who does what only one may do: with SQLite the only process there is, with PostgreSQL the replica that holds a lock in
//! the database, for as long as its connection lasts.
//!
//! Where a leader is cut off, another may begin before it has noticed. That is safe, as everything that is led claims
//! what it works on, and what is written under an older claim is discarded; it is only not economical.

use super::Store;
use super::dialect::Dialect;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor, Row, query};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often the others try, and the leader looks whether it still leads.
const LOOK: Duration = Duration::from_secs(1);
/// How long the database may take to say so.
const ANSWER: Duration = Duration::from_secs(2);

impl Store {
    /// Does `work` while this process leads, until `stop`. What `work` is given is cancelled as soon as it leads no more;
    /// it is waited for then, and begun anew when this process leads again.
    pub async fn lead<W>(self, work: impl Fn(CancellationToken) -> W, stop: CancellationToken)
    where
        W: Future<Output = ()>,
    {
        if self.0.dialect == Dialect::Sqlite {
            return work(stop).await;
        }
        while !stop.is_cancelled() {
            let Some(mut lock) = self.take_lead().await else {
                let _ = stop.run_until_cancelled(sleep(LOOK)).await;
                continue;
            };
            tracing::info!("this replica leads: it provisions accounts and ends access");
            let term = stop.child_token();
            let mut working = pin!(work(term.clone()));
            tokio::select! {
                () = &mut working => {}
                () = lost(&mut lock) => {
                    tracing::warn!("this replica leads no more: its connection to the store is lost");
                    term.cancel();
                    working.await;
                }
            }
            // Others need not wait until the database notices.
            let _ = timeout(ANSWER, lock.close()).await;
        }
    }

    /// The connection by which this process leads, if no other does.
    async fn take_lead(&self) -> Option<PgConnection> {
        let taking = async {
            let mut connection = PgConnection::connect(self.0.place.load().url()).await?;
            // The database is to notice soon when we are gone.
            connection
                .execute("SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3")
                .await?;
            let row = query("SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS leads")
                .bind(lead_of(&self.0.instance.id))
                .fetch_one(&mut connection)
                .await?;
            Ok::<_, sqlx::Error>(row.try_get::<bool, _>("leads")?.then_some(connection))
        };
        match timeout(ANSWER, taking).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                tracing::debug!(%error, "cannot ask who leads");
                None
            }
            Err(_) => None,
        }
    }
}

/// The name of the lock that whoever leads holds, among the gateways of an instance.
pub(super) fn lead_of(instance: &str) -> String {
    format!("guestpass leads {instance}")
}

/// Returns once `lock` is lost.
async fn lost(lock: &mut PgConnection) {
    loop {
        sleep(LOOK).await;
        if !matches!(timeout(ANSWER, lock.ping()).await, Ok(Ok(()))) {
            return;
        }
    }
}
