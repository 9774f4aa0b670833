//! What is too much, too slow or not ours to do: refused early, in bounded time and memory.

use super::Front;
use crate::harness::{Process, Recorder, Reply, Site, Wire, soon};
use guestpass::clock::Clock;
use std::time::{Duration, Instant};

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_connection_closed() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let get = |target: &str, lines: &str| front.head(&format!("GET {target}"), &format!("{carla}{lines}"));
    for (what, bytes, statuses) in [
        ("one long header", get("/a", &format!("x: {}\r\n", "y".repeat(70_000))), &[431][..]),
        ("a long name", get("/a", &format!("{}: y\r\n", "x".repeat(70_000))), &[400, 431]),
        ("many headers", get("/a", &"x: y\r\n".repeat(150)), &[431]),
        ("headers without end", get("/a", &"x: y\r\n".repeat(200_000)), &[431]),
        ("a header line without end", format!("GET /a HTTP/1.1\r\nx: {}", "y".repeat(1 << 20)), &[431]),
        ("a long target", get(&format!("/{}", "a".repeat(70_000)), ""), &[414, 431]),
        ("a long query", get(&format!("/a?{}", "a".repeat(70_000)), ""), &[414, 431]),
        ("a request line without end", format!("GET /{}", "a".repeat(1 << 20)), &[414, 431]),
        ("a method without end", "G".repeat(1 << 20), &[400, 431]),
        ("no cookie but many", get("/a", &"cookie: a=b\r\n".repeat(150)), &[431]),
    ] {
        let mut wire = front.wire().await;
        wire.send(format!("{bytes}{}", get("/b", ""))).await;
        // Where it is still being written when it is refused, the answer may be lost with the connection.
        let (told, closed) = wire.all().await;
        assert!(closed, "{what}: still open");
        assert!(
            told.len() <= 1 && told.iter().all(|told| statuses.contains(&told.status)),
            "{what}: {told:?}"
        );
        assert_eq!(front.app.sent(), [], "{what}");
    }
    // What browsers and apps really send passes.
    for lines in [
        format!("x: {}\r\n", "y".repeat(30_000)),
        "x: y\r\n".repeat(80),
        format!("cookie: {}\r\n", "a=b; ".repeat(2_000)),
    ] {
        assert_eq!(front.tell(get("/a", &lines)).await.status, 200, "{}", &lines[..20]);
    }
    assert_eq!(front.tell(get(&format!("/a?{}", "a".repeat(16_000)), "")).await.status, 200);
    front.house.finish().await;
}

#[tokio::test]
async fn a_method_is_passed_on_as_it_is_but_for_what_is_not_the_apps() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for method in ["DELETE", "OPTIONS", "PROPFIND", "PURGE", "get", "X-1", "M-SEARCH", "FROBNICATE"] {
        let told = front.tell(front.head(&format!("{method} /a"), &carla)).await;
        assert_eq!((told.status, &*front.app.sent()[0].line), (200, &*format!("{method} /a HTTP/1.1")));
        front.app.forget();
    }
    // A tunnel leads elsewhere; an echo would show a page what we say to the app.
    for line in [
        format!("CONNECT {}", front.host),
        "CONNECT /a".to_owned(),
        "CONNECT *".to_owned(),
        "TRACE /a".to_owned(),
    ] {
        let mut wire = front.wire().await;
        wire.send(front.head(&line, &carla)).await;
        let told = wire.told().await.unwrap();
        assert_eq!((told.status, front.app.sent()), (400, vec![]), "{line}: {told:?}");
    }
    front.house.finish().await;
}

#[tokio::test]
async fn nothing_becomes_another_protocol_but_a_websocket() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let h2c =
        "upgrade: h2c\r\nconnection: Upgrade, HTTP2-Settings\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    let websocket = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: eA==\r\n";
    for (line, lines) in [
        ("GET /a", h2c.to_owned()),
        ("GET /a", "upgrade: h2c\r\n".to_owned()),
        ("GET /a", "upgrade: TLS/1.0\r\nconnection: upgrade\r\n".to_owned()),
        ("GET /a", "upgrade: h2c, h2\r\nconnection: upgrade\r\n".to_owned()),
        ("GET /a", "upgrade: websocket\r\n".to_owned()),
        ("GET /a", "upgrade: xwebsocket\r\nconnection: upgrade\r\n".to_owned()),
        ("POST /a", format!("{websocket}content-length: 0\r\n")),
        ("HEAD /a", websocket.to_owned()),
        ("OPTIONS /a", websocket.to_owned()),
    ] {
        // Even where the app would switch.
        front.app.answers(Reply::bytes(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        ));
        let mut wire = front.wire().await;
        wire.send(front.head(line, &format!("{carla}{lines}connection: close\r\n"))).await;
        let answer = String::from_utf8_lossy(&wire.rest().await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 502 "), "{line} {lines}: {answer}");
        let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
        for name in ["upgrade", "connection"] {
            assert_eq!(sent.all(name), [""; 0], "{line} {lines}: {sent:?}");
        }
        assert!(lines != h2c || sent.all("http2-settings").is_empty(), "{sent:?}");
        front.app.forget();
    }
    // A tunnel is for whoever may go there.
    for (target, status) in [("/staff", 403), ("/public/../staff", 400)] {
        assert_eq!(front.get(target, &format!("{carla}{websocket}")).await.status, status);
    }
    assert_eq!(front.get("/a", websocket).await.status, 401);
    assert_eq!(front.app.sent(), []);
    front.house.finish().await;
}

