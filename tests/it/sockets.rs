//! WebSockets by HTTP/2 (RFC 8441), in the clear and over TLS: who may open one, and when it ends.

use crate::harness::{Authority, CARLA, Hand, House, Site, reserve};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use guestpass::clock::Clock;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server as ask;
use tokio_tungstenite::tungstenite::protocol::Role;

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// An app that says where it was asked and what for a guest it was told, and then repeats what it hears.
async fn parrot() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut told = String::new();
                #[expect(clippy::result_large_err, reason = "the type is that of tungstenite")]
                let hear = |request: &ask::Request, response: ask::Response| {
                    let word = request.headers().get("guestpass-assertion");
                    let known = word.is_some_and(|word| word.as_bytes().starts_with(b"ey"));
                    told = format!("{} {known}", request.uri());
                    Ok(response)
                };
                // What is no WebSocket is closed.
                let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, hear).await else { return };
                socket.send(Message::text(told)).await.unwrap();
                while let Some(Ok(message @ Message::Text(_))) = socket.next().await {
                    socket.send(message).await.unwrap();
                }
            });
        }
    });
    address
}

/// A connection by HTTP/2 that knows what the other side offers.
async fn connection<S>(stream: S, authority: &str) -> SendRequest<Empty<Bytes>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    // Extended CONNECT may be used once the settings that offer it are here, and they come before any answer.
    let first = Request::get(format!("http://{authority}/.guestpass/")).body(Empty::new()).unwrap();
    sender.send_request(first).await.unwrap();
    sender
}

/// The WebSocket at `path`, or the status that refuses it.
async fn open(
    sender: &mut SendRequest<Empty<Bytes>>,
    authority: &str,
    path: &str,
    cookie: &str,
) -> Result<Socket, u16> {
    let request = Request::connect(format!("http://{authority}{path}"))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .header("cookie", cookie);
    let response = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
    if response.status() != 200 {
        return Err(response.status().as_u16());
    }
    let upgraded = hyper::upgrade::on(response).await.unwrap();
    Ok(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, None).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn by_http2_a_websocket_opens_for_who_may_repeats_and_ends_with_their_access() {
    let (site, parrot) =
        (Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await, parrot().await);
    let (_reserved, secure) = reserve();
    let authority = Authority::new("authority");
    let pair = authority.certify(&["echo.localhost"]);
    site.write("tls.crt", &pair.certificate);
    site.write("tls.key", &pair.key);
    let front = site.front;
    let listen = format!(
        "listen: [{{ at: \"{front}\", tls: false }}, {secure}]\ntls: {{ certificate: tls.crt, key: tls.key }}\n"
    );
    site.change("guestpass.yaml", &format!("listen: {front}\n"), &listen);
    site.change("guestpass.yaml", &format!("http://{}", site.echo.address), &format!("http://{parrot}"));
    let house = House::of(site).await;
    let host = house.echo_url.strip_prefix("http://").unwrap();
    let mut hand = Hand::new();
    let (asked, _) = hand.follow(&house.echo_url, &house.provider_url).await;
    let back = hand.choose(&asked, CARLA).await;
    hand.follow(&back, "never").await;
    let cookie = format!("guestpass={}", hand.cookies_at(&house.echo_url)["guestpass"]);

    let clear = TcpStream::connect(front).await.unwrap();
    let secured = authority.connect(secure, "echo.localhost", "h2", None).await.unwrap();
    assert_eq!(secured.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut sockets = Vec::new();
    for mut sender in [connection(clear, host).await, connection(secured, host).await] {
        let refused = open(&mut sender, host, "/live", "").await;
        assert_eq!(refused.err(), Some(401));
        let refused = open(&mut sender, host, "/staff", &cookie).await;
        assert_eq!(refused.err(), Some(403));
        let mut socket = open(&mut sender, host, "/live?a=b", &cookie).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("/live?a=b true"));
        for words in ["hello", "again"] {
            socket.send(Message::text(words)).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(words));
        }
        sockets.push((socket, sender));
    }
    house.operator().orders(&format!("/people/{CARLA}@demo/revoke"), json!({})).await;
    for (mut socket, mut sender) in sockets {
        let Some(Ok(Message::Close(Some(close)))) = socket.next().await else { panic!("cut") };
        assert_eq!(u16::from(close.code), 1008);
        // The connection is the browser's, and goes on.
        assert_eq!(open(&mut sender, host, "/live", &cookie).await.err(), Some(401));
    }
    house.finish().await;
}
