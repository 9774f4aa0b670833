//! A pipe to a server that can be shut and stopped up.

use super::counterpart::reserve;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Open,
    /// Whatever goes through takes so long, each way.
    Slow(Duration),
    /// Connections are accepted and kept; nothing goes through.
    Stopped,
    /// Connections are broken, and new ones too.
    Shut,
}

/// Whoever connects to it reaches the server behind it. What is connected ends with it.
pub(crate) struct Valve {
    flow: watch::Sender<Flow>,
    server: watch::Sender<SocketAddr>,
    pub(crate) address: SocketAddr,
    _reserved: TcpSocket,
}

impl Valve {
    pub(crate) fn before(server: SocketAddr) -> Self {
        let (reserved, address) = reserve();
        let (flow, server) = (watch::Sender::new(Flow::Open), watch::Sender::new(server));
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let (flows, servers) = (flow.subscribe(), server.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = *servers.borrow();
                tokio::spawn(pass(client, server, flows.clone()));
            }
        });
        Self { flow, server, address, _reserved: reserved }
    }

    /// Whoever connects from now on reaches another one.
    pub(crate) fn leads_to(&self, server: SocketAddr) {
        self.server.send_replace(server);
    }

    pub(crate) fn is(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }
}

async fn pass(client: TcpStream, server: SocketAddr, mut flow: watch::Receiver<Flow>) {
    if *flow.borrow() == Flow::Shut {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let there = copy(from_client, to_server, flow.clone());
    let back = copy(from_server, to_client, flow.clone());
    tokio::select! {
        () = there => {}
        () = back => {}
        _ = flow.wait_for(|flow| *flow == Flow::Shut) => {}
    }
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut flow: watch::Receiver<Flow>,
) {
    let mut bytes = vec![0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let Ok(now) = flow.wait_for(|flow| *flow != Flow::Stopped).await.map(|now| *now) else { return };
        if let Flow::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
