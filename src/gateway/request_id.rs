//! A name for each request, by which logs here and behind us can be laid side by side.

use super::headers::REQUEST_ID;
use super::listen::Peer;
use crate::seal::random_text;
use http::{HeaderMap, HeaderValue};
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest id of somebody else that is taken over, in bytes.
const LONGEST: usize = 128;

/// Characters of an id that are its worker's.
const BEGINNING: usize = 12;
/// Characters that say the number: enough for a million requests a second for twelve days, then they begin again.
const NUMBER: usize = 10;

/// Draws ids for one worker: its own random beginning, then a number. They are unique, not secret.
pub(super) struct RequestIds {
    /// `BEGINNING` characters, a dash, and zeros where the number goes.
    form: [u8; BEGINNING + 1 + NUMBER],
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        let mut form = [b'-'; BEGINNING + 1 + NUMBER];
        form[..BEGINNING].copy_from_slice(&random_text().as_bytes()[..BEGINNING]);
        Self { form, next: AtomicU64::new(0) }
    }

    /// The id of a request: the one that a trusted proxy has given it, or a new one.
    pub(super) fn of(&self, peer: &Peer, headers: &HeaderMap) -> HeaderValue {
        let fits = |id: &&HeaderValue| {
            let bytes = id.as_bytes();
            (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        };
        let given = if peer.trusted { headers.get(REQUEST_ID).filter(fits) } else { None };
        given.map_or_else(|| self.draw(), HeaderValue::clone)
    }

    fn draw(&self) -> HeaderValue {
        let mut number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut id = self.form;
        for digit in id[BEGINNING + 1..].iter_mut().rev() {
            *digit = b"0123456789abcdef"[(number & 15) as usize];
            number >>= 4;
        }
        HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("-"))
    }
}
