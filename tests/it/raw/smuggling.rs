//! Where one request ends and the next begins: what reached the app is the requests that were judged, whole and
//! no more, or nothing.
//!
//! Carla may go everywhere but below `/staff`. Each case hides a request to there in what another server could
//! take for the end of the first.

use super::Front;
use crate::harness::Reply;

/// What must never be a request of its own without being judged.
pub(super) const HIDDEN: &str = "GET /staff/hidden";

pub(super) struct Case<'a> {
    what: &'a str,
    bytes: Vec<u8>,
    /// The statuses that the client gets, one for each request that was found.
    told: &'a [u16],
    /// What reaches the app: target and body.
    app: &'a [(&'a str, &'a str)],
}

pub(super) fn case<'a>(
    what: &'a str,
    bytes: impl Into<Vec<u8>>,
    told: &'a [u16],
    app: &'a [(&'a str, &'a str)],
) -> Case<'a> {
    Case { what, bytes: bytes.into(), told, app }
}

pub(super) async fn play(front: &Front, cases: Vec<Case<'_>>) {
    for Case { what, bytes, told, app } in cases {
        let mut wire = front.wire().await;
        wire.send(&bytes).await;
        let (answers, closed) = wire.all().await;
        let about = format!("{what}: {:?}", String::from_utf8_lossy(&bytes));
        let statuses: Vec<u16> = answers.iter().map(|told| told.status).collect();
        assert_eq!(statuses, told, "{about}");
        // Whoever cannot tell where a request ends must not look for another one behind it.
        assert!(closed || statuses.last() != Some(&400), "{about}: still open");
        drop(wire);
        let sent = front.app.sent();
        let came: Vec<(&str, String)> = sent
            .iter()
            .map(|sent| (sent.target(), String::from_utf8_lossy(&sent.body).into_owned()))
            .collect();
        let expected: Vec<(&str, String)> =
            app.iter().map(|(target, body)| (*target, (*body).to_owned())).collect();
        assert_eq!(came, expected, "{about}");
        assert!(sent.iter().all(|sent| sent.whole), "{about}: {sent:?}");
        front.app.forget();
    }
}

/// A request whose framing is broken: at most its beginning reaches the app, and nothing behind it.
async fn break_off(front: &Front, what: &str, bytes: &[u8]) {
    let mut wire = front.wire().await;
    wire.send(bytes).await;
    let (answers, closed) = wire.all().await;
    let about = format!("{what}: {:?}", String::from_utf8_lossy(bytes));
    assert!(answers.len() <= 1 && answers.iter().all(|told| told.status >= 400), "{about}: {answers:?}");
    assert!(closed, "{about}: still open");
    drop(wire);
    // What was sent on may come after the refusal, as the beginning of a request that breaks off.
    let sent = front.app.sent();
    assert!(sent.iter().all(|sent| !sent.whole && sent.target() == "/broken"), "{about}: {sent:?}");
    for bytes in front.app.bytes() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("staff") && text.matches("/broken").count() <= 1, "{about}: {text}");
    }
}

/// The hidden request, which would close the connection.
pub(super) fn hidden(front: &Front, carla: &str) -> String {
    front.head(HIDDEN, &format!("{carla}connection: close\r\n"))
}

