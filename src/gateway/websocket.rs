//! How a request becomes a WebSocket, for clients that ask by HTTP/1.1 (RFC 6455, section 4) or HTTP/2
//! (RFC 8441). Apps are always asked by HTTP/1.1. Nothing else is upgraded to: `h2c` would carry requests that
//! nobody judges.

use super::headers;
use super::upstream::Failure;
use crate::seal::random_bytes;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;

/// What an app appends to a key before it hashes it (RFC 6455, section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// How long a key is, in bytes.
const KEY_BYTES: usize = 16;

/// A client that wants a WebSocket.
pub(super) struct Upgrade {
    client: OnUpgrade,
    /// By HTTP/2 a client sends no key: then there is one of ours.
    key: Option<String>,
}

impl Upgrade {
    /// What `request` asks for, if that is a WebSocket.
    pub(super) fn asked_for(request: &mut Parts) -> Option<Self> {
        let key = if request.method == Method::CONNECT {
            let protocol = request.extensions.get::<Protocol>()?;
            if protocol.as_str() != "websocket" {
                return None;
            }
            Some(STANDARD.encode(&random_bytes()[..KEY_BYTES]))
        } else if headers::asks_for_websocket(request) {
            None
        } else {
            return None;
        };
        Some(Self { client: request.extensions.remove::<OnUpgrade>()?, key })
    }

    /// Makes `request` the one that an app is asked by.
    pub(super) fn ask(&self, request: &mut Parts) {
        headers::set_websocket(&mut request.headers);
        if let Some(key) = &self.key {
            request.method = Method::GET;
            if let Ok(key) = HeaderValue::try_from(key) {
                request.headers.insert(header::SEC_WEBSOCKET_KEY, key);
            }
        }
    }

    /// Whether an answer that switches nothing cannot be passed on: over HTTP/2 any success would mean that the
    /// WebSocket is open (RFC 8441, section 5).
    pub(super) fn is_refused_by(&self, status: StatusCode) -> bool {
        self.key.is_some() && status.is_success()
    }

    /// The client's side of the tunnel, and the answer that opens it.
    ///
    /// # Errors
    /// [`Failure::NotSwitched`] where an app does not prove that it had our key.
    pub(super) fn accept<B>(self, mut response: Response<B>) -> Result<(OnUpgrade, Response<B>), Failure> {
        let headers = response.headers_mut();
        match self.key {
            None => headers::set_websocket(headers),
            Some(key) => {
                let proof = headers.remove(header::SEC_WEBSOCKET_ACCEPT);
                if proof.is_none_or(|proof| proof.as_bytes() != accept_key(&key).as_bytes()) {
                    return Err(Failure::NotSwitched);
                }
                headers.remove(header::CONTENT_LENGTH);
                *response.status_mut() = StatusCode::OK;
            }
        }
        Ok((self.client, response))
    }
}

/// What proves that an app has read `key` (RFC 6455, section 4.2.2).
fn accept_key(key: &str) -> String {
    let bytes = [key.as_bytes(), GUID].concat();
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_proves_that_it_read_the_key() {
        // The example of RFC 6455, section 1.3.
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
