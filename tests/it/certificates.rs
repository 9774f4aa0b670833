//! An app for which a client has to show a certificate, on a connection to that very app.

use crate::harness::{Authority, House, Pair, Site, Told, reserve, soon};
use guestpass::clock::Clock;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What is said to a request for the echo on a connection to the host `name`; nothing where there is no connection.
async fn ask(authority: &Authority, at: SocketAddr, name: &str, shown: Option<&Pair>) -> Option<Told> {
    let mut stream = authority.connect(at, name, "http/1.1", shown).await.ok()?;
    let host = format!("echo.localhost:{}", at.port());
    let head = format!("GET /public HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok()?;
    Told::of(&bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_opens_the_app_that_the_connection_was_made_to() {
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    let (_reserved, secure) = reserve();
    let (ours, clients, strangers) =
        (Authority::new("ours"), Authority::new("clients"), Authority::new("others"));
    let pair = ours.certify(&["echo.localhost", "notes.localhost", "127.0.0.1"]);
    site.write("tls.crt", &pair.certificate);
    site.write("tls.key", &pair.key);
    site.write("clients.crt", &clients.pem());
    let front = site.front;
    let listen = format!(
        "listen: [{{ at: \"{front}\", tls: false }}, {secure}]\n\
         tls: {{ certificate: tls.crt, key: tls.key, client-ca: clients.crt }}\n"
    );
    site.change("guestpass.yaml", &format!("listen: {front}\n"), &listen);
    site.change(
        "guestpass.yaml",
        "host: echo.localhost",
        "host: echo.localhost\n    client-certificate: true",
    );
    let house = House::of(site).await;

    let shown = clients.certify(&["laptop"]);
    let told = ask(&ours, secure, "echo.localhost", Some(&shown)).await.unwrap();
    assert_eq!(told.status, 200, "{}", told.head);
    let seen = house.echo.seen().len();
    for (name, shown, status, reason) in [
        ("echo.localhost", None, 403, "client_certificate_needed"),
        ("notes.localhost", Some(&shown), 421, "other_host"),
        ("notes.localhost", None, 421, "other_host"),
        // An address is no name of a host (RFC 6066, section 3).
        ("127.0.0.1", Some(&shown), 403, "client_certificate_needed"),
    ] {
        let told = ask(&ours, secure, name, shown).await.unwrap();
        assert_eq!((told.status, told.reason().as_str()), (status, reason), "{name}");
    }
    let ends =
        house.counted("guestpass_certificate_expires_timestamp_seconds{certificate=\"tls.crt\"}").await;
    assert!(ends.is_some_and(|end| end > house.clock.now().as_second() as f64), "{ends:?}");
    let forged = strangers.certify(&["laptop"]);
    assert_eq!(ask(&ours, secure, "echo.localhost", Some(&forged)).await, None);
    // In the clear nobody has shown anything.
    let reply = crate::harness::Hand::new().get(&format!("{}/public", house.echo_url)).await;
    assert!(reply.status == 403 && reply.text.contains("client_certificate_needed"), "{}", reply.text);
    // Without the file that says whose certificates count, those of before count, and no others.
    let file = house.folder().join("clients.crt");
    std::fs::remove_file(&file).unwrap();
    soon(|| async { (house.counted("guestpass_config_valid").await == Some(0.0)).then_some(()) }).await;
    for (shown, status) in [(None, Some(403)), (Some(&forged), None), (Some(&shown), Some(200))] {
        let told = ask(&ours, secure, "echo.localhost", shown).await;
        assert_eq!(told.map(|told| told.status), status);
    }
    assert_eq!(house.echo.seen().len(), seen + 1);
    house.finish().await;
}