#[tokio::test]
async fn a_body_has_one_length() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let hidden = hidden(&front, &carla);
    let post = |lines: &str, body: &str| front.head("POST /a", &format!("{carla}{lines}")) + body;
    let chunked = "transfer-encoding: chunked\r\n";
    let end = format!("0\r\n\r\n{hidden}");
    let inside = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let long = format!("content-length: {}\r\n", end.len());
    let short = "content-length: 4\r\n";
    let one: &[(&str, &str)] = &[("/a", "")];
    let whole: &[(&str, &str)] = &[("/a", &hidden)];
    let five: &[(&str, &str)] = &[("/a", "hello")];
    let mut cases = vec![
        // Chunked wins, and the connection is closed behind it (RFC 9112, section 6.1).
        case("CL.TE", post(&format!("{long}{chunked}"), &end), &[200], one),
        case("CL.TE, the other way round", post(&format!("{chunked}{long}"), &end), &[200], one),
        case("CL.TE, twice", post(&format!("{long}{chunked}{long}"), &end), &[200], one),
        case("TE.CL", post(&format!("{chunked}{short}"), &inside), &[200], whole),
        case(
            "CL, and TE that is none",
            post("transfer_encoding: chunked\r\ncontent-length: 5\r\n", "hello"),
            &[200],
            five,
        ),
        case("CL.0", post("content-length: 0\r\n", &hidden), &[200, 403], one),
        case("no length", post("", &hidden), &[200, 403], one),
        case(
            "GET with a length",
            front.head("GET /a", &format!("{carla}content-length: 5\r\n")) + "hello" + &hidden,
            &[200, 403],
            five,
        ),
        case(
            "the same length twice",
            post("content-length: 5\r\ncontent-length: 5\r\n", "hello"),
            &[200],
            five,
        ),
        case("space around a length", post("content-length:  \t5 \t\r\n", "hello"), &[200], five),
        case("leading zeros", post("content-length: 0005\r\n", "hello"), &[200], five),
    ];
    for length in [
        "+5",
        "-5",
        "5, 5",
        "5,5",
        "5 5",
        "0x5",
        "5;",
        "5.0",
        "5e0",
        "\"5\"",
        "",
        "five",
        "5,",
        ",5",
        "5\u{b}",
        "99999999999999999999",
        "18446744073709551621",
        "\u{665}",
    ] {
        cases.push(case(
            "a length that is none",
            post(&format!("content-length: {length}\r\n"), &hidden),
            &[400],
            &[],
        ));
    }
    let most = format!("content-length: {}\r\n", u64::MAX);
    cases.push(case("a length beyond all", post(&most, &hidden), &[431], &[]));
    for (one, other) in [("5", "6"), ("6", "5"), ("0", "5"), ("5", "0"), ("5", "+5"), ("5", "")] {
        let lines = format!("content-length: {one}\r\ncontent-length: {other}\r\n");
        cases.push(case("two lengths", post(&lines, &hidden), &[400], &[]));
        cases.push(case(
            "two lengths apart",
            post(&lines.replace("\r\n", "\r\nx: y\r\n"), &hidden),
            &[400],
            &[],
        ));
    }
    play(&front, cases).await;
    front.house.finish().await;
}

#[tokio::test]
async fn a_body_arrives_by_whatever_method_it_is_sent() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for method in ["GET", "HEAD", "OPTIONS", "DELETE", "QUERY"] {
        let head = front.head(&format!("{method} /a"), &format!("{carla}transfer-encoding: chunked\r\n"));
        let mut wire = front.wire().await;
        // An answer to HEAD has no body, whatever it says.
        front.app.answers(Reply::bytes("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
        wire.send(format!("{head}2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n{}", hidden(&front, &carla))).await;
        let statuses: Vec<u16> = wire.all().await.0.iter().map(|told| told.status).collect();
        assert_eq!(statuses, [200, 403], "{method}");
        let [sent] = &front.app.sent()[..] else { panic!("{method}: {:?}", front.app.sent()) };
        assert_eq!((&*sent.line, &*sent.body), (&*format!("{method} /a HTTP/1.1"), &b"hello"[..]));
        assert!(sent.whole && sent.all("transfer-encoding") == ["chunked"], "{sent:?}");
        front.app.forget();
    }
    front.house.finish().await;
}

#[tokio::test]
async fn chunked_is_what_is_called_so_and_nothing_else() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let hidden = hidden(&front, &carla);
    let body = format!("5\r\nhello\r\n0\r\n\r\n{hidden}");
    let post = |line: &str, lines: &str| front.head(line, &format!("{carla}{lines}")) + &body;
    let five: &[(&str, &str)] = &[("/a", "hello")];
    let mut cases = Vec::new();
    for te in [
        "transfer-encoding: chunked",
        "Transfer-Encoding:chunked",
        "TRANSFER-ENCODING: CHUNKED",
        "transfer-encoding:  chunked",
        "transfer-encoding: \tchunked",
        "transfer-encoding: chunked \t",
        "transfer-encoding: chunKed",
        "x: y\ntransfer-encoding: chunked",
    ] {
        cases.push(case("chunked", post("POST /a", &format!("{te}\r\n")), &[200, 403], five));
        // The length is gone, whichever came first.
        for lines in [format!("{te}\r\ncontent-length: 5\r\n"), format!("content-length: 5\r\n{te}\r\n")] {
            cases.push(case("chunked, and a length", post("POST /a", &lines), &[200], five));
        }
    }
    for te in [
        "transfer-encoding: xchunked",
        "transfer-encoding: chunkedx",
        "transfer-encoding: x chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: chunked,",
        "transfer-encoding: identity",
        "transfer-encoding: gzip",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: chunked\r\ntransfer-encoding: x",
        "transfer-encoding: ",
        "transfer-encoding:\r\n chunked",
        "transfer-encoding : chunked",
        "transfer-encoding\t: chunked",
        " transfer-encoding: chunked",
        "\ttransfer-encoding: chunked",
        "x: y\r\n transfer-encoding: chunked",
        "transfer-encoding: chunked\r\n x",
        "transfer-encoding: chunked\rx: y",
        "x: y\rtransfer-encoding: chunked",
        "transfer-encoding: chunked\0",
        "transfer-encoding\0: chunked",
        "transfer-encoding: ch\u{fc}nked",
        "transfer-encoding\u{a0}: chunked",
        "transfer-encoding: chunked\u{b}",
        "transfer-encoding: \u{b}chunked",
        ": x",
    ] {
        for lines in [
            format!("{te}\r\n"),
            format!("content-length: 5\r\n{te}\r\n"),
            format!("{te}\r\ncontent-length: 5\r\n"),
        ] {
            cases.push(case("not chunked", post("POST /a", &lines), &[400], &[]));
        }
    }
    let old = post("POST /a", "transfer-encoding: chunked\r\nconnection: keep-alive\r\n")
        .replace("/a HTTP/1.1", "/a HTTP/1.0");
    cases.push(case("chunked in HTTP/1.0", old, &[400], &[]));
    play(&front, cases).await;
    front.house.finish().await;
}

