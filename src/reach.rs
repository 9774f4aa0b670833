//! Where nobody is whom we ask: addresses that hand out a machine's own credentials to whoever asks from it. A target or a
//! provider whose name leads there is a mistake or a trick, and what we send holds what opens it.

use crate::loopback::addresses;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use url::{Host, Url};

/// Where clouds answer by IPv6 what they answer at 169.254.169.254.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Whether nobody can be at this address whom we ask: link-local (RFC 3927, RFC 4291 section 2.5.6), where the metadata of
/// machines is.
fn is_out_of_bounds(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.is_link_local(),
            None => address.is_unicast_link_local() || address == METADATA,
        },
    }
}

/// Whether the URL names such an address itself, for which no resolver is asked.
pub fn leads_out(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_out_of_bounds(address.into()),
        Some(Host::Ipv6(address)) => is_out_of_bounds(address.into()),
        Some(Host::Domain(_)) | None => false,
    }
}

/// Resolves names as [`addresses`] does, without the addresses where nobody is, each time anew: where a name leads now counts,
/// and not where it led when it was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = within_bounds(addresses(name.as_str(), 0).await?)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Those addresses where somebody can be.
fn within_bounds(mut found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let before = found.len();
    found.retain(|address| !is_out_of_bounds(address.ip()));
    if found.is_empty() && before > 0 {
        return Err(io::Error::other("leads to a link-local address, where nobody is whom we ask"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_where_machines_get_their_credentials() {
        for out in ["169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254"] {
            let address: IpAddr = out.parse().unwrap();
            assert!(is_out_of_bounds(address), "{out}");
            assert!(within_bounds(vec![(address, 80).into()]).is_err(), "{out}");
            assert!(
                leads_out(&format!("http://{}/", SocketAddr::new(address, 80)).parse().unwrap()),
                "{out}"
            );
        }
        for fine in ["127.0.0.1", "10.0.0.7", "192.0.2.1", "::1", "fd00::1", "2001:db8::1"] {
            let address = SocketAddr::new(fine.parse().unwrap(), 80);
            assert!(!leads_out(&format!("http://{address}/").parse().unwrap()), "{fine}");
        }
        let both = vec!["169.254.169.254:80".parse().unwrap(), "10.0.0.7:80".parse().unwrap()];
        assert_eq!(within_bounds(both).unwrap(), ["10.0.0.7:80".parse().unwrap()]);
    }
}
