//! A new connection to an endpoint: TCP or a unix socket, TLS or none, HTTP/1.1 or HTTP/2.

use super::address::Address;
use super::failure::Failure;
use super::lane::Stream;
use super::settings::Protocol;
use super::tls::{Tls, agreed_on_h2};
use crate::gateway::upload::FromClient;
use crate::loopback;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// How many requests one HTTP/2 connection carries at a time, if the app allows as many.
pub(super) const STREAMS: usize = 100;
/// How much of an answer an HTTP/2 connection takes before the client has taken it, in bytes.
const WINDOW: u32 = 512 * 1024;
/// The same for all answers on a connection: so much that clients who do not read cannot hold up those who do.
const ALL_WINDOWS: u32 = WINDOW * STREAMS as u32;
/// How much of a request waits for an app that does not read, in bytes.
const UNSENT: usize = 256 * 1024;
/// How long the head of an answer may be, in bytes.
const HEAD_BYTES: u32 = 64 * 1024;

/// How an endpoint is reached, and what is spoken there.
pub(super) struct Peer {
    pub(super) address: Address,
    /// TLS, and the name that the certificate must have.
    pub(super) tls: Option<(Tls, ServerName<'static>)>,
    /// What is spoken; over TLS and unless said, what the app prefers.
    pub(super) protocol: Option<Protocol>,
}

/// A connection that nothing was sent on.
pub(super) enum Fresh {
    /// One request at a time.
    One(http1::SendRequest<FromClient>),
    /// Many at once.
    Many(http2::SendRequest<FromClient>, Stream),
}

impl Peer {
    /// Connects; by HTTP/1.1 and nothing else where `only_http1`.
    ///
    /// # Errors
    /// [`Failure::Connect`], also where the other side is not who it should be or speaks something else.
    pub(super) async fn connect(&self, only_http1: bool) -> Result<Fresh, Failure> {
        let h2 = !only_http1 && self.protocol == Some(Protocol::H2);
        match &self.address {
            Address::Unix(path) => greet(UnixStream::connect(path).await?, h2).await,
            Address::Tcp { host, port } => {
                let addresses = loopback::addresses(host, *port).await?;
                let stream = TcpStream::connect(&addresses[..]).await?;
                stream.set_nodelay(true)?;
                let Some((tls, name)) = &self.tls else { return greet(stream, h2).await };
                let stream = tls.connect(stream, name.clone(), !only_http1).await?;
                let agreed = agreed_on_h2(&stream);
                if h2 && !agreed {
                    return Err(io::Error::other("it does not speak HTTP/2").into());
                }
                greet(stream, agreed).await
            }
        }
    }
}

/// Begins to speak HTTP. The connection's own task ends with its sender, or when the app hangs up; why is told
/// to whoever waits for an answer.
async fn greet<T>(stream: T, h2: bool) -> Result<Fresh, Failure>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = TokioIo::new(stream);
    if !h2 {
        let (sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection.with_upgrades());
        return Ok(Fresh::One(sender));
    }
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(ALL_WINDOWS)
        .max_send_buf_size(UNSENT)
        .max_header_list_size(HEAD_BYTES)
        .handshake(stream)
        .await?;
    let streams = Stream::new(STREAMS.into());
    let allowed = streams.clone();
    tokio::spawn(async move {
        let mut connection = pin!(connection);
        poll_fn(|context| {
            let ended = connection.as_mut().poll(context);
            allowed.store(connection.current_max_send_streams(), Ordering::Relaxed);
            ended
        })
        .await
    });
    Ok(Fresh::Many(sender, streams))
}
