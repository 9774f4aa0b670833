//! The client behind trusted proxies, where there are several in a row.

use super::listen::{Peer, TrustedProxy};
use http::HeaderMap;
use std::net::IpAddr;

/// The client that a request comes from: the peer, or whom trusted proxies name in `X-Forwarded-For`. Read from the
/// end, since whoever is not trusted may have begun the list with anything.
pub(super) fn client(peer: &Peer, headers: &HeaderMap, trusted: &[TrustedProxy]) -> IpAddr {
    let mut client = peer.address;
    if !peer.trusted {
        return client;
    }
    for line in headers.get_all("x-forwarded-for").iter().rev() {
        for entry in line.as_bytes().rsplit(|byte| *byte == b',') {
            let Some(address) = address(entry) else { return client };
            client = address;
            if !trusted.iter().any(|proxy| proxy.is_at(address)) {
                return client;
            }
        }
    }
    client
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
        let trusted = ["10.0.0.0/8", "::1"].map(|text| TrustedProxy::try_from(text.to_owned()).unwrap());
        let client = |peer: &str, lines: &[&str]| {
            let address: IpAddr = peer.parse().unwrap();
            let is_trusted = trusted.iter().any(|proxy| proxy.is_at(address));
            let peer = Peer { address, trusted: is_trusted, asks: false, tls: None };
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::try_from(*line).unwrap());
            }
            super::client(&peer, &headers, &trusted).to_string()
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
