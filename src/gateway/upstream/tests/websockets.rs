//! WebSockets by HTTP/1.1 and HTTP/2, to apps of every kind.

use super::app::{Served, Speaks, text};
use super::multiplexed::client;
use super::nginx::Keys;
use super::*;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Empty};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// An app that says back what a WebSocket says. It becomes one for whoever asks by HTTP/1.1; at `/liar` without
/// the proof that it should give, and elsewhere than at `/live` not at all.
async fn parrot(mut request: Request<Incoming>) -> Response<super::app::Body> {
    let path = request.uri().path().to_owned();
    let Some(key) = request.headers().get("sec-websocket-key").cloned() else {
        return Response::builder().status(StatusCode::IM_A_TEAPOT).body(text("no key")).unwrap();
    };
    if path == "/plain" {
        return Response::new(text(request.into_body().collect().await.unwrap().to_bytes()));
    }
    if path == "/no" {
        return Response::builder().status(StatusCode::FORBIDDEN).body(text("not you")).unwrap();
    }
    let proof = derive_accept_key(if path == "/liar" { b"another" } else { key.as_bytes() });
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgrade.await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            let _ = socket.send(message).await;
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-accept", proof)
        .body(text(""))
        .unwrap()
}

async fn says_back<S>(mut socket: WebSocketStream<S>) -> bool
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    socket.send(Message::text("hello")).await.unwrap();
    matches!(timeout(SOON, socket.next()).await, Ok(Some(Ok(Message::Text(text)))) if text == "hello")
}

/// Asks for a WebSocket by HTTP/2 (RFC 8441, section 4).
async fn by_h2(way: &Way, path: &str) -> Response<Incoming> {
    let mut client = client::<Empty<Bytes>>(way).await;
    // That the server allows it is known once it has answered.
    let get = Request::get(format!("http://{HOST}/")).body(Empty::new()).unwrap();
    let _ = client.send_request(get).await.unwrap();
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://{HOST}{path}"))
        .header("sec-websocket-version", "13")
        .extension(hyper::ext::Protocol::from_static("websocket"))
        .body(Empty::new())
        .unwrap();
    client.send_request(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_opens_whatever_client_and_app_speak() {
    let keys = Keys::new();
    let plain = Served::by(Speaks::Http1, parrot).await;
    // It prefers HTTP/2, by which it could not be asked.
    let secure = Served::by(Speaks::Tls(keys.server()), parrot).await;
    let secure = json!({ "at": format!("https://{}", secure.address), "ca": keys.ca_file(), "server-name": "wiki.internal" });
    for upstream in [json!(plain.url()), secure] {
        let way = Way::to(upstream.clone()).await;
        // Connections that cannot become one are there already.
        assert_eq!(way.status("/").await, 418);
        let request = format!("ws://{HOST}/live").into_client_request().unwrap();
        let (socket, _) = tokio_tungstenite::client_async(request, way.connect().await).await.unwrap();
        assert!(says_back(socket).await, "{upstream}");

        let mut answer = by_h2(&way, "/live").await;
        assert_eq!(answer.status(), 200, "{upstream}");
        for gone in ["sec-websocket-accept", "upgrade", "connection"] {
            assert!(!answer.headers().contains_key(gone), "{gone}");
        }
        let stream = TokioIo::new(hyper::upgrade::on(&mut answer).await.unwrap());
        assert!(says_back(WebSocketStream::from_raw_socket(stream, Role::Client, None).await).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_become_a_websocket_opens_none() {
    let app = Served::by(Speaks::Http1, parrot).await;
    let way = Way::to(json!(app.url())).await;
    assert_eq!(by_h2(&way, "/no").await.status(), 403);
    // By HTTP/2 any success would say that it is open.
    assert_eq!(by_h2(&way, "/plain").await.status(), 502);
    assert_eq!(by_h2(&way, "/liar").await.status(), 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beside_an_upgrade_stays_with_its_request() {
    let app = Served::by(Speaks::Http1, parrot).await;
    let way = Way::to(json!(app.url())).await;
    let smuggled = "GET /no HTTP/1.1\r\nhost: x\r\n\r\n";
    let request = format!(
        "GET /plain HTTP/1.1\r\nhost: {HOST}\r\nconnection: upgrade, close\r\nupgrade: websocket\r\n\
         sec-websocket-key: a\r\ncontent-length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    );
    for _ in 0..2 {
        let (status, answer) = way.raw(&request).await;
        assert!(status == 200 && body(&answer) == smuggled, "{answer}");
    }
    assert_eq!((app.hits(), way.status("/").await), (2, 418));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_websocket_counts_as_work() {
    let (one, two) = (Served::by(Speaks::Http1, parrot).await, Served::by(Speaks::Http1, parrot).await);
    let way = Way::to(json!([one.url(), two.url()])).await;
    let request = format!("ws://{HOST}/live").into_client_request().unwrap();
    let (socket, _) = tokio_tungstenite::client_async(request, way.connect().await).await.unwrap();
    assert_eq!(way.outstanding(), 1);
    drop(socket);
    until("it is closed", || way.outstanding() == 0).await;
}
