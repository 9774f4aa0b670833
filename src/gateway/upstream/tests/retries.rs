//! What is sent a second time, and what is not; and which connection is used again.

use super::app::{head, raw};
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// An app that answers `good` requests on each connection, and then says `bad` in place of an answer and hangs
/// up. It counts connections and requests.
async fn fickle(good: usize, bad: &'static [u8]) -> (SocketAddr, Arc<[AtomicUsize; 2]>) {
    let counts = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counted = counts.clone();
    let address = raw(move |mut stream, _| {
        let counted = counted.clone();
        async move {
            counted[0].fetch_add(1, Ordering::SeqCst);
            let mut answered = 0;
            while head(&mut stream).await.is_some() {
                counted[1].fetch_add(1, Ordering::SeqCst);
                if answered == good {
                    stream.write_all(bad).await.unwrap();
                    return;
                }
                answered += 1;
                stream.write_all(OK).await.unwrap();
            }
        }
    })
    .await;
    (address, counts)
}

async fn both(way: &Way, second: &str) -> (u16, u16) {
    // The connection that the first one used is back once its answer was read.
    (way.status("/").await, way.raw(&second.replace("HOST", HOST)).await.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_does_no_harm_is_sent_again() {
    const CLOSE: &str = "host: HOST\r\nconnection: close\r\n";
    for (request, status, sent) in [
        (format!("GET / HTTP/1.1\r\n{CLOSE}\r\n"), 200, 3),
        (format!("DELETE / HTTP/1.1\r\n{CLOSE}\r\n"), 200, 3),
        (format!("POST / HTTP/1.1\r\n{CLOSE}content-length: 0\r\n\r\n"), 502, 2),
        (format!("PUT / HTTP/1.1\r\n{CLOSE}content-length: 2\r\n\r\nhi"), 502, 2),
    ] {
        let (address, counts) = fickle(1, b"").await;
        let way = Way::to(json!(format!("http://{address}"))).await;
        assert_eq!(both(&way, &request).await, (200, status), "{request}");
        assert_eq!(counts[1].load(Ordering::SeqCst), sent, "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_or_sent_on_a_new_connection_is_not_sent_again() {
    let get = "GET / HTTP/1.1\r\nhost: HOST\r\nconnection: close\r\n\r\n";
    for bad in [
        &b"HTTP/9.9 nonsense\r\n\r\n"[..],
        b"220 mail.example.com ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
    ] {
        let (address, counts) = fickle(1, bad).await;
        let way = Way::to(json!(format!("http://{address}"))).await;
        assert_eq!(both(&way, get).await, (200, 502));
        assert_eq!(counts[1].load(Ordering::SeqCst), 2, "{bad:?}");
    }
    let (address, counts) = fickle(0, b"").await;
    let way =
        Way::to(json!([format!("http://{address}"), format!("http://localhost:{}", address.port())])).await;
    assert_eq!(way.status("/").await, 502);
    assert_eq!(counts[1].load(Ordering::SeqCst), 1, "a request that kills apps would kill them all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_death_kills_one_endpoint_at_the_most() {
    // Both have a kept connection, which breaks; each new one works, but only one is opened.
    let (one, first) = fickle(1, b"").await;
    let (two, second) = fickle(1, b"").await;
    let way = Way::to(json!([format!("http://{one}"), format!("http://{two}")])).await;
    assert_eq!((way.status("/").await, way.status("/").await, way.status("/").await), (200, 200, 200));
    let sent = first[1].load(Ordering::SeqCst) + second[1].load(Ordering::SeqCst);
    assert_eq!(sent, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_used_again_only_when_its_answer_was_read_to_the_end() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let address = raw(move |mut stream, _| {
        let count = count.clone();
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            while let Some(head) = head(&mut stream).await {
                if head.starts_with("GET /long") {
                    let long = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
                    let _ = stream.write_all(long.as_bytes()).await;
                    while stream.write_all(&[b'x'; 10_000]).await.is_ok() {}
                    return;
                }
                stream.write_all(OK).await.unwrap();
            }
        }
    })
    .await;
    let way = Way::to(json!(format!("http://{address}"))).await;
    for _ in 0..3 {
        assert_eq!(way.status("/").await, 200);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let mut gone = way.connect().await;
    gone.write_all(format!("GET /long HTTP/1.1\r\nhost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
    gone.read_exact(&mut [0; 100_000]).await.unwrap();
    drop(gone);
    assert_eq!(way.get("/").await.1.matches("ok").count(), 1);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_heads_and_empty_answers_pass_as_they_are() {
    let address = raw(|mut stream, _| async move {
        while let Some(head) = head(&mut stream).await {
            let answer = match head.split(' ').nth(1).unwrap() {
                "/hints" => "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
                "/head" => "HTTP/1.1 200 OK\r\ncontent-length: 7000\r\n\r\n",
                "/none" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/same" => "HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\ncontent-length: 7000\r\n\r\n",
                _ => "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 1-2/9\r\ncontent-length: 2\r\n\r\nbc",
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let way = Way::to(json!(format!("http://{address}"))).await;
    let (status, answer) = way.get("/hints").await;
    assert!(status == 200 && body(&answer) == "ok" && !answer.contains("103"), "{answer}");
    let head = format!("HEAD /head HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n\r\n");
    let (status, answer) = way.raw(&head).await;
    assert!(
        status == 200 && answer.contains("content-length: 7000\r\n") && body(&answer).is_empty(),
        "{answer}"
    );
    let (status, answer) = way.get("/none").await;
    assert!(status == 204 && body(&answer).is_empty() && !answer.contains("content-length"), "{answer}");
    let (status, answer) = way.get("/same").await;
    assert!(status == 304 && body(&answer).is_empty() && answer.contains("etag: \"1\""), "{answer}");
    let (status, answer) = way.get("/range").await;
    assert!(
        status == 206 && answer.contains("content-range: bytes 1-2/9") && body(&answer) == "bc",
        "{answer}"
    );
}
