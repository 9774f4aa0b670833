//! Connections to a PostgreSQL server, and what is asked over them.

use super::fault;
use super::role::Role;
use super::settings::{Address, Settings};
use crate::provision::authorities::authorities;
use crate::provision::connector::Fault;
use crate::provision::pace::Pace;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

const CONNECT: Duration = Duration::from_secs(3);
/// How many connections are kept while nobody uses them: slots on the server are few.
const KEPT: usize = 2;
/// How many roles are listed at a time.
pub(super) const PAGE: usize = 500;

/// What the server is told of each session: statements end before the worker's patience does, and names mean what they
/// mean in the catalog.
const OPTIONS: [(&str, &str); 3] =
    [("statement_timeout", "8s"), ("lock_timeout", "3s"), ("search_path", "pg_catalog")];

pub(super) struct Server {
    options: PgConnectOptions,
    ca: Option<PathBuf>,
    pace: Pace,
    idle: Mutex<Vec<PgConnection>>,
}

impl Server {
    pub(super) fn new(settings: &Settings, pace: Pace) -> Self {
        let Address { host, port, user, database } = &settings.postgres;
        let secured = settings.ca.is_some() || !settings.postgres.is_loopback();
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(*port)
            .username(user)
            .database(database)
            .application_name("guestpass")
            .ssl_mode(if secured { PgSslMode::VerifyFull } else { PgSslMode::Disable })
            .options(OPTIONS)
            .disable_statement_logging();
        options = if host.starts_with('/') { options.socket(host) } else { options.host(host) };
        if let Some(password) = &settings.password {
            options = options.password(password.expose_secret());
        }
        Self { options, ca: settings.ca.clone(), pace, idle: Mutex::default() }
    }

    /// A session in the database of the address.
    pub(super) async fn session(&self) -> Result<Session<'_>, Fault> {
        self.pace.turn().await?;
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.dial(&self.options).await?,
        };
        Ok(Session { connection: Some(connection), server: self, keep: true })
    }

    /// A session in another database, which ends with it.
    pub(super) async fn session_in(&self, database: &str) -> Result<Session<'_>, Fault> {
        self.pace.turn().await?;
        let connection = self.dial(&self.options.clone().database(database)).await?;
        Ok(Session { connection: Some(connection), server: self, keep: false })
    }

    /// The role that we are.
    pub(super) fn user(&self) -> &str {
        self.options.get_username()
    }

    async fn dial(&self, options: &PgConnectOptions) -> Result<PgConnection, Fault> {
        let mut options = options.clone();
        if let PgSslMode::VerifyFull = options.get_ssl_mode() {
            options = options.ssl_root_cert_from_pem(pem(&authorities(self.ca.as_deref()).await?));
        }
        match timeout(CONNECT, PgConnection::connect_with(&options)).await {
            Ok(connected) => connected.map_err(|error| fault::before(&error)),
            Err(_) => Err(Fault::transient("no connection within 3 s")),
        }
    }
}

/// Certificates as text (RFC 7468, section 5).
fn pem(certificates: &[CertificateDer<'_>]) -> Vec<u8> {
    let one = |certificate: &CertificateDer<'_>| {
        let encoded = STANDARD.encode(certificate);
        let lines = encoded.as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n");
        format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
    };
    certificates.iter().map(one).collect::<String>().into_bytes()
}

/// A connection while it is used.
pub(super) struct Session<'a> {
    /// Absent while something was asked over it that has not been answered to the end: whoever gives up in between leaves
    /// none behind.
    connection: Option<PgConnection>,
    server: &'a Server,
    keep: bool,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let mut idle = self.server.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if self.keep && idle.len() < KEPT {
            idle.extend(self.connection.take());
        }
    }
}

/// A role as it is read, in the order of [`COLUMNS`].
pub(super) type Row = (i64, String, bool, bool, i32, Option<i64>, Option<String>, Vec<String>);

const COLUMNS: &str = "SELECT r.oid::bigint, r.rolname::text, r.rolcanlogin, r.rolsuper, r.rolconnlimit,
    CASE WHEN isfinite(r.rolvaliduntil) THEN (extract(epoch FROM r.rolvaliduntil) * 1000000)::bigint END,
    shobj_description(r.oid, 'pg_authid'),
    ARRAY(SELECT DISTINCT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
          WHERE m.member = r.oid)
    FROM pg_roles r";

