//! Who is at the other end of a connection.

use ipnet::IpNet;
use schemars::JsonSchema;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// Who is at the other end of a connection, the same for all of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The client's address: that of the socket, or what a trusted proxy said of it by PROXY protocol. Loopback for
    /// a unix socket of which nothing is said.
    pub address: IpAddr,
    /// Whether its word on others counts: `trusted-proxies` names that address, or the other end of the socket where a
    /// proxy said nothing.
    pub trusted: bool,
    /// Whether it came in where other proxies ask what we would do.
    pub asks: bool,
    /// What TLS told, where the connection has it.
    pub tls: Option<Secured>,
}

/// What TLS told of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secured {
    /// The host that the client asked for (SNI, RFC 6066, section 3): lower case, without a dot at the end.
    pub server_name: Option<Box<str>>,
    /// Whether the client showed a certificate. One that `client-ca` did not issue ends the handshake.
    pub client_certificate: bool,
}

/// The other end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Address(IpAddr),
    Unix,
}

impl Origin {
    /// An IPv4 address is one, also where the socket is of IPv6.
    pub(super) fn of(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }

    pub(super) fn address(self) -> IpAddr {
        match self {
            Self::Address(address) => address,
            Self::Unix => Ipv4Addr::LOCALHOST.into(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// One entry of `trusted-proxies`: whose word on who a client is counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub enum TrustedProxy {
    /// Whoever connects from this network.
    Network(IpNet),
    /// Whoever may open our unix sockets.
    Unix,
}

impl TrustedProxy {
    /// Whether it is everybody.
    pub fn is_everybody(&self) -> bool {
        matches!(self, Self::Network(network) if network.prefix_len() == 0)
    }

    /// Whether it is at `address`.
    pub fn is_at(&self, address: IpAddr) -> bool {
        self.covers(Origin::of(address))
    }

    pub(super) fn covers(&self, origin: Origin) -> bool {
        match (self, origin) {
            (Self::Network(network), Origin::Address(address)) => network.contains(&address),
            (Self::Unix, Origin::Unix) => true,
            _ => false,
        }
    }
}

impl TryFrom<String> for TrustedProxy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self::Network).map_err(|_| {
            format!("\"{text}\" is not a network like 10.0.0.0/8, an address like 10.0.0.7, or \"unix\"")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> TrustedProxy {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn trust_is_in_the_socket_and_an_address_has_one_form() {
        let from = |text: &str| Origin::of(text.parse().unwrap());
        assert!(proxy("10.0.0.0/8").covers(from("10.1.2.3")));
        assert!(proxy("10.0.0.0/8").covers(from("::ffff:10.1.2.3")));
        assert!(!proxy("10.0.0.0/8").covers(from("11.0.0.1")));
        assert!(!proxy("10.0.0.0/8").covers(Origin::Unix));
        assert!(proxy("2001:db8::/32").covers(from("2001:db8::7")));
        assert!(proxy("192.0.2.7").covers(from("192.0.2.7")));
        assert!(!proxy("192.0.2.7").covers(from("192.0.2.8")));
        assert!(proxy("unix").covers(Origin::Unix) && !proxy("unix").covers(from("127.0.0.1")));
        assert!(proxy("0.0.0.0/0").is_everybody() && !proxy("127.0.0.1").is_everybody());
        assert!(TrustedProxy::try_from("10.0.0.0/33".to_owned()).is_err());
        assert!(TrustedProxy::try_from("proxy.example.com".to_owned()).is_err());
    }
}
