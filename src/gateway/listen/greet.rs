//! What comes before the first request: who is there, and what do they speak? Whoever says nothing holds a socket and
//! a timer until the time for it is over.

use super::Patience;
use super::listener::Way;
use super::peer::{Origin, Peer, TrustedProxy};
use super::proxy::{self, Reading};
use super::stream::{Socket, Stream};
use super::tls::{self, HTTP_2};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::timeout;

/// With these bytes HTTP/2 begins (RFC 9113, section 3.4), and no request of HTTP/1.1 does: `PRI` is reserved.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Somebody who may ask.
pub(super) struct Guest {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    /// Whether HTTP/2 is spoken.
    pub(super) http2: bool,
}

/// Why somebody was turned away before they could ask.
#[derive(Debug, thiserror::Error)]
pub(super) enum TurnedAway {
    #[error("it is not in trusted-proxies, and PROXY protocol is spoken here")]
    NotTrusted,
    #[error(transparent)]
    Malformed(#[from] proxy::Malformed),
    #[error("it said nothing for {0:?}")]
    Silent(Duration),
    #[error("it left without a word")]
    Gone,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Finds out who is at `socket`, which comes from `origin` by `way`.
pub(super) async fn greet(
    mut socket: Socket,
    origin: Origin,
    way: &Way,
    trusted: &[TrustedProxy],
    patience: Patience,
) -> Result<Guest, TurnedAway> {
    let mut is_trusted = trusted.iter().any(|proxy| proxy.covers(origin));
    let mut address = origin.address();
    if way.proxy_protocol {
        if !is_trusted {
            return Err(TurnedAway::NotTrusted);
        }
        if let Some(named) = within(patience.greeting, introduced(&mut socket)).await? {
            // Behind the header the bytes are theirs, and a proxy that passes bytes on vouches for none of them.
            address = named.to_canonical();
            is_trusted = trusted.iter().any(|proxy| proxy.is_at(address));
        }
    }
    let peer = Peer { address, trusted: is_trusted, asks: way.forward_auth, tls: None };
    let Some(tls) = &way.tls else {
        let http2 = within(patience.head, speaks_http2(&mut socket)).await?;
        return Ok(Guest { stream: Stream::Clear(socket), peer, http2 });
    };
    // In a box, so that whoever speaks in the clear holds no room for it.
    let handshake = Box::pin(async { Ok(Box::new(tls.accept(socket).await?)) });
    let stream = within(patience.greeting, handshake).await?;
    let peer = Peer { tls: Some(tls::told(&stream)), ..peer };
    let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
    Ok(Guest { stream: Stream::Tls(stream), peer, http2 })
}

async fn within<T>(
    limit: Duration,
    what: impl Future<Output = Result<T, TurnedAway>>,
) -> Result<T, TurnedAway> {
    timeout(limit, what).await.unwrap_or(Err(TurnedAway::Silent(limit)))
}

/// Whom the proxy at `socket` speaks for; `None` where it speaks for itself or does not know.
async fn introduced(socket: &mut Socket) -> Result<Option<IpAddr>, TurnedAway> {
    loop {
        match proxy::read(socket.ahead())? {
            Reading::Header { client, length } => {
                socket.consume(length);
                return Ok(client);
            }
            Reading::Incomplete => more(socket).await?,
        }
    }
}

async fn speaks_http2(socket: &mut Socket) -> Result<bool, TurnedAway> {
    loop {
        let seen = socket.ahead();
        let compared = seen.len().min(PREFACE.len());
        if seen[..compared] != PREFACE[..compared] {
            return Ok(false);
        }
        if compared == PREFACE.len() {
            return Ok(true);
        }
        more(socket).await?;
    }
}

async fn more(socket: &mut Socket) -> Result<(), TurnedAway> {
    match socket.read_ahead().await? {
        0 => Err(TurnedAway::Gone),
        _ => Ok(()),
    }
}
