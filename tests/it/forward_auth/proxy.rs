//! The real proxies, as the documentation sets them up.

use crate::harness::{Hand, House, Site, Wire, reserve, soon};
use guestpass::clock::Clock;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};

/// A proxy that can carry requests.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Nginx,
    Caddy,
}

/// guestpass, and a proxy before each of its apps that asks it.
pub(crate) struct Carried {
    pub(crate) house: House,
    /// Where guestpass answers questions.
    pub(crate) ask: SocketAddr,
    pub(crate) notes_url: String,
    pub(crate) echo_url: String,
    pub(crate) echo_at: SocketAddr,
    notes_at: SocketAddr,
    _reserved: [TcpSocket; 3],
}

/// Runs `test` with each proxy that is there.
pub(crate) async fn each(test: impl AsyncFn(&Carried)) {
    for kind in [Kind::Nginx, Kind::Caddy] {
        let carried = Carried::by(Some(kind)).await;
        let (notes, echo) = (carried.house.pages.address, carried.house.echo.address);
        let at_notes = kind.carries(&carried, "notes", carried.notes_at, notes).await;
        let at_echo = kind.carries(&carried, "echo", carried.echo_at, echo).await;
        if let (Some(_notes), Some(_echo)) = (at_notes, at_echo) {
            println!("by {kind:?}");
            test(&carried).await;
        }
        carried.house.finish().await;
    }
}

impl Carried {
    /// Nobody asks: guestpass itself is where the proxies would be.
    pub(crate) async fn by_nobody() -> Self {
        Self::by(None).await
    }

    /// guestpass, where this proxy will ask it.
    async fn by(kind: Option<Kind>) -> Self {
        let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
        let [(a, ask), (b, notes_at), (c, echo_at)] = [reserve(), reserve(), reserve()];
        let front = site.front;
        let itself = if kind.is_none() { format!("{notes_at}, {echo_at}, ") } else { String::new() };
        let listen = format!(
            "listen: [{front}, {itself}{{ at: \"{ask}\", forward-auth: true }}]\ntrusted-proxies: [127.0.0.1/32]\n"
        );
        site.change("guestpass.yaml", &format!("listen: {front}\n"), &listen);
        for (name, at, app) in [("notes", notes_at, site.pages.address), ("echo", echo_at, site.echo.address)]
        {
            let before = format!("host: {name}.localhost\n    upstream: http://{app}\n");
            let after = format!("host: \"{name}.localhost:{}\"\n", at.port());
            site.change("guestpass.yaml", &before, &after);
        }
        site.change(
            "guestpass.yaml",
            "    headers: { X-User: subject, X-Roles: roles, X-Mail: email }\n",
            "",
        );
        let url = |name: &str, at: SocketAddr| format!("http://{name}.localhost:{}", at.port());
        Self {
            notes_url: url("notes", notes_at),
            echo_url: url("echo", echo_at),
            house: House::of(site).await,
            ask,
            echo_at,
            notes_at,
            _reserved: [a, b, c],
        }
    }

    /// The host of one of its addresses, with the port.
    pub(crate) fn host<'a>(&self, url: &'a str) -> &'a str {
        url.strip_prefix("http://").unwrap()
    }

    /// Somebody who has signed in to the echo, through its proxy.
    pub(crate) async fn guest(&self, person: &str) -> Hand {
        let mut hand = Hand::new();
        let (url, status) = self.sign_in(&mut hand, &self.echo_url, person).await;
        assert_eq!(status, 200, "{url}");
        hand
    }

    /// Where it led, and the last status.
    pub(crate) async fn sign_in(&self, hand: &mut Hand, url: &str, person: &str) -> (String, u16) {
        let (asked, last) = hand.follow(url, &self.house.provider_url).await;
        assert!(asked.starts_with(&self.house.provider_url), "{asked}: {} {}", last.status, last.text);
        let back = hand.choose(&asked, person).await;
        let (led, last) = hand.follow(&back, "never").await;
        (led, last.status)
    }

    /// What the echo's proxy answers to a request with these lines: status, and head and body as text.
    pub(crate) async fn raw(&self, line: &str, lines: &str) -> (u16, String) {
        let mut wire = Wire::to(self.echo_at).await;
        let host = self.host(&self.echo_url);
        let body = if line.starts_with("POST") { "body" } else { "" };
        wire.send(format!("{line} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n{body}")).await;
        let told = wire.told().await.unwrap();
        (told.status, format!("{}\n{}", told.head.to_lowercase(), told.text()))
    }
}

impl Kind {
    /// Starts it at `at`, before the app at `app`. Where it is not installed that is said, and nothing started.
    async fn carries(self, carried: &Carried, name: &str, at: SocketAddr, app: SocketAddr) -> Option<Child> {
        let folder = carried.house.folder().join(format!("{self:?}-{name}"));
        std::fs::create_dir(&folder).unwrap();
        let mut command = match self {
            Self::Nginx => nginx(carried, &folder, &format!("{name}.localhost"), at, app),
            Self::Caddy => caddy(carried, &folder, &format!("{name}.localhost"), at, app),
        };
        let child = match command.kill_on_drop(true).spawn() {
            Ok(child) => child,
            Err(error) => {
                assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{self:?} cannot be started: {error}");
                eprintln!("NOT TESTED: {self:?} cannot be started: {error}");
                return None;
            }
        };
        soon(|| async { TcpStream::connect(at).await.ok() }).await;
        Some(child)
    }
}

/// A file of the documentation with other addresses in it, each of which it must name.
fn snippet(name: &str, addresses: &[(&str, String)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/forward-auth").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    addresses.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{name} does not say {from:?}");
        text.replace(from, to)
    })
}

fn nginx(carried: &Carried, folder: &Path, host: &str, at: SocketAddr, app: SocketAddr) -> Command {
    let text = snippet(
        "nginx.conf",
        &[
            ("listen 80", format!("listen {at}")),
            ("server_name wiki.example.com", format!("server_name {host}")),
            ("wiki.example.com", format!("{host}:{}", at.port())),
            ("127.0.0.1:3000", app.to_string()),
            ("127.0.0.1:8080", carried.house.front.to_string()),
            ("127.0.0.1:8081", carried.ask.to_string()),
        ],
    );
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind};\n"))
        .concat();
    let whole = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}{text}}}\n"
    );
    let path = written(folder, whole);
    let mut command = Command::new("nginx");
    command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(path);
    command
}

fn caddy(carried: &Carried, folder: &Path, host: &str, at: SocketAddr, app: SocketAddr) -> Command {
    let text = snippet(
        "Caddyfile",
        &[
            ("wiki.example.com", format!("http://{host}:{}", at.port())),
            ("127.0.0.1:3000", app.to_string()),
            ("127.0.0.1:8081", carried.ask.to_string()),
        ],
    );
    let path = written(
        folder,
        format!("{{\n\tadmin off\n\tauto_https off\n\tlog {{\n\t\tlevel WARN\n\t}}\n}}\n{text}"),
    );
    let mut command = Command::new("caddy");
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(path);
    command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
    command
}

fn written(folder: &Path, text: String) -> PathBuf {
    let path = folder.join("configuration");
    std::fs::write(&path, text).unwrap();
    path
}
