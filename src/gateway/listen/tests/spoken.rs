//! HTTP/1.1 and HTTP/2 in the clear, side by side.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_spoken_in_the_clear_by_prior_knowledge() {
    let front = Front::open().await;
    if is_there("curl") {
        let said = front.curl("/", &["--http2-prior-knowledge"]).await;
        assert_eq!(said, "HTTP/2.0 127.0.0.1\n");
        assert_eq!(front.curl("/", &["--http1.1"]).await, "HTTP/1.1 127.0.0.1\n");
        let size = ["--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{size_download}"];
        assert_eq!(front.curl("/large", &size).await, "100000");
    }
    // A preface that ends otherwise is a request, and no good one.
    let said = front.raw(b"PRI * HTTP/1.1\r\n\r\nhost: x\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    // A request that comes in pieces, the first of which could be a preface's.
    let mut stream = front.connect().await;
    stream.set_nodelay(true).unwrap();
    for piece in
        [b"P".as_slice(), b"R", b"OPFIND / HTTP/1.1\r\nhost: access.example.com\r\nconnection: close\r\n\r\n"]
    {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 405 "), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_sent_at_once_are_answered_in_order() {
    let front = Front::open().await;
    let last = b"GET / HTTP/1.1\r\nhost: access.example.com\r\nconnection: close\r\n\r\n";
    let said = front.raw(&[GET, GET, last].concat()).await;
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 3, "{said}");
}
