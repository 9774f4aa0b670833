//! HTTP/1.1 and HTTP/2 over a client's connection, with what slow and many clients may take.

use super::Patience;
use super::drain::Phase;
use super::peer::Peer;
use super::stream::Stream;
use crate::gateway::body::to_head;
use crate::gateway::gate::Gate;
use crate::gateway::memo::Memo;
use crate::gateway::reset::reset;
use axum::Router;
use http::{HeaderValue, Method, StatusCode, header};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long the head of a request may be, in bytes. Over HTTP/2 it bounds CONTINUATION frames, too.
const HEAD_BYTES: u32 = 64 * 1024;
/// How many requests one HTTP/2 connection may have under way.
const STREAMS: u32 = 128;
/// How many streams a client may have reset before we looked at them (CVE-2023-44487), and how many resets of ours its
/// mistakes may cost, until the connection is ended.
const RESETS: usize = 32;
/// How much of a body may be on its way before it is taken: a stream's, and all of a connection's. In bytes.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// How much of an answer waits in memory for one slow reader, in bytes.
const SEND_BUFFER: usize = 256 * 1024;
/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);

/// How HTTP is spoken.
pub(super) struct Http {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    patience: Patience,
}

/// A client with what answers it: all that a request needs is reached by one pointer.
pub(super) struct Client {
    pub(super) gate: Arc<Gate>,
    pub(super) peer: Peer,
    pub(super) memo: Memo,
    pub(super) phase: Phase,
}

impl Http {
    pub(super) fn new(patience: Patience) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(patience.head)
            .max_header_size(HEAD_BYTES as usize);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(HEAD_BYTES)
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG)
            .enable_connect_protocol();
        Self { http1, http2, patience }
    }

    /// Serves a connection to its end. Once the gateway is leaving, each answer closes its connection; what is idle
    /// stays until nothing more is accepted, since a request may be on its way.
    pub(super) async fn serve_1(&self, stream: Stream, client: Arc<Client>) -> hyper::Result<()> {
        let phase = client.phase.clone();
        let service = service_fn(move |request| {
            let client = client.clone();
            async move {
                let mut response = client.gate.answer(&client.peer, &client.memo, request).await;
                if client.phase.is_leaving() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        let mut connection = self.http1.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut closed = pin!(phase.closed.cancelled());
        let (mut listens, mut is_told) = (false, false);
        let served = poll_fn(|context| {
            // The task that waits stays the same, so it listens once; each of its turns takes no more than a look.
            if !is_told && (!listens || phase.is_closed()) {
                listens = true;
                is_told = closed.as_mut().poll(context).is_ready();
                if is_told {
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
            Pin::new(&mut connection).poll(context)
        })
        .await;
        // An answer that broke off has no end. To clients of HTTP/1.0 a close alone would be one.
        if served.as_ref().is_err_and(hyper::Error::is_user)
            && let Some(parts) = connection.into_parts()
            && let Some(stream) = parts.io.inner().tcp()
        {
            reset(stream);
        }
        served
    }

    /// Serves a connection to its end. A client that asked for nothing new for long is told to go, and so are all
    /// once the gateway is leaving; GOAWAY takes nothing from what is under way (RFC 9113, section 6.8).
    pub(super) async fn serve_2(&self, stream: Stream, client: Arc<Client>) -> hyper::Result<()> {
        let phase = client.phase.clone();
        let asked = Arc::new(AtomicU64::new(0));
        let counted = asked.clone();
        let service = service_fn(move |request| {
            counted.fetch_add(1, Ordering::Relaxed);
            let client = client.clone();
            async move {
                let is_head = request.method() == Method::HEAD;
                let response = client.gate.answer(&client.peer, &client.memo, request).await;
                Ok::<_, Infallible>(if is_head { to_head(response) } else { response })
            }
        });
        // Who comes while the gateway is leaving may still ask.
        let over = if phase.is_leaving() { &phase.closed } else { &phase.leaving };
        let mut connection = pin!(self.http2.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            served = connection.as_mut() => return served,
            () = over.cancelled() => {}
            // Who never asked for anything has nothing under way, and may not even have begun to speak.
            () = quiet(&asked, self.patience.head) => if asked.load(Ordering::Relaxed) == 0 { return Ok(()) },
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    }

    /// Serves a connection to `pages` to its end; once `stop` is cancelled, what is under way is finished.
    pub(super) async fn serve_pages(
        &self,
        stream: Stream,
        http2: bool,
        pages: Router,
        stop: CancellationToken,
    ) -> hyper::Result<()> {
        let (stream, service) = (TokioIo::new(stream), TowerToHyperService::new(pages));
        if http2 {
            let mut connection = pin!(self.http2.serve_connection(stream, service));
            if let Some(served) = stop.run_until_cancelled(connection.as_mut()).await {
                return served;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        } else {
            let mut connection = pin!(self.http1.serve_connection(stream, service));
            if let Some(served) = stop.run_until_cancelled(connection.as_mut()).await {
                return served;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Resolves when nothing was asked for so long.
async fn quiet(asked: &AtomicU64, length: Duration) {
    loop {
        let before = asked.load(Ordering::Relaxed);
        sleep(length).await;
        if asked.load(Ordering::Relaxed) == before {
            return;
        }
    }
}
