//! Whose connection it is, as trusted proxies say by PROXY protocol, and nobody else.

use super::*;
use std::net::IpAddr;

const NAMED: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

async fn proxied(trusted: &str) -> Front {
    let trusted = vec![trusted.to_owned().try_into().unwrap()];
    Front::with(Listener::with_proxy_protocol, |entrance| entrance.trusted = trusted).await
}

fn closing() -> Vec<u8> {
    b"GET / HTTP/1.1\r\nhost: access.example.com\r\nconnection: close\r\n\r\n".to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_names_the_client() {
    let front = proxied("127.0.0.0/8").await;
    let six: IpAddr = "2001:db8::7".parse().unwrap();
    let IpAddr::V6(octets) = six else { unreachable!() };
    let version_2 = [b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".as_slice(), &octets.octets(), &[0; 20]].concat();
    for (header, client) in [(NAMED, "192.0.2.7"), (&version_2, "2001:db8::7"), (LOCAL, "127.0.0.1")] {
        let answer = front.raw(&[header, &closing()].concat()).await;
        assert!(answer.ends_with(&format!("HTTP/1.1 {client}\n")), "{answer}");
    }
    // The same, where the header comes byte by byte and HTTP/2 follows.
    let mut stream = front.connect().await;
    stream.set_nodelay(true).unwrap();
    for byte in NAMED {
        stream.write_all(&[*byte]).await.unwrap();
    }
    assert!(ask(&mut stream).await.ends_with("HTTP/1.1 192.0.2.7\n"));
    if is_there("curl") {
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            let said = front.curl("/", &["--haproxy-protocol", version]).await;
            assert!(said.ends_with(" 127.0.0.1\n"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_trusted_or_names_nobody_is_not_heard() {
    let front = proxied("192.0.2.0/24").await;
    assert_eq!(front.raw(&[NAMED, &closing()].concat()).await, "");
    assert_eq!(front.raw(&closing()).await, "");

    let front = proxied("127.0.0.1").await;
    for wrong in
        [&closing()[..], b"PROXY TCP4 1.2.3.4\r\n", b"\r\n\r\n\0\r\nQUIT\n\x22\x11\0\0", &[b'P'; 200]]
    {
        assert_eq!(front.raw(wrong).await, "", "{wrong:?}");
    }
    // Where nobody is to be introduced, a header is a bad request.
    let front = Front::with(
        |listener| listener,
        |entrance| {
            entrance.trusted = vec!["127.0.0.1".to_owned().try_into().unwrap()];
        },
    )
    .await;
    assert!(front.raw(&[NAMED, &closing()].concat()).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn trust_is_told_of_whoever_is_named_and_of_the_socket_where_nobody_is() {
    let peer = async |proxy_protocol, trusted: &[&str], begins: &[u8]| {
        let way = Way { proxy_protocol, ..Way::default() };
        let client = async |address| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&[begins, GET].concat()).await.unwrap();
            let _ = stream.read(&mut [0]).await;
        };
        let guest = meet(way, trusted, Patience::default(), client).await.unwrap();
        assert!(!guest.http2);
        (guest.peer.address.to_string(), guest.peer.trusted)
    };
    let told = |address: &str, trusted| (address.to_owned(), trusted);
    assert_eq!(peer(true, &["127.0.0.1"], NAMED).await, told("192.0.2.7", false));
    assert_eq!(peer(true, &["127.0.0.1", "192.0.2.0/24"], NAMED).await, told("192.0.2.7", true));
    for nobody in [LOCAL, b"PROXY UNKNOWN\r\n"] {
        assert_eq!(peer(true, &["127.0.0.1"], nobody).await, told("127.0.0.1", true));
    }
    assert_eq!(peer(false, &["192.0.2.7"], b"").await, told("127.0.0.1", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_behind_a_proxy_that_passes_bytes_on_speaks_for_nobody() {
    let asks = b"GET / HTTP/1.1\r\nhost: access.example.com\r\nx-forwarded-for: 10.1.2.3\r\nconnection: close\r\n\r\n";
    let front = proxied("127.0.0.0/8").await;
    let answer = front.raw(&[NAMED, asks].concat()).await;
    assert!(answer.ends_with("HTTP/1.1 192.0.2.7\n"), "{answer}");
    // Who is named may be a proxy that is trusted, too.
    let trusted = ["127.0.0.0/8", "192.0.2.7"].map(|text| text.to_owned().try_into().unwrap());
    let more = |entrance: &mut Entrance| entrance.trusted = trusted.to_vec();
    let front = Front::with(Listener::with_proxy_protocol, more).await;
    let answer = front.raw(&[NAMED, asks].concat()).await;
    assert!(answer.ends_with("HTTP/1.1 10.1.2.3\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_a_way_in() {
    if !is_there("curl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let at = |path: &Path| format!("unix:{}", path.display()).parse::<settings::Address>().unwrap();
    let entry = settings::Entry::from(at(&path));
    let proxied = settings::Entry { proxy_protocol: true, ..at(&folder.path().join("proxy.sock")).into() };
    let front = Front::with(
        |listener| listener,
        |entrance| {
            entrance.listeners.extend([&entry, &proxied].map(|entry| Listener::bind(entry, None).unwrap()));
            entrance.trusted = vec!["unix".to_owned().try_into().unwrap()];
        },
    )
    .await;
    let path = path.to_str().unwrap();
    assert_eq!(front.curl("/", &["--unix-socket", path]).await, "HTTP/1.1 127.0.0.1\n");
    let said = front.curl("/", &["--unix-socket", path, "--http2-prior-knowledge"]).await;
    assert_eq!(said, "HTTP/2.0 127.0.0.1\n");
    let mut stream = tokio::net::UnixStream::connect(folder.path().join("proxy.sock")).await.unwrap();
    stream.write_all(&[NAMED, &closing()].concat()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("HTTP/1.1 192.0.2.7\n"), "{answer}");
}
