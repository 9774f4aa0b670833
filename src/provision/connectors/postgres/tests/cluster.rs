//! Real servers, each with a cluster of its own that goes with the test.

use super::super::{Postgres, Settings};
use crate::provision::connectors::counterpart::{certificates, left_out, reserve};
use crate::provision::pace::Pace;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tokio::net::TcpSocket;

const PASSWORD: &str = "s3cret";
/// Whom the server runs as where we are root, as which it does not run.
const NOBODY: u32 = 65_534;

pub(super) struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    /// Whether it was built with TLS.
    pub(super) is_secured: bool,
    _reserved: TcpSocket,
}

/// Runs `test` with each server that is there: those where Debian keeps them, and the one whose programs are in
/// `POSTGRES_BIN`.
pub(super) async fn each(test: impl AsyncFn(&Cluster)) {
    let said = std::env::var_os("POSTGRES_BIN").map(PathBuf::from);
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let programs: Vec<PathBuf> = debian
        .map(|version| version.path().join("bin"))
        .chain(said)
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    if programs.is_empty() {
        left_out("PostgreSQL is not installed");
    }
    for programs in programs {
        let cluster = Cluster::start(programs).await;
        test(&cluster).await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.control(&["stop", "-m", "immediate"]);
    }
}

impl Cluster {
    async fn start(programs: PathBuf) -> Self {
        let (reserved, port) = reserve();
        let folder = tempfile::tempdir().unwrap();
        let mut cluster = Self { programs, folder, port, is_secured: true, _reserved: reserved };
        let folder = cluster.path("");
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        cluster.write("password", PASSWORD);
        certificates(cluster.folder.path());
        std::fs::set_permissions(cluster.path("server.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::create_dir(cluster.path("data")).unwrap();
        cluster.give_away();
        let (data, password) = (cluster.path("data"), cluster.path("password"));
        let mut initdb = cluster.program("initdb");
        initdb.arg("-D").arg(data).arg("--pwfile").arg(password);
        initdb.args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-N"]);
        run(initdb);
        if let Err(said) = cluster.control(&["start", "-w"]) {
            assert!(said.contains("SSL is not supported by this build"), "{said}");
            cluster.is_secured = false;
            cluster.control(&["start", "-w"]).unwrap();
        }
        cluster.run("CREATE ROLE app_owner; CREATE ROLE guestpass LOGIN CREATEROLE PASSWORD 's3cret'").await;
        cluster
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn give_away(&self) {
        if rustix::process::geteuid().is_root() {
            let entries = std::fs::read_dir(self.folder.path()).unwrap().flatten().map(|entry| entry.path());
            for path in entries.chain([self.path("")]) {
                chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn control(&self, words: &[&str]) -> Result<(), String> {
        let folder = self.folder.path().display();
        let mut options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off -c timezone=UTC",
            self.port,
        );
        if self.is_secured {
            let files = format!("-c ssl_cert_file={folder}/server.pem -c ssl_key_file={folder}/server.key");
            options = format!("{options} -c ssl=on {files}");
        }
        let mut control = self.program("pg_ctl");
        control.arg("-D").arg(self.path("data")).arg("-l").arg(self.path("data/log")).args(words);
        if words[0] != "stop" {
            control.args(["-o", &options]);
        }
        let done = control.status().map_err(|error| error.to_string())?;
        if done.success() {
            return Ok(());
        }
        Err(std::fs::read_to_string(self.path("data/log")).unwrap_or_default())
    }

    pub(super) fn restart(&self) {
        self.control(&["restart", "-w", "-m", "fast"]).unwrap();
    }

    fn settings(&self, user: &str, further: Value) -> Settings {
        let mut settings = json!({
            "postgres": format!("postgres://{user}@127.0.0.1:{}/postgres", self.port),
            "password": PASSWORD,
            "owner": "app_owner",
        });
        settings.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        serde_json::from_value(settings).unwrap()
    }

    pub(super) fn as_superuser(&self) -> Settings {
        self.settings("postgres", json!({}))
    }

    /// As a role that may create roles, belongs to the owner, and may end sessions and give what is to be given: no
    /// superuser.
    pub(super) async fn as_guestpass(&self) -> Settings {
        self.run("GRANT app_owner, pg_signal_backend TO guestpass").await;
        let groups =
            "SELECT coalesce(string_agg(format('GRANT %I TO guestpass WITH ADMIN OPTION', rolname), ';'), '')
            FROM pg_roles WHERE NOT rolcanlogin AND rolname !~ '^pg_' AND rolname <> 'app_owner'";
        let grants = self.ask(groups).await;
        self.run(&grants).await;
        self.settings("guestpass", json!({}))
    }

    /// As a role that may create roles, and nothing else.
    pub(super) async fn as_nobody(&self) -> Settings {
        self.run("CREATE ROLE little LOGIN PASSWORD 's3cret'").await;
        self.settings("little", json!({}))
    }

    pub(super) fn client(&self, further: Value) -> Postgres {
        Postgres::new(&self.settings("postgres", further), Pace::default())
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.path("ca.pem")
    }

    pub(super) fn other_ca(&self) -> PathBuf {
        self.path("other.pem")
    }

    fn options(&self, user: &str, database: &str) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port);
        options.username(user).password(PASSWORD).database(database).ssl_mode(PgSslMode::Disable)
    }

    /// As the person would, whose password somebody has set.
    pub(super) async fn sign_in(&self, name: &str) -> Result<PgConnection, sqlx::Error> {
        self.run(&format!("ALTER ROLE \"{name}\" PASSWORD '{PASSWORD}'")).await;
        PgConnection::connect_with(&self.options(name, "postgres")).await
    }

    pub(super) async fn run(&self, sql: &str) {
        self.run_in("postgres", sql).await;
    }

    pub(super) async fn run_in(&self, database: &str, sql: &str) {
        let mut connection = PgConnection::connect_with(&self.options("postgres", database)).await.unwrap();
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
    }

    pub(super) async fn ask(&self, sql: &str) -> String {
        self.ask_in("postgres", sql).await
    }

    pub(super) async fn ask_in(&self, database: &str, sql: &str) -> String {
        let mut connection = PgConnection::connect_with(&self.options("postgres", database)).await.unwrap();
        let query = sqlx::query_as::<_, (String,)>(AssertSqlSafe(sql.to_owned()));
        query.fetch_one(&mut connection).await.unwrap().0
    }
}

fn run(mut command: Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
