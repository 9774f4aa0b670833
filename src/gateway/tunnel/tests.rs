//! Tunnels over what is no TCP socket, as streams of HTTP/2 are not; and what nobody outside can see.

use super::*;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use tokio::io::{AsyncReadExt, duplex};
use tokio::sync::mpsc::unbounded_channel;

/// Less than the frames that pass, so that most writes have to wait.
const NARROW: usize = 1000;

/// Both ends of a connection that was upgraded; the server's first.
async fn upgraded() -> (Upgraded, TokioIo<Upgraded>) {
    let (near, far) = duplex(NARROW);
    let (tell, mut told) = unbounded_channel();
    let switch = service_fn(move |mut request: Request<hyper::body::Incoming>| {
        tell.send(hyper::upgrade::on(&mut request)).unwrap();
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        let response = response.header("connection", "upgrade").header("upgrade", "websocket");
        std::future::ready(Ok::<_, Infallible>(response.body(Empty::<bytes::Bytes>::new()).unwrap()))
    });
    let server = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(near), switch);
    tokio::spawn(server.with_upgrades());
    let (mut sender, client) = hyper::client::conn::http1::handshake(TokioIo::new(far)).await.unwrap();
    tokio::spawn(client.with_upgrades());
    let ask = Request::builder().header("connection", "upgrade").header("upgrade", "websocket");
    let response = sender.send_request(ask.body(Empty::<bytes::Bytes>::new()).unwrap()).await.unwrap();
    let client = hyper::upgrade::on(response).await.unwrap();
    (told.recv().await.unwrap().await.unwrap(), TokioIo::new(client))
}

/// A frame of an app with so many bytes.
fn frame(length: u16) -> Vec<u8> {
    let mut frame = vec![0x82, 126];
    frame.extend(length.to_be_bytes());
    frame.resize(frame.len() + usize::from(length), 7);
    frame
}

async fn read<const N: usize>(from: &mut TokioIo<Upgraded>) -> [u8; N] {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn without_a_socket_of_its_own_a_tunnel_passes_and_ends_alike() {
    let ((client, mut browser), (app, mut server)) = (upgraded().await, upgraded().await);
    let mut tunnel = Tunnel::new(client, app);
    let sent = frame(5_000);
    // A frame, and a bit of the next.
    let (mut first, mut second) = (vec![0; sent.len() + 4], vec![0; sent.len() - 4]);
    let talk = async {
        server.write_all(&sent).await.unwrap();
        server.write_all(&sent[..500]).await.unwrap();
    };
    tokio::select! {
        _ = async { tokio::join!(talk, browser.read_exact(&mut first)) } => {}
        ended = tunnel.copy(None) => panic!("{ended:?}"),
    }
    assert!(first[..sent.len()] == sent && first[sent.len()..] == sent[..4]);

    let tells = async {
        server.write_all(&sent[500..]).await.unwrap();
        let heard: [u8; 20] = read(&mut server).await;
        assert_eq!(heard[..2], [0x88, 0x80 | 14]);
        assert_eq!([heard[6] ^ heard[2], heard[7] ^ heard[3]], 1008_u16.to_be_bytes());
        drop(server);
    };
    let hears = async {
        browser.read_exact(&mut second).await.unwrap();
        assert!(second == sent[4..]);
        assert_eq!(read::<16>(&mut browser).await[..4], [0x88, 14, 0x03, 0xf0]);
        browser.write_all(&frames::close(1008, "", Some([0; 4]))).await.unwrap();
        assert_eq!(browser.read(&mut [0]).await.unwrap(), 0);
    };
    tokio::join!(tunnel.close(Why::AccessEnded), tells, hears);
}

#[tokio::test]
async fn silence_ends_a_tunnel_and_words_lengthen_it() {
    let ((client, mut browser), (app, _server)) = (upgraded().await, upgraded().await);
    let mut tunnel = Tunnel::new(client, app);
    let began = Instant::now();
    let idle = Duration::from_millis(200);
    let talks = async {
        for _ in 0..5 {
            sleep(idle / 2).await;
            browser.write_all(&[0]).await.unwrap();
        }
    };
    let (ended, ()) = tokio::join!(tunnel.copy(Some(idle)), talks);
    assert!(matches!(ended, Ok(Some(Why::Idle))), "{ended:?}");
    assert!(began.elapsed() >= idle * 7 / 2);
}

#[test]
fn an_idle_tunnel_is_small() {
    fn size<T>(
        _: impl Fn(AppName, OnUpgrade, OnUpgrade, Permitted, CancellationToken, Option<Duration>) -> T,
    ) -> usize {
        size_of::<T>()
    }
    let bytes = size(run);
    println!("{bytes} bytes, of them {} for the tunnel", size_of::<Tunnel>());
    assert!(bytes <= 2_048, "{bytes} bytes");
}
