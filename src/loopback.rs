//! Names that end in `.localhost` are loopback (RFC 6761, section 6.3). Browsers know; system resolvers may not.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether `host` is `localhost` or a name under it.
pub fn is_local(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// Resolves local names itself, to both loopback addresses, and asks the system for all others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            if is_local(name.as_str()) {
                // The client puts the port of the URL in place of 0.
                let both =
                    [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
                return Ok(Box::new(both.into_iter()) as Addrs);
            }
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
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
            assert!(is_local(name), "{name}");
            let addresses = Resolver.resolve(name.parse().unwrap()).await.unwrap();
            assert!(addresses.into_iter().all(|address| address.ip().is_loopback()), "{name}");
        }
        for name in ["notlocalhost", "localhost.example.com", "example.com", ""] {
            assert!(!is_local(name), "{name}");
        }
    }
}
