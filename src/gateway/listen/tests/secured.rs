//! TLS, by openssl and curl.

use super::*;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What `openssl s_client` says of a connection on which it sends one request.
async fn s_client(address: SocketAddr, words: &[&str]) -> String {
    let address = address.to_string();
    let words = [&["s_client", "-connect", &address, "-ign_eof"], words].concat();
    let request = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
    run("openssl", &words, request.as_bytes()).await
}

async fn front(tls: Tls) -> (Front, Arc<Tls>) {
    let tls = Arc::new(tls);
    let front = Front::with(|listener| listener.with_tls(tls.clone()), |_| {}).await;
    (front, tls)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_is_that_of_the_host_asked_for() {
    if !is_there("openssl") {
        return;
    }
    let authority = Authority::new();
    let certificates = vec![
        authority.issue("first", &[HOST], 2020),
        authority.issue("all", &["*.apps.example.com", "apps.example.com"], 2020),
        authority.issue("one", &["wiki.apps.example.com"], 2020),
    ];
    let (front, _) = front(load(&TlsFiles { certificates, client_ca: None })).await;
    for (name, certificate) in [
        (HOST, "first"),
        ("apps.example.com", "all"),
        ("notes.apps.example.com", "all"),
        ("Notes.Apps.example.com", "all"),
        ("wiki.apps.example.com", "one"),
        ("a.b.apps.example.com", "first"),
        ("elsewhere.example.com", "first"),
    ] {
        let said = s_client(front.address, &["-servername", name]).await;
        assert!(said.contains(&format!("subject=CN = {certificate}\n")), "{name}: {said}");
    }
    let said = s_client(front.address, &["-noservername"]).await;
    assert!(said.contains("subject=CN = first\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_both_protocols_are_spoken_and_early_data_is_not() {
    if !is_there("openssl") || !is_there("curl") {
        return;
    }
    let authority = Authority::new();
    let (front, _) = front(authority.tls("front", None)).await;
    let ca = authority.ca();
    for (version, answer) in [("--http2", "HTTP/2.0 127.0.0.1\n"), ("--http1.1", "HTTP/1.1 127.0.0.1\n")] {
        for most in ["1.2", "1.3"] {
            let said = front.curl("/", &["https", "--cacert", &ca, version, "--tls-max", most]).await;
            assert_eq!(said, answer, "TLS {most}");
        }
        let size = ["https", "--cacert", &ca, version, "-o", "/dev/null", "-w", "%{size_download}"];
        assert_eq!(front.curl("/large", &size).await, "100000");
        let large = authority.path("large");
        std::fs::write(&large, vec![b'x'; 1_000_000]).unwrap();
        let upload = format!("@{large}");
        let sent = front.curl("/count", &["https", "--cacert", &ca, version, "--data-binary", &upload]).await;
        assert_eq!(sent, "1000000");
    }
    let said = s_client(front.address, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]).await;
    assert!(said.contains("Cipher is (NONE)"), "{said}");

    // Sessions are resumed, and none allows data before the handshake is over.
    let session = authority.path("session");
    let first = s_client(front.address, &["-servername", HOST, "-tls1_3", "-sess_out", &session]).await;
    assert!(first.contains("Max Early Data: 0") && !first.contains("Max Early Data: 1"), "{first}");
    let again = s_client(front.address, &["-servername", HOST, "-tls1_3", "-sess_in", &session]).await;
    assert!(again.contains("Reused, TLSv1.3") && again.contains("200 OK"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_replaced_under_a_connection_that_goes_on() {
    if !is_there("openssl") {
        return;
    }
    let authority = Authority::new();
    let (front, tls) = front(authority.tls("before", None)).await;
    let mut roots = RootCertStore::empty();
    for certificate in super::super::certificates::chain(authority.ca().as_ref()).unwrap() {
        roots.add(certificate).unwrap();
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let mut open = connector.connect(HOST.try_into().unwrap(), front.connect().await).await.unwrap();
    open.write_all(GET).await.unwrap();
    read_page(&mut open).await;
    tls.replace(&authority.tls("after", None));
    open.write_all(GET).await.unwrap();
    read_page(&mut open).await;
    let said = s_client(front.address, &["-servername", HOST]).await;
    assert!(said.contains("subject=CN = after\n") && said.contains("200 OK"), "{said}");
}

async fn read_page(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut read = String::new();
    while !read.ends_with("127.0.0.1\n") {
        read.push(char::from(timeout(SOON, stream.read_u8()).await.unwrap().unwrap()));
    }
    assert!(read.starts_with("HTTP/1.1 200 OK"), "{read}");
}

#[tokio::test]
async fn a_client_may_show_a_certificate_that_our_ca_issued_and_no_other() {
    if !is_there("openssl") {
        return;
    }
    let (authority, stranger) = (Authority::new(), Authority::new());
    let way = Way {
        tls: Some(authority.tls("front", Some(&authority.ca())).into()),
        proxy_protocol: false,
        forward_auth: false,
    };
    let greeted = async |way: &Way, words: &[&str]| {
        let words = [&["-servername", "Access.example.com"], words].concat();
        meet(way.clone(), &[], Patience::default(), async |address| drop(s_client(address, &words).await))
            .await
    };
    let name = || Some("access.example.com".into());
    let guest = greeted(&way, &[]).await.unwrap();
    assert_eq!(guest.peer.tls, Some(Secured { server_name: name(), client_certificate: false }));
    let ours = authority.issue("client", &["client.example.com"], 2020);
    let theirs = stranger.issue("client", &["client.example.com"], 2020);
    let old = authority.issue("old", &["client.example.com"], 2000);
    let shows = |files: &CertificateFiles| {
        [&files.certificate, &files.key].map(|path| path.to_str().unwrap().to_owned())
    };
    for version in ["-tls1_2", "-tls1_3"] {
        let [certificate, key] = shows(&ours);
        let guest = greeted(&way, &[version, "-cert", &certificate, "-key", &key]).await.unwrap();
        assert_eq!(guest.peer.tls, Some(Secured { server_name: name(), client_certificate: true }));
        for refused in [&theirs, &old] {
            let [certificate, key] = shows(refused);
            let turned_away = greeted(&way, &[version, "-cert", &certificate, "-key", &key]).await;
            assert!(matches!(turned_away, Err(TurnedAway::Io(_))), "{certificate}");
        }
    }
    // Where nobody's certificates are wanted, none is asked for.
    let way =
        Way { tls: Some(authority.tls("front", None).into()), proxy_protocol: false, forward_auth: false };
    let [certificate, key] = shows(&ours);
    let guest = greeted(&way, &["-cert", &certificate, "-key", &key]).await.unwrap();
    assert_eq!(guest.peer.tls, Some(Secured { server_name: name(), client_certificate: false }));
}

#[tokio::test]
async fn every_mistake_in_certificates_is_told() {
    let authority = Authority::new();
    let good = authority.issue("good", &[HOST], 2020);
    let other = authority.issue("other", &[HOST], 2020);
    let swapped = CertificateFiles { key: other.key.clone(), ..good.clone() };
    let missing = CertificateFiles { certificate: authority.path("missing").into(), ..good.clone() };
    let turned = CertificateFiles { certificate: good.key.clone(), key: good.certificate.clone() };
    let files = TlsFiles {
        certificates: vec![swapped, missing, turned],
        client_ca: Some(authority.path("good.key").into()),
    };
    let now = "2026-03-02T09:00:00Z".parse().unwrap();
    let mistakes = Tls::load(&files, Path::new("."), now).map(|_| ()).unwrap_err();
    let words = ["is not the key of", "cannot be read", "holds no certificate", "holds no certificate"];
    for (mistake, words) in mistakes.iter().zip(words) {
        assert!(mistake.message.contains(words), "{mistake:?}");
    }
    assert_eq!(mistakes.len(), 4);

    let files = TlsFiles {
        certificates: vec![
            authority.issue("old", &[HOST], 2010),
            authority.issue("early", &[HOST], 2030),
            authority.issue("nameless", &[], 2020),
            good,
        ],
        client_ca: None,
    };
    let (_, warnings) = Tls::load(&files, Path::new("."), now).unwrap();
    let words =
        ["expired on 2020-01-01T00:00:00Z", "is not valid before 2030-01-01T00:00:00Z", "for no host"];
    for (warning, words) in warnings.iter().zip(words) {
        assert!(warning.message.contains(words), "{warning:?}");
    }
    assert_eq!(warnings.len(), 3);
}
