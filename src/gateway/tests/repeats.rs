//! The second request on a connection is judged like the first, whatever is remembered of that.

use super::*;

/// Sends a request on a connection that stays, and reads the whole answer: its status and body.
pub(super) async fn on(stream: &mut TcpStream, line: &str, headers: &str) -> (u16, String) {
    stream.write_all(format!("{line} HTTP/1.1\r\n{headers}\r\n").as_bytes()).await.unwrap();
    let mut read = String::new();
    loop {
        let mut buffer = [0; 4096];
        let count = timeout(SOON, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(count, 0, "{read}");
        read.push_str(&String::from_utf8_lossy(&buffer[..count]));
        let Some((head, body)) = read.split_once("\r\n\r\n") else { continue };
        let length =
            head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return (head[9..12].parse().unwrap(), body.to_owned());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_remembered_lets_nobody_else_through() {
    let front = Front::before(Wiki::default().open().await).await;
    front.hold(vec![held("reader", 60)], Account::NotNeeded);
    let mut stream = front.connect().await;
    let host = format!("host: {HOST}\r\n");
    let mine = format!("{host}cookie: guestpass={TOKEN}\r\n");
    let ok = async |stream: &mut TcpStream| on(stream, "GET /a", &mine).await.0;
    for (line, headers, expected) in [
        ("GET /a", host.clone(), 401),
        ("GET /a", format!("{host}cookie: guestpass=other\r\n"), 401),
        ("GET /a", format!("{host}cookie: guestpass=other\r\ncookie: guestpass={TOKEN}\r\n"), 401),
        ("GET /a", format!("host: access.example.com\r\ncookie: guestpass={TOKEN}\r\n"), 404),
        ("GET /a", format!("host: other.example.com\r\ncookie: guestpass={TOKEN}\r\n"), 421),
        ("GET /a", format!("{mine}host: other.example.com\r\n"), 400),
        ("GET http://other.example.com/a", mine.clone(), 400),
        ("GET /a/../b", mine.clone(), 400),
        ("GET //a", mine.clone(), 400),
        ("GET /admin", mine.clone(), 403),
        ("GET /.guestpass/nothing", mine.clone(), 404),
    ] {
        assert_eq!(ok(&mut stream).await, 200);
        assert_eq!(on(&mut stream, line, &headers).await.0, expected, "{line} {headers:?}");
    }
    // Public places name nobody, also after somebody was named.
    assert_eq!(ok(&mut stream).await, 200);
    let (status, body) = on(&mut stream, "GET /health", &mine).await;
    assert!(status == 200 && !body.contains("c-17"), "{body}");
    assert_eq!(ok(&mut stream).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_remembered_ends_with_what_it_rests_on() {
    let front = Front::before(Wiki::default().open().await).await;
    front.hold(vec![held("reader", 60)], Account::NotNeeded);
    let mut stream = front.connect().await;
    let mine = format!("host: {HOST}\r\ncookie: guestpass={TOKEN}\r\n");
    let mut token = String::new();
    // It is renewed at half its life, which is shorter the nearer the end is.
    for (seconds, same) in [(0, false), (29, true), (1, false), (14, true)] {
        front.turn(seconds);
        let (status, body) = on(&mut stream, "GET /", &mine).await;
        assert_eq!(status, 200);
        let echoed: Value = serde_json::from_str(&body).unwrap();
        let now = values(&echoed, |name| name == "guestpass-assertion")[0].to_owned();
        assert_eq!(now == token, same, "{seconds}");
        token = now;
    }
    front.turn(16);
    assert_eq!(on(&mut stream, "GET /", &mine).await.0, 403);

    front.hold(vec![held("reader", 200)], Account::NotNeeded);
    assert_eq!(on(&mut stream, "GET /", &mine).await.0, 200);
    front.hold(vec![], Account::NotNeeded);
    assert_eq!(on(&mut stream, "GET /", &mine).await.0, 403);
}
