//! Clients of every kind at real sockets: curl, openssl, and raw bytes where they would tidy them.

mod crowd;
mod frames;
mod introduced;
mod limits;
mod secured;
mod spoken;
mod way_out;

use super::greet::{Guest, TurnedAway, greet};
use super::listener::Way;
use super::peer::Origin;
use super::settings::{CertificateFiles, TlsFiles};
use super::stream::{Accepted, Held, Socket};
use super::*;
use crate::clock::Clock;
use crate::gateway::{Assertions, Gateway, Live, Plan, Routes, Running, Tallies, start};
use crate::identity::SigningKey;
use crate::session::{Sessions, Visit};
use axum::body::Bytes;
use axum::extract::Request;
use axum::routing::{get, post};
use axum::{Extension, Router};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

const HOST: &str = "access.example.com";
const SOON: Duration = Duration::from_secs(10);
const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: access.example.com\r\n\r\n";

/// What `/slow` waits for.
struct Slow {
    asked: AtomicUsize,
    go_on: Semaphore,
}

impl Default for Slow {
    fn default() -> Self {
        Self { asked: AtomicUsize::new(0), go_on: Semaphore::new(0) }
    }
}

/// A gateway with pages of its own that tell who asks.
struct Front {
    address: SocketAddr,
    drain: Drain,
    running: Running,
    slow: Arc<Slow>,
}

fn entrance(listener: impl Into<Listener>) -> Entrance {
    Entrance {
        listeners: vec![listener.into()],
        trusted: Vec::new(),
        most: 100,
        patience: Patience::default(),
        finish: SOON,
    }
}

async fn gateway(entrance: Entrance, slow: Arc<Slow>) -> Gateway {
    let who = |Extension(visit): Extension<Visit>, request: Request| async move {
        format!("{:?} {}\n", request.version(), visit.client)
    };
    let wait = move || async move {
        slow.asked.fetch_add(1, Ordering::Relaxed);
        slow.go_on.acquire().await.unwrap().forget();
        "at last\n"
    };
    let url = format!("https://{HOST}").parse().unwrap();
    Gateway {
        entrance,
        workers: 2,
        sessions: Sessions::for_tests().await,
        tallies: Tallies::new(2),
        traces: None,
        access_log: None,
        assertions: Arc::new(Assertions::new("", SigningKey::generate().unwrap().into())),
        live: Arc::new(Live::new(Plan {
            routes: Routes::new(url, []).unwrap(),
            pages: Router::new()
                .route("/", get(who))
                .route("/slow", get(wait))
                .route("/large", get(|| async { vec![b'x'; 100_000] }))
                .route("/count", post(|body: Bytes| async move { body.len().to_string() })),
            bearers: None,
        })),
        main: Handle::current(),
        clock: Clock::turned("2026-03-02T09:00:00Z".parse().unwrap()),
        drain: Drain::default(),
    }
}

impl Front {
    async fn open() -> Self {
        Self::with(|listener| listener, |_| {}).await
    }

    /// A listener made into another, and an entrance with more to say.
    async fn with(listener: impl FnOnce(Listener) -> Listener, more: impl FnOnce(&mut Entrance)) -> Self {
        let bound = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = bound.local_addr().unwrap();
        let mut entrance = entrance(listener(bound.into()));
        more(&mut entrance);
        let slow = Arc::<Slow>::default();
        let gateway = gateway(entrance, slow.clone()).await;
        let drain = gateway.drain.clone();
        Self { address, drain, running: start(gateway).unwrap(), slow }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// What is said to these bytes until the end of the connection.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        rest(&mut stream).await
    }

    /// Asks curl for a path, with more words; what it printed.
    async fn curl(&self, path: &str, words: &[&str]) -> String {
        let (scheme, words) = match words {
            ["https", words @ ..] => ("https", words),
            words => ("http", words),
        };
        let port = self.address.port();
        let resolved = format!("{HOST}:{port}:127.0.0.1");
        let url = format!("{scheme}://{HOST}:{port}{path}");
        let words = [&["-sS", "--max-time", "20", "--resolve", &resolved, &url], words].concat();
        run("curl", &words, b"").await
    }
}

