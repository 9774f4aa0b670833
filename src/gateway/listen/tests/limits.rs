//! Slow clients, and those who ask for too much.

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET https://access.example.com/` (RFC 7541).
fn get_in_hpack() -> Vec<u8> {
    [&[0x82, 0x87, 0x84, 0x41, 18], HOST.as_bytes()].concat()
}

/// Every frame until the end: kind, stream, payload.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u32, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        found.push((head[3], stream, payload.to_vec()));
        bytes = rest;
    }
    found
}

/// Says these bytes, as much of them as is taken, and reads until the end.
async fn converse(address: SocketAddr, bytes: Vec<u8>) -> Vec<(u8, u32, Vec<u8>)> {
    let (mut read, mut write) = TcpStream::connect(address).await.unwrap().into_split();
    let writing = tokio::spawn(async move {
        let _ = write.write_all(&bytes).await;
        write
    });
    let mut said = Vec::new();
    let _ = timeout(SOON, read.read_to_end(&mut said)).await.expect("the connection stays open");
    drop(writing.await.unwrap());
    frames(&said)
}

fn calm_down(said: &[(u8, u32, Vec<u8>)]) -> bool {
    said.iter().any(|(kind, _, payload)| *kind == GOAWAY && payload[4..8] == ENHANCE_YOUR_CALM.to_be_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let front = Front::open().await;
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for stream in (1..20_000).step_by(2) {
        bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, stream, &get_in_hpack()));
        bytes.extend(frame(RESET, 0, stream, &8_u32.to_be_bytes()));
    }
    let said = converse(front.address, bytes).await;
    assert!(calm_down(&said), "{said:?}");
    assert!(ask(&mut front.connect().await).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_end_end_the_connection() {
    let front = Front::open().await;
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    bytes.extend(frame(HEADERS, END_STREAM, 1, &get_in_hpack()));
    // A field that is never indexed, 100 bytes in each frame.
    let field = [&[0x10, 1, b'x', 96][..], &[b'y'; 96]].concat();
    for _ in 0..20_000 {
        bytes.extend(frame(CONTINUATION, 0, 1, &field));
    }
    let said = converse(front.address, bytes).await;
    assert!(said.iter().any(|(kind, ..)| *kind == GOAWAY), "{said:?}");
    assert!(ask(&mut front.connect().await).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let front = Front::open().await;
    let head = |size: usize| {
        let padding = "y".repeat(size);
        format!("GET / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\nx: {padding}\r\n\r\n").into_bytes()
    };
    assert!(front.raw(&head(60 * 1024)).await.starts_with("HTTP/1.1 200 "));
    assert!(front.raw(&head(70 * 1024)).await.starts_with("HTTP/1.1 431 "));
    if is_there("curl") {
        let (fits, does_not) = (format!("x: {}", "y".repeat(60_000)), format!("x: {}", "y".repeat(70_000)));
        let words =
            |header| ["--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code}", "-H", header];
        assert_eq!(front.curl("/", &words(&fits)).await, "200");
        assert_eq!(front.curl("/", &words(&does_not)).await, "431");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_has_its_limits_in_its_settings_and_offers_websockets() {
    let front = Front::open().await;
    let mut stream = front.connect().await;
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
    let mut head = [0; 9];
    timeout(SOON, stream.read_exact(&mut head)).await.unwrap().unwrap();
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let said = |id: u16| {
        let found = settings.chunks(6).find(|setting| setting[..2] == id.to_be_bytes())?;
        Some(u32::from_be_bytes([found[2], found[3], found[4], found[5]]))
    };
    assert_eq!(head[3], SETTINGS);
    // RFC 9113, section 6.5.2, and RFC 8441, section 3.
    assert_eq!((said(3), said(6), said(8)), (Some(128), Some(64 * 1024), Some(1)));
}

const SHORT: Patience = Patience { greeting: Duration::from_millis(200), head: Duration::from_millis(200) };

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_never_ends_a_head_is_closed() {
    let front = Front::with(|listener| listener, |entrance| entrance.patience = SHORT).await;
    for said in [b"".as_slice(), b"PRI * HT", b"GET / HTTP/1.1\r\nhost: a", PREFACE, GET] {
        let before = std::time::Instant::now();
        front.raw(said).await;
        assert!(before.elapsed() >= SHORT.head, "{said:?}");
    }
    let authority = Authority::new();
    let tls = Arc::new(authority.tls("front", None));
    let front = Front::with(|listener| listener.with_tls(tls), |entrance| entrance.patience = SHORT).await;
    if is_there("openssl") {
        // A handshake, and no word of HTTP/2 after it.
        let address = front.address.to_string();
        let words = ["s_client", "-connect", &address, "-alpn", "h2", "-ign_eof"];
        let said = run("openssl", &words, b"").await;
        assert!(said.contains("ALPN protocol: h2"), "{said}");
    }
}

#[tokio::test]
async fn who_never_ends_a_greeting_is_closed() {
    let authority = Authority::new();
    let tls = || Some(Arc::new(authority.tls("front", None)));
    let ways = [
        (Way { tls: None, proxy_protocol: true }, b"PROXY TCP4".as_slice()),
        (Way { tls: tls(), proxy_protocol: false }, b""),
        (Way { tls: tls(), proxy_protocol: false }, b"\x16\x03\x01"),
        (Way { tls: tls(), proxy_protocol: true }, b"PROXY UNKNOWN\r\n"),
    ];
    for (way, said) in ways {
        let greeted = meet(way, &["127.0.0.1"], SHORT, async |address| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(said).await.unwrap();
            let _ = stream.read(&mut [0]).await;
        });
        let greeted = greeted.await;
        assert!(matches!(greeted, Err(TurnedAway::Silent(_))), "{:?}", greeted.err());
    }
}