#[tokio::test]
async fn a_chunk_is_as_long_as_it_says() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let hidden = hidden(&front, &carla);
    let head = front.head("POST /a", &format!("{carla}transfer-encoding: chunked\r\n"));
    let five: &[(&str, &str)] = &[("/a", "hello")];
    let mut cases = Vec::new();
    for body in [
        "5\r\nhello\r\n0\r\n\r\n",
        "05\r\nhello\r\n000\r\n\r\n",
        "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "5;a=b\r\nhello\r\n0;x\r\n\r\n",
        "5 \r\nhello\r\n0\t\r\n\r\n",
        "5;a=\"b;c\"\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nx: y\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\nX-User: forged\r\n\r\n",
    ] {
        cases.push(case("chunks", format!("{head}{body}{hidden}"), &[200, 403], five));
    }
    // A line end in quotes ends the line (RFC 9112, section 7.1.1 has none there); what is left is no request.
    let quoted = "5;x=\"\r\nhello\r\n0\r\n\r\n\"\n";
    cases.push(case("a quoted line end", format!("{head}{quoted}{hidden}"), &[200, 400], five));
    // What follows the last chunk up to an empty line is trailers, whatever it looks like; they go nowhere.
    let trailing = "5\r\nhello\r\n0\r\n\n";
    cases.push(case("trailers that are none", format!("{head}{trailing}{hidden}"), &[200], five));
    play(&front, cases).await;
    let head = head.replacen("/a", "/broken", 1);
    for body in [
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5_\r\nhello\r\n0\r\n\r\n",
        "5h\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        ";x\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "4\r\nhello\r\n0\r\n\r\n",
        "6\r\nhello\r\n0\r\n\r\n",
        "5;x\nhello\r\n0\r\n\r\n",
        "5;x\rhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n-0\r\n\r\n",
        "5\u{660}\r\nhello\r\n0\r\n\r\n",
    ] {
        break_off(&front, "a broken chunk", format!("{head}{body}{hidden}").as_bytes()).await;
    }
    let wide = format!("{head}5;{}\r\nhello\r\n0\r\n\r\n{hidden}", "x".repeat(64 * 1024));
    break_off(&front, "an endless extension", wide.as_bytes()).await;
    front.house.finish().await;
}
