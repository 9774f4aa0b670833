//! The cookies we set: their names, how they are set, and how they are found again.
//!
//! A value is opaque. Where our pages are on https the names begin with `__Host-`, which binds a cookie to one
//! host and to https (RFC 6265bis, section 4.1.3.2).

use http::{HeaderMap, HeaderValue, header};
use jiff::SignedDuration;
use std::fmt;

/// The longest value of a cookie of ours, in bytes.
pub const LONGEST_VALUE: usize = 128;

/// One of our cookies. Bound to its host, out of the reach of scripts, not sent with what other sites post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie {
    name: &'static str,
    secure: bool,
}

impl Cookie {
    /// The cookie that says which session it is; `secure` if our own address is https.
    pub const fn session(secure: bool) -> Self {
        Self { name: if secure { "__Host-guestpass" } else { "guestpass" }, secure }
    }

    /// The cookie that binds a hand-over to the browser that asked for it.
    pub const fn nonce(secure: bool) -> Self {
        Self { name: if secure { "__Host-guestpass-nonce" } else { "guestpass-nonce" }, secure }
    }

    /// The cookie that counts how often a browser came in lately.
    pub const fn round(secure: bool) -> Self {
        Self { name: if secure { "__Host-guestpass-round" } else { "guestpass-round" }, secure }
    }

    /// The cookie that knows again who comes back from signing out at the provider.
    pub const fn leaving(secure: bool) -> Self {
        Self { name: if secure { "__Host-guestpass-leaving" } else { "guestpass-leaving" }, secure }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Its value in the `Cookie` headers of a request. The first one counts; one that we cannot have set, since
    /// it is empty, too long or not base64url, does not.
    pub fn find(self, headers: &HeaderMap) -> Option<&str> {
        let lines = headers.get_all(header::COOKIE).iter();
        // By bytes: the cookies of others on the same line need not be text.
        let mut pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        let value =
            pairs.find_map(|pair| pair.trim_ascii().strip_prefix(self.name.as_bytes())?.strip_prefix(b"="));
        value.and_then(|value| str::from_utf8(value).ok()).filter(|value| is_opaque(value))
    }

    /// The `Set-Cookie` header that gives it `value` for `max_age`. `None` if the value is none of ours.
    pub fn set(self, value: &str, max_age: SignedDuration) -> Option<HeaderValue> {
        is_opaque(value).then(|| self.header(value, max_age.as_secs().max(0))).flatten()
    }

    /// The `Set-Cookie` header that takes it away.
    pub fn clear(self) -> Option<HeaderValue> {
        self.header("", 0)
    }

    fn header(self, value: &str, max_age: impl fmt::Display) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let text =
            format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age}{secure}", self.name);
        HeaderValue::try_from(text).ok()
    }
}

/// Whether a cookie of this name is ours, and so neither sent on to an app nor set by one.
pub fn is_ours(name: &[u8]) -> bool {
    let bare = name.strip_prefix(b"__Host-").or_else(|| name.strip_prefix(b"__Secure-")).unwrap_or(name);
    bare.strip_prefix(b"guestpass").is_some_and(|rest| rest.is_empty() || rest.starts_with(b"-"))
}

fn is_opaque(value: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LONGEST_VALUE).contains(&value.len()) && value.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sent(lines: &[&[u8]]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_bytes(line).unwrap())).collect()
    }

    #[test]
    fn what_is_set_is_found_again() {
        let cookie = Cookie::session(true);
        let set = cookie.set("abc-_9", SignedDuration::from_mins(1)).unwrap();
        assert_eq!(set, "__Host-guestpass=abc-_9; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
        let cases: [(&[&[u8]], Option<&str>); 8] = [
            (&[b"__Host-guestpass=abc"], Some("abc")),
            (&[b"a=b;__Host-guestpass=abc ;c=d"], Some("abc")),
            (&[b"a=b", b"__Host-guestpass=abc"], Some("abc")),
            (&[b"\xff=1; __Host-guestpass=abc"], Some("abc")),
            (&[b"guestpass=abc"], None),
            (&[b"__host-guestpass=abc"], None),
            (&[b"__Host-guestpass=\"abc\""], None),
            (&[b"__Host-guestpass="], None),
        ];
        for (lines, expected) in cases {
            assert_eq!(cookie.find(&sent(lines)), expected, "{lines:?}");
        }
        let long = "a".repeat(LONGEST_VALUE + 1);
        assert_eq!(cookie.find(&sent(&[format!("__Host-guestpass={long}").as_bytes()])), None);
        assert_eq!(cookie.set(&long, SignedDuration::ZERO), None);
        assert!(Cookie::nonce(false).clear().unwrap().to_str().unwrap().contains("Max-Age=0"));
    }

    #[test]
    fn our_names_are_ours_whatever_the_prefix() {
        for ours in ["guestpass", "__Host-guestpass", "__Secure-guestpass", "guestpass-nonce"] {
            assert!(is_ours(ours.as_bytes()), "{ours}");
        }
        for other in ["guestpassport", "my-guestpass", "session", ""] {
            assert!(!is_ours(other.as_bytes()), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_cookie_header_is_read_without_harm(line in proptest::collection::vec(0x20_u8..0x7f, 0..400)) {
            let found = sent(&[&line]);
            if let Some(value) = Cookie::session(false).find(&found) {
                prop_assert!(is_opaque(value));
            }
        }
    }
}
