//! Names that end in `.localhost` are loopback (RFC 6761, section 6.3). Browsers know; system resolvers may not.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use url::Host;

/// Whether `host` is `localhost` or a name under it.
fn is_local(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// Whether `host`, as it stands in an address (IPv6 in brackets), is on this machine: nobody is between us and it.
pub fn is_here(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => is_local(&name),
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => false,
    }
}

/// The addresses of `host`: both loopback ones for a local name, else what the system says.
pub async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if is_local(host) {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
    }
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

/// Resolves as [`addresses`] does, for HTTP clients.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The client puts the port of the URL in place of 0.
            let found = addresses(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn local_names_need_no_system_resolver() {
        for name in ["localhost", "notes.localhost", "A.B.LocalHost", "notes.localhost."] {
            assert!(is_local(name) && is_here(name), "{name}");
            let addresses = Resolver.resolve(name.parse().unwrap()).await.unwrap();
            assert!(addresses.into_iter().all(|address| address.ip().is_loopback()), "{name}");
        }
        for name in ["notlocalhost", "localhost.example.com", "example.com", ""] {
            assert!(!is_local(name) && !is_here(name), "{name}");
        }
    }
}
