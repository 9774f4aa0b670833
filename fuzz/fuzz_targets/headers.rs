//! No spelling of a header that could be taken for our word goes on to an app, and ours is there once.
//!
//! Input: headers, one `name: value` a line.
#![no_main]

use guestpass::gateway::fuzzing;
use guestpass_fuzz::{WIKI, headers};
use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeSet;

/// What may be said by us alone, as CGI and its heirs spell it.
const BY_PREFIX: [&str; 3] = ["GUESTPASS_", "X_GUESTPASS_", "X_FORWARDED_"];
const BY_NAME: [&str; 8] = [
    "FORWARDED",
    "PROXY",
    "X_USER",
    "X_MAIL",
    "X_REAL_IP",
    "X_REQUEST_ID",
    "X_ORIGINAL_URL",
    "X_REWRITE_URL",
];
/// What concerns one connection alone.
const HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fuzz_target!(|data: &[u8]| {
    let sent = headers(data);
    let said: BTreeSet<_> =
        fuzzing::WORDS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut left = sent.clone();
    fuzzing::prepare(&mut left, &WIKI);
    let ours: Vec<(String, String)> =
        left.iter().filter(|(name, _)| is_our_word(name.as_str())).map(text).collect();
    assert_eq!(ours.len(), said.len(), "{ours:?}");
    assert_eq!(ours.into_iter().collect::<BTreeSet<_>>(), said);
    assert!(HOP.iter().all(|name| !left.contains_key(*name)), "{left:?}");
    for name in listed(&sent) {
        let again = is_our_word(&name) || name == "host" || name == "close" || name == "keep-alive";
        assert!(again || !left.contains_key(&*name), "{name} was listed by Connection");
    }
});

fn text((name, value): (&http::HeaderName, &http::HeaderValue)) -> (String, String) {
    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn is_our_word(name: &str) -> bool {
    let cgi: String = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
        .collect();
    BY_PREFIX.iter().any(|prefix| cgi.starts_with(prefix)) || BY_NAME.contains(&&*cgi)
}

/// The names that `Connection` lists.
fn listed(headers: &HeaderMap) -> Vec<String> {
    let lines = headers
        .get_all("connection")
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
    lines
        .flat_map(|line| line.split(',').map(|name| name.trim().to_ascii_lowercase()).collect::<Vec<_>>())
        .collect()
}
