//! One request after another on one connection: each is judged by itself, and what is left of one is no other.

use super::Front;
use super::smuggling::{HIDDEN, case, hidden, play};
use crate::harness::{Reply, Sent, soon};

#[tokio::test]
async fn a_request_line_has_three_words() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let rest = format!("\r\nhost: {}\r\n{carla}\r\n", front.host);
    let mut cases = Vec::new();
    for line in [
        "GET  /a HTTP/1.1",
        "GET /a  HTTP/1.1",
        " GET /a HTTP/1.1",
        "GET /a HTTP/1.1 ",
        "GET\t/a HTTP/1.1",
        "GET /a\tHTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /a HTTP/1.1 HTTP/1.1",
        "GET /a",
        "GET",
        "GET /a\0 HTTP/1.1",
        "GET /a\u{b}HTTP/1.1",
        "GET /a HTTP/1.2",
        "GET /a HTTP/2.0",
        "GET /a HTTP/0.9",
        "GET /a HTTP/1.10",
        "GET /a HTTP/01.1",
        "GET /a http/1.1",
        "GET /a HTTP /1.1",
        "GET /a HTTPS/1.1",
        "GET /a ICY/1.1",
        "G\0ET /a HTTP/1.1",
        "G(ET /a HTTP/1.1",
        "GET: /a HTTP/1.1",
        "\u{47}\u{cb}T /a HTTP/1.1",
        "GET\r/a HTTP/1.1",
        "GET /a\rHTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        cases.push(case("a request line", format!("{line}{rest}"), &[400], &[]));
    }
    // Empty lines before a request are skipped (RFC 9112, section 2.2), and lines may end in a bare LF there.
    for bytes in
        [format!("\r\n\r\nGET /a HTTP/1.1{rest}"), format!("GET /a HTTP/1.1{rest}").replace("\r\n", "\n")]
    {
        cases.push(case("as RFC 9112 allows", bytes, &[200], &[("/a", "")]));
    }
    // Two readings of where a head ends: both parts are judged by themselves.
    let mixed = format!(
        "GET /a HTTP/1.1\nhost: {}\n{}\n{}",
        front.host,
        carla.replace('\r', ""),
        hidden(&front, &carla)
    );
    cases.push(case("a head that ends early", mixed, &[200, 403], &[("/a", "")]));
    let folded = format!("GET /a HTTP/1.1\r\nhost: {}\r\nx: y\r\n folded: z\r\n{carla}\r\n", front.host);
    cases.push(case("a folded line", folded, &[400], &[]));
    for lines in [
        "x : y\r\n",
        "x y: z\r\n",
        "x\r\n",
        ":\r\n",
        "x:\0\r\n",
        "x: a\0b\r\n",
        "x: a\rb\r\n",
        "x\u{e4}: y\r\n",
        "x[]: y\r\n",
        "\u{7f}: y\r\n",
    ] {
        cases.push(case(
            "a header that is none",
            front.head("GET /a", &format!("{carla}{lines}")),
            &[400],
            &[],
        ));
    }
    play(&front, cases).await;
    front.house.finish().await;
}

#[tokio::test]
async fn requests_on_one_connection_are_judged_one_by_one() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let hidden = front.head(HIDDEN, &carla);
    let get = |target: &str, lines: &str| front.head(&format!("GET {target}"), lines);
    let refused = format!("content-length: {}\r\n", hidden.len());
    let refused = front.head("POST /staff", &format!("{carla}{refused}")) + &hidden;
    let chunks = front.head("POST /staff", &format!("{carla}transfer-encoding: chunked\r\n"))
        + &format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let upload = front.head("POST /b", &format!("{carla}content-length: 5\r\n")) + "hello";
    let many = get("/a", &carla).repeat(5) + &get("/staff", &carla) + &get("/a", "") + &get("/b", &carla);
    let all: [(&str, &str); 6] = [("/a", ""), ("/a", ""), ("/a", ""), ("/a", ""), ("/a", ""), ("/b", "")];
    play(
        &front,
        vec![
            case("refused, then not", format!("{refused}{}", get("/a", &carla)), &[403, 200], &[("/a", "")]),
            case(
                "refused in chunks, then not",
                format!("{chunks}{}", get("/a", &carla)),
                &[403, 200],
                &[("/a", "")],
            ),
            case(
                "then refused",
                format!("{upload}{hidden}{upload}"),
                &[200, 403, 200],
                &[("/b", "hello"), ("/b", "hello")],
            ),
            case(
                "another's cookie does not stay",
                get("/a", &carla) + &get("/a", ""),
                &[200, 401],
                &[("/a", "")],
            ),
            case("many", many, &[200, 200, 200, 200, 200, 403, 401, 200], &all),
            case(
                "nothing after the last",
                get("/a", &format!("{carla}connection: close\r\n")) + &hidden,
                &[200],
                &[("/a", "")],
            ),
            case(
                "HTTP/1.0",
                get("/a", &carla).replace("HTTP/1.1", "HTTP/1.0") + &hidden,
                &[200],
                &[("/a", "")],
            ),
        ],
    )
    .await;
    front.house.finish().await;
}

