//! What tests need that speak to real servers on this machine.

use crate::account::{Actual, Desired, Seen, Step, next_step};
use crate::provision::connector::{Connector, Key};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::path::Path;
use tokio::net::TcpSocket;

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