/// What is said until the end of the connection, which may also be broken off.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut all)).await.expect("the connection stays open");
    String::from_utf8_lossy(&all).into_owned()
}

/// Asks on a connection that stays, and reads the answer.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(GET).await.unwrap();
    let (mut read, mut buffer) = (String::new(), [0; 1024]);
    while !read.ends_with('\n') || !read.contains("\r\n\r\n") {
        match timeout(SOON, stream.read(&mut buffer)).await.expect("no answer").unwrap_or(0) {
            0 => panic!("no answer, but the end after {read:?}"),
            count => read.push_str(&String::from_utf8_lossy(&buffer[..count])),
        }
    }
    read
}

async fn until(mut so: impl FnMut() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, wait).await.expect("it did not become so");
}

/// Whether a program that a test speaks to is there. Without it nothing is proved, which CI does not accept.
fn is_there(program: &str) -> bool {
    let there = std::process::Command::new(program).arg("--version").output().is_ok();
    if !there {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{program} is not installed");
        eprintln!("NOT TESTED: {program} is not installed");
    }
    there
}

/// What a program prints, and complains of, when it is given `input`.
async fn run(program: &str, words: &[&str], input: &[u8]) -> String {
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input).await;
    let said = timeout(Duration::from_secs(30), child.wait_with_output()).await.unwrap().unwrap();
    String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()
}

/// A certificate authority with a folder for what it issues.
struct Authority {
    folder: TempDir,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let (folder, key) = (tempfile::tempdir().unwrap(), rcgen::KeyPair::generate().unwrap());
        let mut params = rcgen::CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: rcgen::Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn ca(&self) -> String {
        self.path("ca.pem")
    }

    /// Issues a certificate for these names, called by the first of them, `since` a year.
    fn issue(&self, file: &str, names: &[&str], since: i32) -> CertificateFiles {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, file);
        params.not_before = rcgen::date_time_ymd(since, 1, 1);
        params.not_after = rcgen::date_time_ymd(since + 10, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let [certificate_path, key_path] =
            ["crt", "key"].map(|ending| self.path(&format!("{file}.{ending}")));
        std::fs::write(&certificate_path, certificate.pem()).unwrap();
        std::fs::write(&key_path, key.serialize_pem()).unwrap();
        CertificateFiles { certificate: certificate_path.into(), key: key_path.into() }
    }

    /// TLS with one certificate for [`HOST`], and clients of our own if wanted.
    fn tls(&self, file: &str, client_ca: Option<&str>) -> Tls {
        let certificates = vec![self.issue(file, &[HOST], 2020)];
        load(&TlsFiles { certificates, client_ca: client_ca.map(PathBuf::from) })
    }
}

fn load(files: &TlsFiles) -> Tls {
    let now = "2026-03-02T09:00:00Z".parse().unwrap();
    Tls::load(files, Path::new("."), now)
        .map(|(tls, _)| tls)
        .unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// A client's end, and our end once it was greeted.
async fn meet(
    way: Way,
    trusted: &[&str],
    patience: Patience,
    client: impl AsyncFnOnce(SocketAddr),
) -> Result<Guest, TurnedAway> {
    let trusted: Vec<_> = trusted.iter().map(|&text| text.to_owned().try_into().unwrap()).collect();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let greeted = async {
        let (stream, from) = listener.accept().await.unwrap();
        let socket = Socket::new(Accepted::Tcp(stream.into_std().unwrap()), Held::default()).unwrap();
        greet(socket, Origin::of(from.ip()), &way, &trusted, patience).await
    };
    // A client may wait for more than a greeting: it is let go when it has been greeted.
    tokio::select! {
        guest = greeted => guest,
        () = async { client(address).await; std::future::pending().await } => unreachable!(),
    }
}
