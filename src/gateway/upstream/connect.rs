//! A new connection to an endpoint: TCP or a unix socket, TLS or none, HTTP/1.1 or HTTP/2.

use super::address::Address;
use super::failure::Failure;
use super::patient::Patient;
use super::settings::Protocol;
use super::tls::{Tls, agreed_on_h2};
use crate::gateway::upload::FromClient;
use crate::loopback;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// How many requests one HTTP/2 connection carries at a time, if the app allows as many.
const STREAMS: usize = 100;
/// What stands for a number of requests as long as the app has named none: not one that it could name.
const UNSAID: usize = usize::MAX - 1;
/// How much of an answer an HTTP/2 connection takes before the client has taken it, in bytes.
const WINDOW: u32 = 512 * 1024;
/// The same for all answers on a connection: so much that clients who do not read cannot hold up those who do.
const ALL_WINDOWS: u32 = WINDOW * STREAMS as u32;
/// How much of a request waits for an app that does not read, in bytes.
const UNSENT: usize = 256 * 1024;
/// How long the head of an answer may be, in bytes.
const HEAD_BYTES: u32 = 64 * 1024;

/// How long an app that owes an answer over HTTP/2 may be silent until it is asked whether it is there, and how long it may
/// take to say so.
const SILENCE: Duration = Duration::from_secs(10);

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
    /// So many at a time.
    Many(http2::SendRequest<FromClient>, usize),
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
    if h2 {
        return greet_by_h2(stream, SILENCE).await;
    }
    let (sender, connection) = http1::handshake(TokioIo::new(Patient::new(stream))).await?;
    tokio::spawn(connection.with_upgrades());
    Ok(Fresh::One(sender))
}

/// The same by HTTP/2. An app begins by saying how many requests it takes at a time (RFC 9113, section 3.4);
/// that is waited for, since those that are too many would wait for others that may never end.
async fn greet_by_h2<T>(stream: T, silence: Duration) -> Result<Fresh, Failure>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, mut connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(ALL_WINDOWS)
        .initial_max_send_streams(UNSAID)
        .max_send_buf_size(UNSENT)
        .max_header_list_size(HEAD_BYTES)
        .keep_alive_interval(silence)
        .keep_alive_timeout(silence)
        .handshake(TokioIo::new(stream))
        .await?;
    while connection.current_max_send_streams() == UNSAID {
        // Nothing wakes us when it is said.
        match timeout(Duration::from_millis(1), &mut connection).await {
            Ok(Err(error)) => return Err(io::Error::other(error).into()),
            Ok(Ok(())) => return Err(io::Error::other("it does not speak HTTP/2").into()),
            Err(_) => {}
        }
    }
    let allowed = connection.current_max_send_streams().clamp(1, STREAMS);
    tokio::spawn(connection);
    Ok(Fresh::Many(sender, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use std::future::pending;
    use tokio::time::sleep;

    #[tokio::test]
    async fn an_app_that_owes_an_answer_and_is_gone_without_a_word_is_given_up() {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let mut app = h2::server::handshake(theirs).await.unwrap();
            let asked = app.accept().await;
            // From here on it reads nothing, writes nothing, and does not hang up.
            pending::<()>().await;
            drop((app, asked));
        });
        let silence = Duration::from_millis(50);
        let Ok(Fresh::Many(mut sender, _)) = greet_by_h2(ours, silence).await else {
            panic!("no connection")
        };
        sleep(5 * silence).await;
        assert!(!sender.is_closed(), "who owes nothing may be silent");
        let request = Request::get("http://wiki.example.com/").body(FromClient::Nothing).unwrap();
        let answer = timeout(Duration::from_secs(10), sender.send_request(request)).await;
        assert!(answer.expect("it is still waited for").is_err());
        assert!(sender.is_closed());
    }
}
