//! Who is connected, and whom they speak for.

use http::HeaderMap;
use ipnet::IpNet;
use std::net::IpAddr;

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// Whether it may speak for others: it is one of the trusted proxies.
    pub trusted: bool,
    /// Whether it is connected where other proxies ask what we would do.
    pub asks: bool,
    /// What the TLS handshake told; nothing in the clear.
    pub tls: Option<Tls>,
}

/// What a TLS handshake told of the client.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The host it wanted to speak to, canonical.
    pub server_name: Option<String>,
    /// Whether it has shown a certificate of ours.
    pub certificate: bool,
}

/// The proxies that may speak for others.
#[derive(Debug, Clone, Default)]
pub struct Trusted(pub Vec<IpNet>);

impl Trusted {
    /// Whether the proxy at `address` is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// The client that a request comes from: the peer, or whom trusted proxies name in `X-Forwarded-For`. Read from
    /// the end, since whoever is not trusted may have begun the list with anything.
    pub fn client(&self, peer: &Peer, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.address;
        if !peer.trusted {
            return client;
        }
        for line in headers.get_all("x-forwarded-for").iter().rev() {
            for entry in line.as_bytes().rsplit(|byte| *byte == b',') {
                let Some(address) = address(entry) else { return client };
                client = address;
                if !self.contains(address) {
                    return client;
                }
            }
        }
        client
    }
}

/// An address in a list, perhaps with a port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    bare.unwrap_or(text).parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_client_is_the_last_whom_nobody_vouches_for() {
        let trusted = Trusted(vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        let client = |peer: &str, lines: &[&str]| {
            let address: IpAddr = peer.parse().unwrap();
            let peer = Peer { address, trusted: trusted.contains(address), asks: false, tls: None };
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::try_from(*line).unwrap());
            }
            trusted.client(&peer, &headers).to_string()
        };
        assert_eq!(client("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["9.9.9.9, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("::ffff:10.0.0.1", &["9.9.9.9", "198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(client("::1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["9.9.9.9, unknown, 10.0.0.3"]), "10.0.0.3");
        assert_eq!(client("10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    }
}