/// A refused request whose body is still to come: it is not waited for, and what comes is nobody's request.
#[tokio::test]
async fn the_body_of_a_refused_request_is_not_read_as_the_next() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let hidden = front.head("GET /a", &carla);
    for expect in ["expect: 100-continue\r\n", ""] {
        let length = hidden.len() * 1_000;
        let mut wire = front.wire().await;
        let lines = format!("{carla}{expect}content-length: {length}\r\n");
        wire.send(front.head("POST /staff", &lines)).await;
        let told = wire.told().await.unwrap();
        assert_eq!(told.status, 403, "no body was asked for: {told:?}");
        wire.send(&hidden).await;
        assert_eq!(wire.told().await, None, "its body is not a request");
        assert_eq!(front.app.sent(), []);
    }
    // Whoever may go there is asked for the body.
    let mut wire = front.wire().await;
    let lines = format!("{carla}expect: 100-continue\r\ncontent-length: 5\r\n");
    wire.send(front.head("POST /a", &lines)).await;
    assert_eq!(wire.told().await.unwrap().status, 100);
    wire.send("hello").await;
    assert_eq!(wire.told().await.unwrap().status, 200);
    let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
    assert_eq!((&sent.body[..], sent.all("expect")), (&b"hello"[..], vec![]));
    front.house.finish().await;
}

/// A body that breaks off ends the connection to the app: the next request, of somebody else, is not its rest.
#[tokio::test]
async fn a_body_that_breaks_off_is_not_completed_by_the_next_request() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for lines in ["content-length: 1000\r\n", "transfer-encoding: chunked\r\n"] {
        let body = if lines.starts_with("content") { "hello" } else { "5\r\nhello\r\n" };
        let mut wire = front.wire().await;
        wire.send(front.head("POST /upload", &format!("{carla}{lines}")) + body).await;
        soon(|| async {
            String::from_utf8_lossy(&front.app.bytes().concat()).contains("hello").then_some(())
        })
        .await;
        drop(wire);
        for _ in 0..4 {
            assert_eq!(front.get("/b", &carla).await.status, 200);
        }
        let sent = front.app.sent();
        let (uploads, others): (Vec<&Sent>, Vec<&Sent>) =
            sent.iter().partition(|sent| sent.target() == "/upload");
        let [upload] = uploads[..] else { panic!("{sent:?}") };
        assert!(!upload.whole, "{upload:?}");
        assert!(
            others.len() == 4 && others.iter().all(|sent| sent.connection != upload.connection),
            "{sent:?}"
        );
        front.app.forget();
    }
    // The same where the app had answered already.
    front.app.answers(Reply::bytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").early());
    let mut wire = front.wire().await;
    wire.send(front.head("POST /upload", &format!("{carla}content-length: 1000\r\n")) + "hello").await;
    assert_eq!(wire.told().await.unwrap().status, 200);
    wire.send(front.head("GET /b", &carla)).await;
    drop(wire);
    assert_eq!(front.get("/b", &carla).await.status, 200);
    let sent = front.app.sent();
    assert!(
        sent.iter()
            .filter(|sent| sent.target() == "/b")
            .all(|sent| sent.connection != sent_on(&front, "/upload")),
        "{sent:?}"
    );
    front.house.finish().await;
}

/// The connection on which the one request for `target` came.
fn sent_on(front: &Front, target: &str) -> usize {
    front.app.sent().iter().find(|sent| sent.target() == target).unwrap().connection
}
