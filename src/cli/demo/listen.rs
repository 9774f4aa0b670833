//! Listeners on loopback, and on nothing else.

use anyhow::{Context, bail};
use axum::Router;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// One free port on `only`, or the same one on both loopback addresses: browsers take either for `*.localhost`.
pub(super) fn loopback(only: Option<IpAddr>) -> anyhow::Result<(u16, Vec<TcpListener>)> {
    let first = bind(SocketAddr::new(only.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)), 0))?;
    let port = first.local_addr()?.port();
    let mut listeners = vec![first];
    if only.is_none() {
        // Not every machine has IPv6.
        listeners.extend(bind(SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port)));
    }
    Ok((port, listeners))
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    if !address.ip().is_loopback() {
        bail!("{address} is not a loopback address");
    }
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves `router` on all of `listeners` until `stop`.
pub(super) fn serve(
    tasks: &mut JoinSet<()>,
    listeners: Vec<TcpListener>,
    router: &Router,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    for listener in listeners {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (router, stop) = (router.clone(), stop.clone());
        tasks.spawn(async move {
            // What a browser keeps open need not be waited for.
            let served = axum::serve(listener, router);
            tokio::select! {
                _ = served => {}
                () = stop.cancelled() => {}
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_bound() {
        for wide in ["0.0.0.0", "::", "192.0.2.1"] {
            assert!(loopback(Some(wide.parse().unwrap())).is_err(), "{wide} was bound");
        }
        let (port, listeners) = loopback(None).unwrap();
        for listener in listeners {
            let address = listener.local_addr().unwrap();
            assert!(address.ip().is_loopback() && address.port() == port);
        }
    }
}
