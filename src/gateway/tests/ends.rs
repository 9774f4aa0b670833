//! What is under way when a permit ends, ends with it; and until then nothing is lost of it.

use super::*;
use std::io::ErrorKind;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{Bytes as Payload, Utf8Bytes};

/// An app that accepts one WebSocket and does `with` it what a test wants.
async fn app<T>(with: impl FnOnce(Socket) -> T + Send + 'static) -> SocketAddr
where
    T: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        with(tokio_tungstenite::accept_async(stream).await.unwrap()).await;
    });
    address
}

/// An app that tells what it heard on its WebSocket, up to the last.
async fn witness() -> (SocketAddr, UnboundedReceiver<Message>) {
    let (tell, heard) = unbounded_channel();
    let address = app(|mut socket| async move {
        while let Some(Ok(message)) = socket.next().await {
            tell.send(message).unwrap();
        }
    });
    (address.await, heard)
}

async fn front(upstream: SocketAddr) -> Front {
    let front = Front::before(upstream).await;
    front.hold(vec![held("reader", 60)], Account::NotNeeded);
    front
}

/// The frame that a socket is closed with.
async fn closes(socket: &mut Socket) -> CloseFrame {
    match timeout(SOON, socket.next()).await.unwrap() {
        Some(Ok(Message::Close(Some(close)))) => close,
        other => panic!("{other:?}"),
    }
}

async fn hears(heard: &mut UnboundedReceiver<Message>) -> Option<Message> {
    timeout(SOON, heard.recv()).await.unwrap()
}

