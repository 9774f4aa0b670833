//! What tests need that speak to real servers on this machine.

use crate::account::{Actual, Desired, Seen, Step, next_step};
use crate::provision::connector::{Connector, Key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpSocket;
use tracing::Level;
use tracing_subscriber::util::SubscriberInitExt;

/// A free port on loopback that nobody else gets while the socket lives: bound, and not listened on. Who says
/// SO_REUSEADDR, as servers do, can listen there.
pub(super) fn reserve() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// Says that something is left out because a server is missing, which CI does not accept.
pub(super) fn left_out(why: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}");
    eprintln!("{why}: left out");
}

/// Writes into `folder`: `server.pem` and `server.key` for 127.0.0.1; `ca.pem`, which vouches for it; `other.pem`, which
/// does not.
pub(super) fn certificates(folder: &Path) {
    for name in ["ca", "other"] {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.pem")), ca.pem()).unwrap();
        if name == "ca" {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
            std::fs::write(folder.join("server.pem"), params.signed_by(&key, &ca).unwrap().pem()).unwrap();
            std::fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
        }
    }
}

/// What is logged while `work` runs: all that it and its libraries have to say.
pub(super) async fn logged(work: impl Future<Output = ()>) -> String {
    let log = Arc::<Mutex<Vec<u8>>>::default();
    let writer = log.clone();
    let traced = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false);
    let guard = traced.with_writer(move || Log(writer.clone())).finish().set_default();
    tracing::trace!("all is said");
    work.await;
    drop(guard);
    let log = log.lock().unwrap();
    String::from_utf8_lossy(&log).into_owned()
}

struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fails where one of `secrets` was said, in any of the forms in which a library may print bytes.
pub(super) fn says_nothing_of(said: &str, secrets: &[&str]) {
    assert!(said.contains("TRACE"), "not all was logged: {said}");
    for secret in secrets {
        let of = |form: fn(&u8) -> String, joint: &str| {
            secret.as_bytes().iter().map(form).collect::<Vec<_>>().join(joint)
        };
        let forms = [
            (*secret).to_owned(),
            STANDARD.encode(secret),
            of(|byte| byte.to_string(), ", "),
            of(|byte| format!("{byte:02x}"), ""),
            of(|byte| format!("{byte:02x}"), " "),
        ];
        for form in forms {
            let line = said.lines().find(|line| line.to_lowercase().contains(&form.to_lowercase()));
            assert!(line.is_none(), "{secret} is said: {line:?}");
        }
    }
}

/// Looks and steps until no step is left; returns the steps.
pub(super) async fn settle(connector: &dyn Connector, key: &Key, desired: &Desired) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(step) = next_step(desired, &connector.observe(key, desired).await.unwrap()) {
        connector.apply(key, &step).await.unwrap();
        steps.push(step);
        assert!(steps.len() < 20, "no end: {steps:?}");
    }
    steps
}

/// A step in words: `disable`, `give readers`.
pub(super) fn in_words(step: &Step) -> String {
    let kind = kind(step);
    match step {
        Step::Give { entitlement, .. } | Step::Take { entitlement, .. } => {
            format!("{kind} {}", entitlement.name())
        }
        _ => kind,
    }
}

/// Which step it is.
pub(super) fn kind(step: &Step) -> String {
    serde_json::to_value(step).unwrap()["step"].as_str().unwrap().to_owned()
}

/// The account of `key`, which is there.
pub(super) async fn seen(connector: &dyn Connector, key: &Key, desired: &Desired) -> Seen {
    match connector.observe(key, desired).await.unwrap() {
        Actual::Present(seen) => seen,
        Actual::Absent => panic!("it is gone"),
    }
}
