//! What an app must not get away with: an answer that is none, or two, is no answer, and what is left of it is
//! nobody else's.

use super::Front;
use crate::harness::{Reply, Told};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The next request, on a new connection to the gateway, has its own answer.
async fn is_unharmed(front: &Front, carla: &str, what: &str) {
    // As many as there are workers, and more: one of them had that connection.
    for number in 0..6 {
        let own = format!("own answer {number}");
        front
            .app
            .answers(Reply::bytes(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{own}", own.len())));
        let told = front.get("/next", carla).await;
        assert_eq!((told.status, told.text()), (200, own), "{what}");
    }
}

fn is_clean_502(told: &Told, what: &str) {
    assert_eq!((told.status, &*told.reason()), (502, "upstream_unavailable"), "{what}: {told:?}");
    let all = format!("{}{}", told.head, told.text());
    for inside in ["127.0.0.1", "hyper", "parse", "evil", "error trying"] {
        assert!(!all.contains(inside), "{what}: {all}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_502_and_leaves_nothing_behind() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-evil: y\r\n".repeat(2_000));
    let big = format!("HTTP/1.1 200 OK\r\nx-evil: {}\r\n\r\n", "y".repeat(1 << 20));
    for bytes in [
        "evil\r\n\r\n",
        "\r\n\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 evil OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "SSH-2.0-evil\r\n",
        "220 evil ESMTP\r\n",
        "\x16\x03\x01\x02\0evil\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nevil",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ncontent-length: evil\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nx : y\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nx: y\r\n folded: evil\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nx: a\rset-cookie: evil\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nevil\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: evil\r\nconnection: upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "",
        &many,
        &big,
    ] {
        // A request without a body may be tried once more, on a new connection.
        front.app.answers(Reply::bytes(bytes).close());
        front.app.answers(Reply::bytes(bytes).close());
        let what = format!("{:?}", &bytes[..bytes.len().min(80)]);
        let told = front.get("/a", &carla).await;
        is_clean_502(&told, &what);
        front.app.is_well();
        is_unharmed(&front, &carla, &what).await;
    }
    front.house.finish().await;
}

/// What comes behind an answer is not the answer to the next request, whoever asks.
#[tokio::test]
async fn what_is_left_of_an_answer_is_nobodys() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    for (first, status, body) in [
        (OK.to_owned(), 200, "ok"),
        ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), 204, ""),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 44\r\n\r\n".to_owned(), 304, ""),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned(), 200, "ok"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 500\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned(), 200, "ok"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 500\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_owned(), 200, "ok"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok".to_owned(), 200, "ok"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok".to_owned(), 200, "ok"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".to_owned() + OK, 200, "ok"),
    ] {
        for _ in 0..10 {
            front.app.answers(Reply::bytes(format!("{first}{evil}")));
            let mut wire = front.wire().await;
            wire.send(front.head("GET /a", &carla)).await;
            let told = wire.told().await.unwrap_or_else(|| panic!("no answer: {first}"));
            assert_eq!((told.status, &*told.text()), (status, body), "{first}");
            // On the same connection, and so by the same worker.
            wire.send(front.head("GET /b", &carla)).await;
            let next = wire.told().await.unwrap_or_else(|| panic!("no next answer: {first}"));
            assert_eq!((next.status, &*next.text()), (200, "ok"), "{first}");
        }
        is_unharmed(&front, &carla, &first).await;
    }
    front.house.finish().await;
}

/// An answer that breaks off breaks off for the client, too: it is not taken for a whole one.
#[tokio::test]
async fn an_answer_that_breaks_off_is_not_made_whole() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for bytes in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalfevil\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n-1\r\nevil\r\n0\r\n\r\n",
    ] {
        front.app.answers(Reply::bytes(bytes).close());
        front.app.answers(Reply::bytes(bytes).close());
        let mut wire = front.wire().await;
        wire.send(front.head("GET /a", &carla)).await;
        let answer = String::from_utf8_lossy(&wire.rest().await).into_owned();
        let ends = answer.ends_with("0\r\n\r\n") || answer.contains("evil");
        assert!(
            (answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 502 ")) && !ends,
            "{bytes:?}: {answer:?}"
        );
        assert!(
            !answer.starts_with("HTTP/1.1 200 ") || !answer.contains("content-length: 4\r\n"),
            "{bytes:?}: {answer:?}"
        );
        front.app.is_well();
        is_unharmed(&front, &carla, bytes).await;
    }
    front.house.finish().await;
}

/// An app may refuse an upload before it was read. The client hears it, and the rest of the body is nobody's request.
#[tokio::test]
async fn an_answer_may_come_before_the_request_was_read() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let early = Reply::bytes("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig").early();
    for reply in [early.clone(), early.close()] {
        front.app.answers(reply);
        let mut wire = front.wire().await;
        let length = 64 << 20;
        wire.send(front.head("POST /upload", &format!("{carla}content-length: {length}\r\n")) + "hello")
            .await;
        let told = wire.told().await.unwrap();
        assert_eq!((told.status, &*told.text()), (413, "big"));
        wire.send(front.head("GET /staff", &carla)).await;
        assert_eq!(wire.all().await.0, [], "the rest of its body was taken for a request");
        is_unharmed(&front, &carla, "an early answer").await;
        assert!(front.app.sent().iter().all(|sent| sent.target() != "/staff"));
    }
    front.house.finish().await;
}

#[tokio::test]
async fn an_app_cannot_speak_in_our_name() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let ours = [
        "guestpass=evil; Path=/",
        "__Host-guestpass=evil; Path=/; Secure",
        "guestpass-nonce=evil",
        "__Secure-guestpass=evil",
        " guestpass = evil",
        "\tguestpass=evil",
        "guestpass=; Max-Age=0",
        "guestpass",
        "guestpass-x; Path=/",
        // Without a name, browsers send the value alone, and it reads as ours.
        "=guestpass=evil; Path=/",
        "= guestpass=evil",
        " =\tguestpass=evil",
        "=__Host-guestpass=evil; Path=/; Secure",
    ];
    for line in ours {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSET-COOKIE: {line}\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n"
        );
        front.app.answers(Reply::bytes(answer));
        let told = front.get("/a", &carla).await;
        let set: Vec<&str> =
            told.head.split("\r\n").filter_map(|line| line.strip_prefix("set-cookie: ")).collect();
        assert_eq!((told.status, set), (200, vec!["a=1", "b=2"]), "{line}");
    }
    // What concerns one connection stays on it.
    let hop = "connection: close, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=9\r\nproxy-connection: x\r\nupgrade: h2c\r\nproxy-authenticate: x\r\n";
    front.app.answers(Reply::bytes(format!("HTTP/1.1 200 OK\r\n{hop}content-length: 2\r\n\r\nok")));
    let told = front.get("/a", &carla).await;
    assert_eq!(told.status, 200);
    for name in ["connection", "x-hop", "keep-alive", "proxy-connection", "upgrade", "proxy-authenticate"] {
        assert_eq!(told.header(name), None, "{told:?}");
    }
    front.house.finish().await;
}
