//! The end of a connection that nobody can take for an orderly one.

use tokio::net::TcpStream;

/// Makes the close of `stream`, which is to follow, a reset: what was not sent yet is thrown away, and the other side gets
/// an error instead of an end (RFC 9293, section 3.5.2).
pub(super) fn reset(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "a connection is closed, not reset: {error}");
    }
}