/// guestpass as a process of its own, in front of an app that is public below `/public`.
async fn process() -> (Site, Recorder, Process) {
    let site = Site::new(Clock::system()).await;
    let app = Recorder::open().await;
    let upstream = |at| format!("upstream: http://{at}");
    site.change("guestpass.yaml", &upstream(site.echo.address), &upstream(app.address));
    let process = Process::serve(&site).await;
    (site, app, process)
}

#[tokio::test]
async fn thousands_of_silent_connections_cost_little_and_hold_nobody_up() {
    const SILENT: usize = 3_000;
    let (site, _app, process) = process().await;
    let get = format!("GET /public HTTP/1.1\r\nhost: echo.localhost:{}\r\n\r\n", site.front.port());
    let mut wires = vec![Wire::to(site.front).await];
    wires[0].send(&get).await;
    assert_eq!(wires[0].told().await.unwrap().status, 200);
    let before = process.resident();
    for number in 0..SILENT {
        let mut wire = Wire::to(site.front).await;
        // Some say nothing, some begin and stop.
        match number % 3 {
            0 => {}
            1 => wire.send("GET /public HTTP/1.1\r\nhost: ").await,
            _ => wire.send(format!("GET /public HTTP/1.1\r\nx: {}", "y".repeat(1_000))).await,
        }
        wires.push(wire);
    }
    let began = Instant::now();
    for _ in 0..20 {
        let mut wire = Wire::to(site.front).await;
        wire.send(&get).await;
        assert_eq!(wire.told().await.unwrap().status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let each = process.resident().saturating_sub(before) / SILENT;
    println!("{each} bytes for each silent connection");
    assert!(each < 32 * 1024, "{each} bytes for each silent connection");
    // A connection that was kept still serves.
    wires[0].send(&get).await;
    assert_eq!(wires[0].told().await.unwrap().status, 200);
    assert_eq!(process.stop().await, 0);
}

/// An app that has much to say to somebody who does not listen waits; it is not read into memory.
#[tokio::test]
async fn a_client_that_does_not_read_fills_no_memory() {
    const MUCH: usize = 256 << 20;
    let (site, app, process) = process().await;
    let get = format!("GET /public HTTP/1.1\r\nhost: echo.localhost:{}\r\n\r\n", site.front.port());
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {MUCH}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + MUCH, b'x');
    app.answers(Reply::bytes(answer));
    let before = process.resident();
    let mut deaf = Wire::to(site.front).await;
    deaf.send(&get).await;
    soon(|| async { (!app.sent().is_empty()).then_some(()) }).await;
    for _ in 0..50 {
        let mut wire = Wire::to(site.front).await;
        wire.send(&get).await;
        assert_eq!(wire.told().await.unwrap().status, 200);
    }
    let more = process.resident().saturating_sub(before);
    assert!(more < 32 << 20, "{more} bytes more");
    drop(deaf);
    assert_eq!(process.stop().await, 0);
}

/// The head of a request may take as long as a connection may be silent, and no longer, however often a byte comes.
/// It takes more than a minute, so it is for the long run.
#[tokio::test]
async fn a_head_that_trickles_in_is_not_waited_for_without_end() {
    if std::env::var_os("GUESTPASS_LONG").is_none() {
        return;
    }
    let front = Front::open().await;
    let mut wire = front.wire().await;
    wire.send("GET /public HTTP/1.1\r\nx: ").await;
    let began = Instant::now();
    let closed = loop {
        wire.send("y").await;
        let (told, closed) = wire.all().await;
        if closed || !told.is_empty() || began.elapsed() > Duration::from_secs(150) {
            break closed || !told.is_empty();
        }
    };
    assert!(closed && began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    assert_eq!(front.app.sent(), []);
    front.house.finish().await;
}
