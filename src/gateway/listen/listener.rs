//! A place where clients connect.

use super::settings::{Address, Entry};
use super::stream::Accepted;
use super::tls::Tls;
use crate::socket;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpSocket;

/// How many connections may wait to be accepted. The system may allow fewer.
const BACKLOG: u32 = 4096;
/// Owner and group may connect: what stands in front often runs as another user.
const MODE: u32 = 0o660;

/// A place where clients connect, and what they are to speak there.
pub struct Listener {
    place: Place,
    way: Way,
}

enum Place {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// What is spoken before HTTP.
#[derive(Clone, Default)]
pub(super) struct Way {
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) proxy_protocol: bool,
    pub(super) forward_auth: bool,
}

/// HTTP in the clear, on a socket that somebody else has bound.
impl From<std::net::TcpListener> for Listener {
    fn from(listener: std::net::TcpListener) -> Self {
        Self { place: Place::Tcp(listener), way: Way::default() }
    }
}

impl Listener {
    /// Binds the address of `entry`, to speak TLS as `tls` says where the entry wants it. Needs a runtime.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub fn bind(entry: &Entry, tls: Option<&Arc<Tls>>) -> io::Result<Self> {
        let place = match &entry.at {
            Address::Tcp(address) => Place::Tcp(bind(*address)?),
            Address::Unix(path) => Place::Unix(socket::bind(path, MODE)?),
        };
        let tls = tls.filter(|_| entry.tls != Some(false)).cloned();
        Ok(Self {
            place,
            way: Way { tls, proxy_protocol: entry.proxy_protocol, forward_auth: entry.forward_auth },
        })
    }

    /// The same place, with TLS.
    #[cfg(test)]
    pub(super) fn with_tls(mut self, tls: Arc<Tls>) -> Self {
        self.way.tls = Some(tls);
        self
    }

    /// The same place, where other proxies ask what we would do.
    #[cfg(test)]
    pub(in crate::gateway) fn with_forward_auth(mut self) -> Self {
        self.way.forward_auth = true;
        self
    }

    /// The same place, where a PROXY protocol header comes first.
    #[cfg(test)]
    pub(super) fn with_proxy_protocol(mut self) -> Self {
        self.way.proxy_protocol = true;
        self
    }

    /// On the current runtime.
    pub(in crate::gateway) fn open(self) -> io::Result<Open> {
        let place = match self.place {
            Place::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                OpenPlace::Tcp(tokio::net::TcpListener::from_std(listener)?)
            }
            Place::Unix(listener) => {
                listener.set_nonblocking(true)?;
                OpenPlace::Unix(tokio::net::UnixListener::from_std(listener)?)
            }
        };
        Ok(Open { place, way: self.way })
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it: a client that vanished is noticed in the end, also by a silent tunnel.
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

/// A listener at work.
pub(in crate::gateway) struct Open {
    place: OpenPlace,
    pub(super) way: Way,
}

enum OpenPlace {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Open {
    /// The next connection. Who it is of is asked of the socket, later.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match &self.place {
            OpenPlace::Tcp(listener) => Ok(Accepted::Tcp(listener.accept().await?.0.into_std()?)),
            OpenPlace::Unix(listener) => Ok(Accepted::Unix(listener.accept().await?.0.into_std()?)),
        }
    }
}