impl Session<'_> {
    /// The role with this `oid`, and those whose comments have the line `mark`.
    pub(super) async fn roles(&mut self, oid: Option<i64>, mark: &str) -> Result<Vec<Role>, Fault> {
        let marked = "$2 = ANY (string_to_array(shobj_description(r.oid, 'pg_authid'), E'\\n'))";
        let sql = format!("{COLUMNS} WHERE r.oid::bigint = $1 OR {marked}");
        self.read(sqlx::query_as(AssertSqlSafe(sql)).bind(oid).bind(mark)).await
    }

    /// The role of this name.
    pub(super) async fn named(&mut self, name: &str) -> Result<Vec<Role>, Fault> {
        self.read(sqlx::query_as(AssertSqlSafe(format!("{COLUMNS} WHERE r.rolname::text = $1"))).bind(name))
            .await
    }

    /// Roles in the order of their ids, from the one after `oid`: those that can log in, and those that we marked.
    pub(super) async fn page(&mut self, oid: i64) -> Result<Vec<Role>, Fault> {
        let accounts = "r.rolcanlogin OR shobj_description(r.oid, 'pg_authid') ~ '(^|\\n)guestpass:'";
        let sql = format!("{COLUMNS} WHERE r.oid::bigint > $1 AND ({accounts}) ORDER BY r.oid LIMIT {PAGE}");
        self.read(sqlx::query_as(AssertSqlSafe(sql)).bind(oid)).await
    }

    /// Who gave the membership of role `group` to the role with this `oid`.
    pub(super) async fn grantors(&mut self, group: &str, oid: i64) -> Result<Vec<String>, Fault> {
        let sql = "SELECT pg_get_userbyid(m.grantor)::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
            WHERE g.rolname::text = $1 AND m.member::bigint = $2";
        let rows: Vec<(String,)> = self.ask(sqlx::query_as(sql).bind(group).bind(oid)).await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// Whether we may do what role `name` may.
    pub(super) async fn speaks_for(&mut self, name: &str) -> Result<bool, Fault> {
        let sql = "SELECT pg_has_role(oid, 'USAGE') FROM pg_roles WHERE rolname::text = $1";
        let rows: Vec<(bool,)> = self.ask(sqlx::query_as(sql).bind(name)).await?;
        Ok(rows.first().is_some_and(|(may,)| *may))
    }

    /// Ends the sessions of the role with this `oid`.
    pub(super) async fn terminate(&mut self, oid: i64) -> Result<(), Fault> {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE usesysid::bigint = $1 AND pid <> pg_backend_pid()";
        let _: Vec<(bool,)> = self.ask(sqlx::query_as(sql).bind(oid)).await?;
        Ok(())
    }

    /// Whether memberships have options and belong to who gave them, as they do from PostgreSQL 16 on.
    pub(super) fn has_grant_options(&self) -> bool {
        let version = self.connection.as_ref().and_then(PgConnection::server_version_num);
        version.is_some_and(|version| version >= 160_000)
    }

    /// Changes something by `statements`, which take effect all together or not at all: the server takes what comes in one
    /// message for one transaction.
    pub(super) async fn change(&mut self, statements: &[String]) -> Result<(), Fault> {
        let Some(mut connection) = self.connection.take() else { return Err(gone()) };
        let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(statements.join(";\n")))).await;
        self.answered(connection, done).map(drop).map_err(|error| fault::after(&error))
    }

    async fn read<'q>(&mut self, query: Query<'q, Row>) -> Result<Vec<Role>, Fault> {
        Ok(self.ask(query).await?.into_iter().map(Role::from).collect())
    }

    async fn ask<'q, T>(&mut self, query: Query<'q, T>) -> Result<Vec<T>, Fault>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let Some(mut connection) = self.connection.take() else { return Err(gone()) };
        let rows = query.fetch_all(&mut connection).await;
        self.answered(connection, rows).map_err(|error| fault::before(&error))
    }

    /// Takes the connection back where the server answered over it and goes on listening.
    fn answered<T>(
        &mut self,
        connection: PgConnection,
        answer: Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let listens = match &answer {
            Ok(_) => true,
            Err(error) => fault::is_survived(error),
        };
        self.connection = listens.then_some(connection);
        answer
    }
}

type Query<'q, T> = sqlx::query::QueryAs<'q, sqlx::Postgres, T, sqlx::postgres::PgArguments>;

fn gone() -> Fault {
    Fault::transient("the connection was lost")
}
