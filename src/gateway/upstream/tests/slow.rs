//! Apps that take their time, and clients that do.

use super::app::{Served, Speaks, channel, text};
use super::*;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use std::future::pending;

const SHORT: Duration = Duration::from_millis(300);

fn terms(first_byte: Option<Duration>, idle: Option<Duration>) -> Terms {
    Terms { timeouts: Timeouts { first_byte, idle, ..Timeouts::default() }, ..TERMS }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_says_nothing_is_given_up_and_nothing_of_it_is_told() {
    for speaks in [Speaks::Http1, Speaks::H2(100)] {
        let h2 = matches!(speaks, Speaks::H2(_));
        let silent = Served::by(speaks, |_| pending()).await;
        let scheme = if h2 { "h2c" } else { "http" };
        let way = Way::on(terms(Some(SHORT), None), json!(format!("{scheme}://{}", silent.address))).await;
        let (status, answer) = way.get("/").await;
        assert_eq!(status, 504, "{answer}");
        assert!(!answer.contains("300"), "{answer}");
        assert_eq!(way.status("/").await, 504);
        assert_eq!(silent.connections(), 2, "a connection that said nothing is not used again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_not_slow_while_its_client_is() {
    let reads = Served::by(Speaks::Http1, |request: Request<Incoming>| async {
        let length = request.into_body().collect().await.unwrap().to_bytes().len();
        Response::new(text(length.to_string()))
    })
    .await;
    let way = Way::on(terms(Some(SHORT), None), json!(reads.url())).await;
    let mut stream = way.connect().await;
    let head = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\ncontent-length: 4\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for byte in [b"a", b"b", b"c", b"d"] {
        tokio::time::sleep(SHORT * 3 / 2).await;
        stream.write_all(byte).await.unwrap();
    }
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && body(&answer) == "4", "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_stands_still_is_broken_off_only_where_that_is_asked_for() {
    for (idle, ends) in [(Some(SHORT), true), (None, false)] {
        let (say, answer) = channel();
        let answer = Arc::new(std::sync::Mutex::new(Some(answer)));
        let app = Served::by(Speaks::Http1, move |_| {
            let body = answer.lock().unwrap().take().unwrap();
            async { Response::new(body) }
        })
        .await;
        let way = Way::on(terms(None, idle), json!(app.url())).await;
        let mut stream = way.connect().await;
        stream.write_all(format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
        for _ in 0..4 {
            say.send(Frame::data(Bytes::from_static(b"tick"))).await.unwrap();
            tokio::time::sleep(SHORT / 3).await;
        }
        let mut read = Vec::new();
        let broken = timeout(SHORT * 4, stream.read_to_end(&mut read)).await.is_ok();
        assert_eq!(broken, ends);
        let read = String::from_utf8(read).unwrap();
        assert!(read.matches("tick").count() == 4 && !read.ends_with("0\r\n\r\n"), "{read}");
    }
}
