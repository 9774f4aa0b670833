//! A PROXY protocol header is read when it is whole and not before, whatever follows; what is none is refused as soon
//! as that is clear, and nothing is waited for without end.
//!
//! Input: the first bytes of a connection.
#![no_main]

use guestpass::gateway::fuzzing::{Introduction, introduction};
use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;

/// The longest header that may be waited for, in bytes.
const LONGEST: usize = 2048;

fuzz_target!(|data: &[u8]| {
    let whole = introduction(data);
    for end in 0..data.len() {
        match introduction(&data[..end]) {
            Introduction::Incomplete => {}
            // What has been said once is not taken back.
            earlier => assert_eq!(earlier, whole, "after {end} bytes"),
        }
    }
    let with_more = |length: usize| {
        let mut more = data.to_vec();
        more.resize(length, b'x');
        introduction(&more)
    };
    match whole {
        Introduction::Refused => assert_eq!(with_more(LONGEST + 1), Introduction::Refused),
        Introduction::Incomplete => assert_ne!(with_more(LONGEST + 1), Introduction::Incomplete),
        Introduction::Header(client, length) => {
            assert!((1..=data.len()).contains(&length));
            assert_eq!(introduction(&data[..length - 1]), Introduction::Incomplete);
            assert_eq!(with_more(LONGEST + 1), whole);
            assert_eq!(client, said(&data[..length]), "{:?}", String::from_utf8_lossy(&data[..length]));
        }
    }
});

/// Whom a whole header names, found without looking at what need not be looked at.
fn said(header: &[u8]) -> Option<IpAddr> {
    if let Some(line) = header.strip_prefix(b"PROXY TCP") {
        let line = std::str::from_utf8(line).expect("ASCII");
        return Some(line.split(' ').nth(1).expect("a source").parse().expect("an address"));
    }
    let bytes = |count: usize| header.get(16..16 + count);
    match (header.get(12), header.get(13)) {
        (Some(0x21), Some(0x11)) => {
            bytes(4).and_then(|four| <[u8; 4]>::try_from(four).ok()).map(IpAddr::from)
        }
        (Some(0x21), Some(0x21)) => {
            bytes(16).and_then(|all| <[u8; 16]>::try_from(all).ok()).map(IpAddr::from)
        }
        _ => None,
    }
}
