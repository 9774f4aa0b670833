//! How the gateway leaves: announced, then closed, and nothing that was under way is lost.

use super::frames::*;
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn while_it_leaves_it_answers_everybody_and_asks_them_to_go() {
    let front = Front::open().await;
    let (mut idle, mut waiting) = (front.connect().await, front.connect().await);
    assert!(!ask(&mut idle).await.contains("connection: close"));
    ask(&mut waiting).await;
    assert!(front.drain.is_ready());
    front.drain.leave();
    assert!(!front.drain.is_ready());
    // A request that is under way on a connection that was kept, and one on a new one.
    for stream in [&mut idle, &mut front.connect().await] {
        let answer = ask(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("connection: close"), "{answer}");
        assert_eq!(rest(stream).await, "");
    }
    if is_there("curl") {
        assert_eq!(front.curl("/", &["--http2-prior-knowledge"]).await, "HTTP/2.0 127.0.0.1\n");
    }
    front.drain.close();
    assert_eq!(rest(&mut waiting).await, "");
    timeout(SOON, front.running.finished()).await.unwrap();
    assert!(TcpStream::connect(front.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_finished_after_the_last_was_accepted() {
    let front = Front::open().await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut stream = front.connect().await;
        stream.write_all(b"GET /slow HTTP/1.1\r\nhost: access.example.com\r\n\r\n").await.unwrap();
        streams.push(stream);
    }
    let by_http_2 = is_there("curl").then(|| front.curl("/slow", &["--http2-prior-knowledge"]));
    let expected = streams.len() + usize::from(by_http_2.is_some());
    let leave = async {
        until(|| front.slow.asked.load(Ordering::Relaxed) == expected).await;
        front.drain.close();
        front.slow.go_on.add_permits(expected);
    };
    let asked = async {
        match by_http_2 {
            Some(asked) => asked.await,
            None => "at last\n".to_owned(),
        }
    };
    let (said, ()) = tokio::join!(asked, leave);
    assert_eq!(said, "at last\n");
    for stream in &mut streams {
        assert!(rest(stream).await.ends_with("at last\n"));
    }
    timeout(SOON, front.running.finished()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_time_is_cut_off() {
    let front =
        Front::with(|listener| listener, |entrance| entrance.finish = Duration::from_millis(50)).await;
    let mut stream = front.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: access.example.com\r\n\r\n").await.unwrap();
    until(|| front.slow.asked.load(Ordering::Relaxed) == 1).await;
    front.drain.close();
    timeout(SOON, front.running.finished()).await.unwrap();
    assert!(!rest(&mut stream).await.contains("at last"));
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_told_to_go_and_what_it_asked_before_it_heard_is_answered() {
    let front = Front::open().await;
    let mut stream = front.connect().await;
    let get = |stream: u32| frame(HEADERS, END_STREAM | END_HEADERS, stream, &get_in_hpack());
    stream.write_all(&[hello(), get(1)].concat()).await.unwrap();
    let mut said = Vec::new();
    let seen = async |stream: &mut TcpStream, said: &mut Vec<u8>, so: &dyn Fn(&[Frame]) -> bool| {
        while !so(&frames(said)) {
            let read = timeout(SOON, stream.read_buf(said)).await.expect("it is not said");
            assert_ne!(read.unwrap(), 0, "{:?}", frames(said));
        }
    };
    let answered =
        |on: u32| move |frames: &[Frame]| frames.iter().any(|frame| frame.0 == DATA && frame.1 == on);
    seen(&mut stream, &mut said, &answered(1)).await;
    front.drain.leave();
    seen(&mut stream, &mut said, &|frames| frames.iter().any(|frame| frame.0 == GOAWAY)).await;
    // The client has not said that it heard, so it may have sent this before.
    stream.write_all(&get(3)).await.unwrap();
    seen(&mut stream, &mut said, &answered(3)).await;
}
