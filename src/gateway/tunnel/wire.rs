//! One end of a tunnel: the connection of a client or to an app, after HTTP.

use crate::gateway::listen::Stream;
use crate::gateway::reset::reset;
use crate::gateway::upstream::Patient;
use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A connection.
pub(super) enum Wire {
    /// A client's.
    Client(Stream),
    /// One to an app, by TCP in the clear.
    App(Patient<TcpStream>),
    /// Of another kind, or one stream of many on an HTTP/2 connection.
    Other(TokioIo<Upgraded>),
}

impl Wire {
    /// The connection under `upgraded`, and what was already read of it.
    pub(super) fn new(upgraded: Upgraded) -> (Self, Bytes) {
        let upgraded = match upgraded.downcast::<TokioIo<Stream>>() {
            Ok(parts) => return (Self::Client(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        match upgraded.downcast::<TokioIo<Patient<TcpStream>>>() {
            Ok(parts) => (Self::App(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => (Self::Other(TokioIo::new(upgraded)), Bytes::new()),
        }
    }

    /// Closes the connection so that the other side cannot take what came for all there was, as far as its kind
    /// has a way to say so.
    pub(super) fn reset(self) {
        let tcp = match &self {
            Self::Client(stream) => stream.tcp(),
            Self::App(stream) => Some(stream.get_ref()),
            Self::Other(_) => None,
        };
        if let Some(stream) = tcp {
            reset(stream);
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Client(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::App(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Client(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::App(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Client(stream) => Pin::new(stream).poll_flush(context),
            Self::App(stream) => Pin::new(stream).poll_flush(context),
            Self::Other(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Client(stream) => Pin::new(stream).poll_shutdown(context),
            Self::App(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
