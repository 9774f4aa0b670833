//! None of our cookies goes on to an app, and none comes from one, however the line is written.
//!
//! Input: `Cookie` lines, which are taken for `Set-Cookie` lines as well.
#![no_main]

use guestpass::gateway::fuzzing;
use guestpass::session::cookie::{Cookie, LONGEST_VALUE, is_ours};
use guestpass_fuzz::WIKI;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let lines = |name: HeaderName| {
        let values = data.split(|byte| *byte == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok());
        values.map(|value| (name.clone(), value)).collect::<HeaderMap>()
    };
    let sent = lines(header::COOKIE);
    if let Some(value) = ours(&sent) {
        assert!(
            (1..=LONGEST_VALUE).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic())
        );
    }
    // Between two cookies stand two bytes, where there was a `;` or the end of a line.
    let longest = sent.values().map(|line| line.len() * 2 + 2).sum::<usize>();
    let mut left = sent;
    fuzzing::prepare(&mut left, &WIKI);
    let values: Vec<&[u8]> = left.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    assert!(values.iter().map(|value| value.len()).sum::<usize>() <= longest);
    for pair in values.iter().flat_map(|line| line.split(|byte| *byte == b';')) {
        assert!(!is_ours(&browser_keeps(pair)), "{:?} goes on", String::from_utf8_lossy(pair));
    }

    let mut set = lines(header::SET_COOKIE);
    fuzzing::clean_response(&mut set);
    for line in set.get_all(header::SET_COOKIE) {
        let kept = browser_keeps(line.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default());
        assert!(!is_ours(&kept), "{line:?} is set");
    }
});

fn ours(headers: &HeaderMap) -> Option<&str> {
    Cookie::session(true).find(headers).or(Cookie::session(false).find(headers))
}

/// The name under which a browser sends back what `pair` sets (RFC 6265bis, sections 5.6 and 5.8.3): where there
/// is no name, the value alone is sent, and may look like a name and a value.
fn browser_keeps(pair: &[u8]) -> Vec<u8> {
    let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()),
        None => (&b""[..], pair.trim_ascii()),
    };
    let sent = if name.is_empty() { value } else { name };
    sent.split(|byte| *byte == b'=').next().unwrap_or_default().to_owned()
}
