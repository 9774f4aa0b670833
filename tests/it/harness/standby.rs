//! PostgreSQL servers of a test's own: one, and one that stands by for it.

use super::counterpart::reserve;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, raw_sql};
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tokio::net::TcpSocket;

/// Whom a server runs as where we are root, as which it does not run.
const NOBODY: u32 = 65_534;

/// A server that ends with the test. Whoever reaches it may do everything.
pub(crate) struct Server {
    programs: PathBuf,
    folder: TempDir,
    pub(crate) address: SocketAddr,
    _reserved: TcpSocket,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.control().args(["stop", "-m", "immediate"]).status();
    }
}

impl Server {
    /// An empty one, or `None` where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        let server = Self::new(programs()?);
        let mut made = server.program("initdb");
        done(made.arg("-D").arg(server.data()).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"]));
        server.begin();
        Some(server)
    }

    /// One that has all that this one has, and will have what it gets: this one says that it is written once both have it.
    pub(crate) async fn standby(&self) -> Self {
        let standby = Self::new(self.programs.clone());
        let mut copied = standby.program("pg_basebackup");
        copied.args(["-h", "127.0.0.1", "-p", &self.address.port().to_string(), "-U", "postgres", "-R"]);
        done(copied.args(["-X", "stream", "-c", "fast", "-D"]).arg(standby.data()));
        standby.begin();
        let mut connection = PgConnection::connect(&self.url()).await.unwrap();
        for words in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            raw_sql(words).execute(&mut connection).await.unwrap();
        }
        standby
    }

    /// Its URL, as the configuration writes it.
    pub(crate) fn url(&self) -> String {
        url(self.address)
    }

    /// Its machine is lost.
    pub(crate) fn is_lost(&self) {
        done(self.control().args(["stop", "-m", "immediate"]));
    }

    /// It stands by no longer.
    pub(crate) fn takes_over(&self) {
        done(self.control().args(["promote", "-w"]));
    }

    fn new(programs: PathBuf) -> Self {
        let (reserved, address) = reserve();
        let server = Self { programs, folder: tempfile::tempdir().unwrap(), address, _reserved: reserved };
        if rustix::process::geteuid().is_root() {
            chown(server.folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        server
    }

    fn begin(&self) {
        let (port, folder) = (self.address.port(), self.folder.path().display());
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off -c max_connections=200"
        );
        done(self.control().args(["start", "-w", "-o", &options]));
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn control(&self) -> Command {
        let mut control = self.program("pg_ctl");
        control.arg("-D").arg(self.data()).arg("-l").arg(self.folder.path().join("log"));
        control
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }
}

/// The URL of whatever answers at `address`.
pub(crate) fn url(address: SocketAddr) -> String {
    format!("postgres://postgres@{address}/postgres?sslmode=disable")
}

/// Where its programs are: in the folder that `POSTGRES_BIN` names, or in the newest that Debian keeps.
fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = debian.map(|version| version.path().join("bin")).filter(|folder| has(folder)).max();
    std::env::var_os("POSTGRES_BIN").map(PathBuf::from).filter(|folder| has(folder)).or(newest)
}

fn has(folder: &Path) -> bool {
    folder.join("initdb").exists()
}

fn done(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
