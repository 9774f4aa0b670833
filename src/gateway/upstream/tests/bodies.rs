//! Bodies of any size in constant memory, both ways; what is too long; and who answers before all was sent.

use super::app::{Served, Speaks, channel, head, raw, text};
use super::*;
use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use http_body_util::BodyExt;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

/// How long a body is here, in bytes, and a piece of it.
const LONG: u64 = 200 * 1024 * 1024;
const PIECE: usize = 64 * 1024;
/// More than this is nowhere on its way: the kernel's buffers of two connections, and a little of ours.
const ON_ITS_WAY: u64 = 32 * 1024 * 1024;

fn schemes() -> [(Speaks, &'static str); 2] {
    [(Speaks::Http1, "http"), (Speaks::H2(100), "h2c")]
}

/// Waits until `count` stands still.
async fn stands_still(count: &AtomicU64) -> u64 {
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = count.load(Ordering::SeqCst);
        if now == before && now > 0 {
            return now;
        }
        before = now;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_waits_for_its_app_and_arrives_whole() {
    for (speaks, scheme) in schemes() {
        let go_on = Arc::new(Notify::new());
        let reads = go_on.clone();
        let app = Served::by(speaks, move |request: Request<Incoming>| {
            let reads = reads.clone();
            async move {
                reads.notified().await;
                let mut body = request.into_body();
                let mut length = 0;
                while let Some(frame) = body.frame().await {
                    length += frame.unwrap().data_ref().map_or(0, Bytes::len);
                }
                Response::new(text(length.to_string()))
            }
        })
        .await;
        let way = Way::to(json!(format!("{scheme}://{}", app.address))).await;
        let (mut answer, mut stream) = way.connect().await.into_split();
        let sent = Arc::new(AtomicU64::new(0));
        let count = sent.clone();
        tokio::spawn(async move {
            let head = format!(
                "PUT / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\ncontent-length: {LONG}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            while count.load(Ordering::SeqCst) < LONG {
                stream.write_all(&[b'x'; PIECE]).await.unwrap();
                count.fetch_add(PIECE as u64, Ordering::SeqCst);
            }
            // Kept open until the answer was read.
            std::future::pending::<()>().await;
        });
        let held = timeout(SOON, stands_still(&sent)).await.unwrap();
        assert!(held < ON_ITS_WAY, "{scheme}: {held} bytes went though nobody reads them");
        go_on.notify_one();
        let mut said = String::new();
        timeout(SOON * 3, answer.read_to_string(&mut said)).await.unwrap().unwrap();
        assert_eq!(body(&said), LONG.to_string(), "{scheme}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_waits_for_its_client_and_arrives_whole() {
    for (speaks, scheme) in schemes() {
        let sent = Arc::new(AtomicU64::new(0));
        let count = sent.clone();
        let app = Served::by(speaks, move |_| {
            let count = count.clone();
            async move {
                let (say, body) = channel();
                tokio::spawn(async move {
                    while count.load(Ordering::SeqCst) < LONG {
                        say.send(Frame::data(Bytes::from_static(&[b'x'; PIECE]))).await.unwrap();
                        count.fetch_add(PIECE as u64, Ordering::SeqCst);
                    }
                });
                Response::new(body)
            }
        })
        .await;
        let way = Way::to(json!(format!("{scheme}://{}", app.address))).await;
        let mut stream = way.connect().await;
        let get = format!("GET / HTTP/1.0\r\nhost: {HOST}\r\n\r\n");
        stream.write_all(get.as_bytes()).await.unwrap();
        let held = timeout(SOON, stands_still(&sent)).await.unwrap();
        assert!(held < ON_ITS_WAY, "{scheme}: {held} bytes came though nobody reads them");
        let read = async {
            let (mut length, mut buffer) = (0, vec![0; PIECE]);
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => return length,
                    more => length += more as u64,
                }
            }
        };
        let length = timeout(SOON * 3, read).await.unwrap();
        assert!((LONG..LONG + 1000).contains(&length), "{scheme}: {length}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_of_one_connection_do_not_hold_up_the_others() {
    let app = Served::by(Speaks::H2(100), |request: Request<Incoming>| async move {
        if request.uri().path() != "/endless" {
            return Response::new(text("ok"));
        }
        let (say, body) = channel();
        tokio::spawn(async move {
            while say.send(Frame::data(Bytes::from_static(&[b'x'; PIECE]))).await.is_ok() {}
        });
        Response::new(body)
    })
    .await;
    let way = Way::to(json!(format!("h2c://{}", app.address))).await;
    let mut idlers = Vec::new();
    for _ in 0..30 {
        let mut stream = way.connect().await;
        stream.write_all(format!("GET /endless HTTP/1.1\r\nhost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        idlers.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..10 {
        assert_eq!(way.status("/").await, 200);
    }
    assert_eq!(app.connections(), 1);
}

fn limited(limit: u64) -> Terms {
    Terms { limit: Some(limit), ..TERMS }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_long_is_refused_or_cut() {
    for (speaks, scheme) in schemes() {
        let app = Served::by(speaks, |request: Request<Incoming>| async {
            match request.into_body().collect().await {
                Ok(body) => Response::new(text(body.to_bytes())),
                Err(_) => Response::new(text("broken off")),
            }
        })
        .await;
        let way =
            Way::on(limited(5), json!([format!("{scheme}://{}", app.address), "http://127.0.0.1:1"])).await;
        let post =
            |framing: &str| format!("POST / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n{framing}");
        let (status, answer) = way.raw(&post("content-length: 6\r\n\r\n123456")).await;
        assert!(status == 413 && answer.contains("too_large"), "{scheme}: {answer}");
        assert_eq!(app.hits(), 0, "{scheme}");
        let chunks = "transfer-encoding: chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n0\r\n\r\n";
        let (status, answer) = way.raw(&post(chunks)).await;
        assert!(status == 413 && answer.contains("too_large"), "{scheme}: {answer}");
        for fits in
            ["content-length: 5\r\n\r\n12345", "transfer-encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n"]
        {
            let (status, answer) = way.raw(&post(fits)).await;
            assert!(status == 200 && answer.contains("12345"), "{scheme}: {answer}");
        }
        let broken = way.set_aside();
        assert!(!broken.contains(&app.address.to_string()), "a client's doing is not the app's failure");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_hang_up_say_nothing_of_an_app() {
    for (speaks, scheme) in schemes() {
        let read = |request: Request<Incoming>| async {
            let read = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
            Response::new(text(read.to_string()))
        };
        let (one, two) = (Served::by(speaks.clone(), read).await, Served::by(speaks, read).await);
        let urls = [one, two].map(|app| format!("{scheme}://{}", app.address));
        let way = Way::to(json!(urls)).await;
        for _ in 0..12 {
            let mut stream = way.connect().await;
            let head = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 1000\r\n\r\nsome");
            stream.write_all(head.as_bytes()).await.unwrap();
            until("it has begun", || way.outstanding() > 0).await;
            drop(stream);
            until("it is over", || way.outstanding() == 0).await;
        }
        assert!(way.set_aside().is_empty(), "{scheme}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_early_is_passed_on() {
    // One hangs up on the rest, one goes on reading, as apps do.
    let refuse = "HTTP/1.1 413 Content Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno";
    let address = raw(move |mut stream, number| async move {
        head(&mut stream).await;
        stream.read_exact(&mut [0; 1000]).await.unwrap();
        stream.write_all(refuse.as_bytes()).await.unwrap();
        if number % 2 == 1 {
            while stream.read(&mut [0; PIECE]).await.is_ok_and(|read| read > 0) {}
        }
    })
    .await;
    let early = Served::by(Speaks::H2(100), |_| async {
        Response::builder().status(StatusCode::PAYLOAD_TOO_LARGE).body(text("no")).unwrap()
    })
    .await;
    for upstream in
        [format!("http://{address}"), format!("http://{address}"), format!("h2c://{}", early.address)]
    {
        let way = Way::to(json!(upstream)).await;
        let (mut answer, mut stream) = way.connect().await.into_split();
        let upload = tokio::spawn(async move {
            let head = format!(
                "PUT / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\ncontent-length: {LONG}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            // It ends when nobody takes any more; until then it goes on.
            while stream.write_all(&[b'x'; PIECE]).await.is_ok() {}
        });
        let mut said = [0; 12];
        timeout(SOON, answer.read_exact(&mut said)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&said), "HTTP/1.1 413", "{upstream}");
        upload.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_first_is_told_to_go_on_when_its_body_is_wanted() {
    let app = Served::by(Speaks::Http1, |request: Request<Incoming>| async {
        assert!(!request.headers().contains_key("expect"));
        Response::new(text(request.into_body().collect().await.unwrap().to_bytes()))
    })
    .await;
    let ask = format!(
        "POST / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n"
    );
    let way = Way::to(json!(app.url())).await;
    let mut stream = way.connect().await;
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    timeout(SOON, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && body(&answer) == "hello", "{answer}");

    // Who is refused is not asked for more.
    let way = Way::on(limited(1), json!(app.url())).await;
    let (status, answer) = way.raw(&ask).await;
    assert!(status == 413 && !answer.contains("100 Continue"), "{answer}");
    let way = Way::to(json!("http://127.0.0.1:1")).await;
    let (status, answer) = way.raw(&ask).await;
    assert!(status == 502 && !answer.contains("100 Continue"), "{answer}");
}