/// Opens a connection and sends bytes.
async fn sends(front: &Front, bytes: &str) -> TcpStream {
    let mut stream = front.connect().await;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// All that still comes, and how it ends.
async fn rest(stream: &mut TcpStream) -> (Vec<u8>, Result<usize, ErrorKind>) {
    let mut read = Vec::new();
    let end = timeout(SOON, stream.read_to_end(&mut read)).await.unwrap();
    (read, end.map_err(|error| error.kind()))
}

#[tokio::test(flavor = "multi_thread")]
async fn at_its_end_and_on_revocation_both_sides_of_a_websocket_are_told() {
    let ends: [fn(&Front); 2] = [|front| front.turn(60), |front| front.hold(vec![], Account::NotNeeded)];
    for end in ends {
        let (address, mut heard) = witness().await;
        let front = front(address).await;
        let mut socket = open_socket(&front).await;
        socket.send(Message::text("before")).await.unwrap();
        assert_eq!(hears(&mut heard).await, Some(Message::text("before")));
        end(&front);
        let close = closes(&mut socket).await;
        assert_eq!((u16::from(close.code), close.reason.as_str()), (1008, "access ended"));
        // What is said from now on does not reach the app; the answer to Close ends the connection.
        let _ = socket.send(Message::text("after")).await;
        assert!(matches!(timeout(SOON, socket.next()).await, Ok(None | Some(Err(_)))));
        assert_eq!(hears(&mut heard).await, Some(Message::Close(Some(close))));
        assert_eq!(hears(&mut heard).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_large_messages_ends_between_two_of_them() {
    let address = app(|mut socket| async move {
        for number in (0..=u8::MAX).cycle() {
            if socket.send(Message::binary(vec![number; 100_000])).await.is_err() {
                return;
            }
        }
    });
    let front = front(address.await).await;
    let mut socket = open_socket(&front).await;
    for number in 0.. {
        match timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Binary(bytes) => assert_eq!(bytes, vec![number as u8; 100_000]),
            Message::Close(Some(close)) => {
                assert_eq!((u16::from(close.code), number >= 50), (1008, true));
                return;
            }
            other => panic!("{other:?}"),
        }
        if number == 50 {
            front.turn(60);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_stalls_within_a_frame_does_not_keep_its_client() {
    let (go_on, stays) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begins, waits) = (go_on.clone(), stays.clone());
    let address = app(|mut socket| async move {
        begins.notified().await;
        // Four bytes of a frame of a hundred.
        socket.get_mut().write_all(&[0x82, 100, 1, 2]).await.unwrap();
        waits.notified().await;
    });
    let front = front(address.await).await;
    let mut socket = open_socket(&front).await;
    go_on.notify_one();
    let mut frame = [0; 4];
    socket.get_mut().read_exact(&mut frame).await.unwrap();
    front.turn(60);
    assert_eq!(rest(socket.get_mut()).await, (vec![], Err(ErrorKind::ConnectionReset)));
    stays.notify_one();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stalls_within_a_frame_is_told_and_its_app_is_cut() {
    let (address, mut heard) = witness().await;
    let front = front(address).await;
    let mut socket = open_socket(&front).await;
    socket.send(Message::text("whole")).await.unwrap();
    assert_eq!(hears(&mut heard).await, Some(Message::text("whole")));
    socket.get_mut().write_all(&[0x82, 0x80 | 100, 1, 2, 3, 4, 5]).await.unwrap();
    // Nothing tells when the gate has read that; were it later, the app would hear a Close.
    tokio::time::sleep(Duration::from_millis(100)).await;
    front.turn(60);
    assert_eq!(u16::from(closes(&mut socket).await.code), 1008);
    assert_eq!(hears(&mut heard).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_a_close_is_left_without() {
    let (address, mut heard) = witness().await;
    let front = front(address).await;
    let mut socket = open_socket(&front).await;
    socket.send(Message::text("hello")).await.unwrap();
    hears(&mut heard).await;
    front.turn(60);
    // Read as bytes, nobody answers.
    let (read, end) = rest(socket.get_mut()).await;
    assert_eq!((&read[..4], end), (&[0x88, 14, 0x03, 0xf0][..], Ok(16)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_of_the_client_passes_to_the_app_and_the_answer_back() {
    let (address, mut heard) = witness().await;
    let front = front(address).await;
    let mut socket = open_socket(&front).await;
    let close = CloseFrame { code: 4_000.into(), reason: Utf8Bytes::from_static("enough") };
    socket.close(Some(close.clone())).await.unwrap();
    assert_eq!(hears(&mut heard).await, Some(Message::Close(Some(close.clone()))));
    assert_eq!(closes(&mut socket).await, close);
    assert!(timeout(SOON, socket.next()).await.unwrap().is_none_or(|last| last.is_err()));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_any_size_and_shape_arrive_as_they_were_sent() {
    let front = front(parrot().await).await;
    let mut socket = open_socket(&front).await;
    let mut state = 1_u32;
    for length in [0, 1, 125, 126, 65_535, 65_536, 5_000_000] {
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(length)
        .collect();
        socket.send(Message::binary(bytes.clone())).await.unwrap();
        let came = timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap();
        assert!(came.into_data() == bytes, "{length} bytes");
    }
    let part = |text: &'static str, opcode, last| {
        Message::Frame(Frame::message(Payload::from_static(text.as_bytes()), OpCode::Data(opcode), last))
    };
    socket.send(part("frag", Data::Text, false)).await.unwrap();
    socket.send(Message::Ping(Payload::from_static(b"there?"))).await.unwrap();
    socket.send(part("ments", Data::Continue, true)).await.unwrap();
    let mut between = vec![];
    let text = loop {
        match timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => break text,
            control => between.push(control),
        }
    };
    assert_eq!(text, "fragments");
    assert!(between.contains(&Message::Pong(Payload::from_static(b"there?"))), "{between:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_can_take_a_stream_that_is_cut_for_a_whole_one() {
    for version in ["1.1", "1.0"] {
        let front = front(Wiki::default().open().await).await;
        let ask = format!("GET /events HTTP/{version}\r\nhost: {HOST}\r\ncookie: guestpass={TOKEN}\r\n\r\n");
        let mut stream = sends(&front, &ask).await;
        let head = read_until(&mut stream, "data: one\n\n").await.unwrap();
        assert_eq!(head.contains("transfer-encoding: chunked"), version == "1.1", "{head}");
        front.turn(60);
        let (read, end) = rest(&mut stream).await;
        assert_eq!(end, Err(ErrorKind::ConnectionReset), "HTTP/{version}");
        assert!(!String::from_utf8_lossy(&read).contains("0\r\n\r\n"), "HTTP/{version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_that_breaks_off_has_sent_is_no_whole_answer_either() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = front(listener.local_addr().unwrap()).await;
    let ask = format!("GET / HTTP/1.0\r\nhost: {HOST}\r\ncookie: guestpass={TOKEN}\r\n\r\n");
    let mut stream = sends(&front, &ask).await;
    let (mut app, _) = listener.accept().await.unwrap();
    read_until(&mut app, "\r\n\r\n").await.unwrap();
    app.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n").await.unwrap();
    read_until(&mut stream, "half").await.unwrap();
    drop(app);
    assert_eq!(rest(&mut stream).await.1, Err(ErrorKind::ConnectionReset));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_and_an_answer_that_are_waited_for_end_as_well() {
    let head = format!("host: {HOST}\r\ncookie: guestpass={TOKEN}\r\n");
    for ask in [
        format!("POST /slow HTTP/1.1\r\n{head}content-length: 1000\r\n\r\nfirst"),
        format!("POST /slow HTTP/1.1\r\n{head}transfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n"),
        format!("GET /poll HTTP/1.1\r\n{head}\r\n"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = front(listener.local_addr().unwrap()).await;
        let mut stream = sends(&front, &ask).await;
        let (mut app, _) = listener.accept().await.unwrap();
        read_until(&mut app, if ask.starts_with("POST") { "first" } else { "\r\n\r\n" }).await.unwrap();
        front.turn(60);
        let answer = read_until(&mut stream, "\r\n\r\n").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        // What is sent later goes nowhere, and the app hears that there will be no more.
        let _ = stream.write_all(b"later").await;
        let (read, _) = rest(&mut app).await;
        assert!(read.is_empty(), "{ask}: {read:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_answered_before_it_is_whole_ends_as_well() {
    let ends: [fn(&Front); 2] = [|front| front.turn(60), |front| front.hold(vec![], Account::NotNeeded)];
    for end in ends {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = front(listener.local_addr().unwrap()).await;
        let ask = format!(
            "POST /log HTTP/1.1\r\nhost: {HOST}\r\ncookie: guestpass={TOKEN}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n"
        );
        let mut stream = sends(&front, &ask).await;
        let (mut app, _) = listener.accept().await.unwrap();
        read_until(&mut app, "first\r\n").await.unwrap();
        app.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        read_until(&mut stream, "\r\n\r\nok").await.unwrap();
        stream.write_all(b"6\r\nbefore\r\n").await.unwrap();
        read_until(&mut app, "before\r\n").await.unwrap();
        end(&front);
        // An end holds to the moment for what is asked, and a beat later for what is under way.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let _ = stream.write_all(b"5\r\nafter\r\n0\r\n\r\n").await;
        let (read, _) = rest(&mut app).await;
        assert!(read.is_empty(), "{}", String::from_utf8_lossy(&read));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_never_waits_for_its_client_ends_as_well() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = front(listener.local_addr().unwrap()).await;
    let ask = format!(
        "POST /log HTTP/1.1\r\nhost: {HOST}\r\ncookie: guestpass={TOKEN}\r\ncontent-length: 1000000000000\r\n\r\n"
    );
    let stream = sends(&front, &ask).await;
    let (mut app, _) = listener.accept().await.unwrap();
    read_until(&mut app, "\r\n\r\n").await.unwrap();
    app.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    let (mut answer, mut upload) = stream.into_split();
    tokio::spawn(async move { while upload.write_all(&[b'x'; 100_000]).await.is_ok() {} });
    let mut some = vec![0; 10_000_000];
    answer.read_exact(&mut some[..1]).await.unwrap();
    app.read_exact(&mut some).await.unwrap();
    front.turn(60);
    let goes_on = async { while matches!(app.read(&mut some).await, Ok(1..)) {} };
    timeout(SOON, goes_on).await.expect("it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_never_waits_for_its_app_ends_as_well() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = front(listener.local_addr().unwrap()).await;
    tokio::spawn(async move {
        let (mut app, _) = listener.accept().await.unwrap();
        read_until(&mut app, "\r\n\r\n").await.unwrap();
        app.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await.unwrap();
        while app.write_all(&[b'x'; 100_000]).await.is_ok() {}
    });
    let ask = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\ncookie: guestpass={TOKEN}\r\n\r\n");
    let mut stream = sends(&front, &ask).await;
    let mut some = vec![0; 10_000_000];
    stream.read_exact(&mut some).await.unwrap();
    front.turn(60);
    let end = loop {
        match timeout(SOON, stream.read(&mut some)).await.unwrap() {
            Ok(0) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(error.kind()),
        }
    };
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
}
