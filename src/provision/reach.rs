//! Where no target is: addresses that hand out a machine's own credentials to whoever asks from it. A name that leads there
//! is a mistake or a trick, and what is sent to a target holds what opens it.

use crate::loopback::addresses;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Where clouds answer by IPv6 what they answer at 169.254.169.254.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Whether no target can be at this address: link-local (RFC 3927, RFC 4291 section 2.5.6), where the metadata of
/// machines is.
pub fn is_out_of_bounds(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.is_link_local(),
            None => address.is_unicast_link_local() || address == METADATA,
        },
    }
}

/// Resolves names, without the addresses where no target can be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = within_bounds(addresses(name.as_str(), 0).await?)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Those addresses where a target can be.
fn within_bounds(mut found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let before = found.len();
    found.retain(|address| !is_out_of_bounds(address.ip()));
    if found.is_empty() && before > 0 {
        return Err(io::Error::other("leads to a link-local address, where no target can be"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_target_is_where_machines_get_their_credentials() {
        for out in ["169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254"] {
            let address: IpAddr = out.parse().unwrap();
            assert!(is_out_of_bounds(address), "{out}");
            assert!(within_bounds(vec![(address, 80).into()]).is_err(), "{out}");
        }
        for fine in ["127.0.0.1", "10.0.0.7", "192.0.2.1", "::1", "fd00::1", "2001:db8::1"] {
            assert!(!is_out_of_bounds(fine.parse().unwrap()), "{fine}");
        }
        let both = vec!["169.254.169.254:80".parse().unwrap(), "10.0.0.7:80".parse().unwrap()];
        assert_eq!(within_bounds(both).unwrap(), ["10.0.0.7:80".parse().unwrap()]);
    }
}
