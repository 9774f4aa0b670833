//! A name for each request, by which logs here and behind us can be laid side by side.

use super::headers::REQUEST_ID;
use super::listen::Peer;
use crate::seal::random_text;
use http::{HeaderMap, HeaderValue};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest id of somebody else that is taken over, in bytes.
const LONGEST: usize = 128;

/// Draws ids for one worker: its own random beginning, then a number. They are unique, not secret.
pub(super) struct RequestIds {
    beginning: String,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        Self { beginning: random_text()[..12].to_owned(), next: AtomicU64::new(0) }
    }

    /// The id of a request: the one that a trusted proxy has given it, or a new one.
    pub(super) fn of(&self, peer: &Peer, headers: &HeaderMap) -> HeaderValue {
        let fits = |id: &&HeaderValue| {
            let bytes = id.as_bytes();
            (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        };
        match headers.get(REQUEST_ID).filter(fits) {
            Some(id) if peer.trusted => id.clone(),
            _ => self.draw(),
        }
    }

    fn draw(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut id = String::with_capacity(32);
        // Writing to a text does not fail.
        let _ = write!(id, "{}-{number:x}", self.beginning);
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("-"))
    }
}
