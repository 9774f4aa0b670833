//! The real binary, as operators run it.

use super::site::Site;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// `guestpass serve` in a process of its own. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    logs: PathBuf,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// `guestpass` with these words.
pub(crate) async fn guestpass(words: &[&str]) -> Said {
    guestpass_with(words, &[]).await
}

/// The same with these variables in its environment.
pub(crate) async fn guestpass_with(words: &[&str], variables: &[(&str, &str)]) -> Said {
    let mut command = command(env!("CARGO_BIN_EXE_guestpass"));
    let done = command.args(words).envs(variables.iter().copied()).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_remove("RUST_LOG").env_remove("GUESTPASS_CONFIG").kill_on_drop(true);
    command
}

impl Process {
    /// Started, and listening to operators as to everybody. Its log is appended to that of earlier runs.
    pub(crate) async fn serve(site: &Site) -> Self {
        Self::serve_with(site, "info").await
    }

    /// The same, logging as `RUST_LOG` says.
    pub(crate) async fn serve_with(site: &Site, level: &str) -> Self {
        let mut command = command(env!("CARGO_BIN_EXE_guestpass"));
        command.arg("serve").arg("--config").arg(site.config()).env("RUST_LOG", level);
        Self::start(site, command).await
    }

    /// The same by another program: that of a version before, for instance.
    pub(crate) async fn serve_by(site: &Site, program: &str) -> Self {
        let mut command = command(program);
        command.arg("serve").arg("--config").arg(site.config()).env("RUST_LOG", "info");
        Self::start(site, command).await
    }

    /// Another one, by another configuration in the folder of `site`, whose files have its name.
    pub(super) async fn serve_also(site: &Site, name: &str) -> Self {
        let mut command = command(env!("CARGO_BIN_EXE_guestpass"));
        let config = site.folder().join(name).with_extension("yaml");
        command.arg("serve").arg("--config").arg(config).env("RUST_LOG", "info");
        Self::start_as(site, name, command).await
    }

    /// The same where no file may grow beyond so many KiB, as on a disk that is full.
    pub(crate) async fn serve_within(site: &Site, kib: u32) -> Self {
        let mut command = command("bash");
        let limited = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
        command.args(["-c", &limited, "-", env!("CARGO_BIN_EXE_guestpass"), "serve", "--config"]);
        command.arg(site.config());
        Self::start(site, command).await
    }

    async fn start(site: &Site, command: Command) -> Self {
        Self::start_as(site, "guestpass", command).await
    }

    async fn start_as(site: &Site, name: &str, mut command: Command) -> Self {
        let logs = site.folder().join(name).with_extension("log");
        let log = File::options().create(true).append(true).open(&logs).unwrap();
        let child = command.stdout(log.try_clone().unwrap()).stderr(Stdio::from(log)).spawn().unwrap();
        let mut process = Self { child, logs };
        while UnixStream::connect(site.folder().join(name).with_extension("sock")).await.is_err() {
            let ended = process.child.try_wait().unwrap();
            assert!(ended.is_none(), "it does not start: {}", process.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process
    }

    /// `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM; returns once it has ended.
    pub(crate) async fn stop(self) -> i32 {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(mut self) -> i32 {
        self.child.wait().await.unwrap().code().unwrap()
    }

    /// How much of it is in memory, in bytes.
    pub(crate) fn resident(&self) -> usize {
        let path = format!("/proc/{}/status", self.child.id().unwrap());
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// Sends it this signal.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().await.unwrap().success());
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.logs).unwrap()
    }
}
