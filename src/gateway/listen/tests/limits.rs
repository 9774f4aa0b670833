//! Slow clients, and those who ask for too much.

use super::frames::*;
use super::*;

/// Says these bytes, as much of them as is taken, and reads until the end.
async fn converse(address: SocketAddr, bytes: Vec<u8>) -> Vec<Frame> {
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

fn calm_down(said: &[Frame]) -> bool {
    said.iter().any(|(kind, _, payload)| *kind == GOAWAY && payload[4..8] == ENHANCE_YOUR_CALM.to_be_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let front = Front::open().await;
    let mut bytes = hello();
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
    let mut bytes = hello();
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
    // Over HTTP/2: five fields of 15,000 bytes, never indexed (RFC 7541, sections 5.1 and 6.2.3), a frame each.
    let field = [&[0x10, 1, b'x', 0x7f, 0x99, 0x74][..], &[b'y'; 15_000]].concat();
    let head = |fields: usize| {
        let mut bytes = [hello(), frame(HEADERS, END_STREAM, 1, &get_in_hpack())].concat();
        (1..fields).for_each(|_| bytes.extend(frame(CONTINUATION, 0, 1, &field)));
        [bytes, frame(CONTINUATION, END_HEADERS, 1, &field)].concat()
    };
    // 200 is known by an index, 431 is spelt by Huffman's code.
    for (fields, status) in [(4, &[0x88][..]), (5, &[0x48, 0x83, 0x69, 0x90, 0xff])] {
        let mut stream = front.connect().await;
        stream.write_all(&head(fields)).await.unwrap();
        let mut said = Vec::new();
        let answer = loop {
            if let Some(answer) = frames(&said).into_iter().find(|frame| frame.0 == HEADERS) {
                break answer.2;
            }
            let read = timeout(SOON, stream.read_buf(&mut said)).await.expect("no answer");
            assert_ne!(read.unwrap(), 0, "{fields}: {:?}", frames(&said));
        };
        assert!(answer.starts_with(status), "{fields}: {answer:x?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_has_its_limits_in_its_settings_and_offers_websockets() {
    let front = Front::open().await;
    let mut stream = front.connect().await;
    stream.write_all(&hello()).await.unwrap();
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

const SHORT: Patience = {
    let short = Duration::from_millis(200);
    Patience { greeting: short, head: short, body: short }
};

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
        (Way { tls: None, proxy_protocol: true, forward_auth: false }, b"PROXY TCP4".as_slice()),
        (Way { tls: tls(), proxy_protocol: false, forward_auth: false }, b""),
        (Way { tls: tls(), proxy_protocol: false, forward_auth: false }, b"\x16\x03\x01"),
        (Way { tls: tls(), proxy_protocol: true, forward_auth: false }, b"PROXY UNKNOWN\r\n"),
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

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_come_slowly_and_must_come() {
    let front = Front::with(|listener| listener, |entrance| entrance.patience = SHORT).await;
    let head =
        format!("POST /count HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\ncontent-length: 6\r\n\r\n");
    let mut stream = front.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    for piece in [b"one", b"two"] {
        tokio::time::sleep(SHORT.body / 2).await;
        stream.write_all(piece).await.unwrap();
    }
    assert!(rest(&mut stream).await.ends_with("\r\n6"));
    let before = std::time::Instant::now();
    let said = front.raw(format!("{head}one").as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 400 ") && before.elapsed() >= SHORT.body, "{said}");
}
