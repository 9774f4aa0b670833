//! The PROXY protocol, versions 1 and 2: a proxy says, before anything else, whose connection it passes on.
//! <https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>
//!
//! Only what the specification allows is understood: its one spelling of version 1, and TCP in version 2. What else
//! version 2 carries (TLVs) is skipped; nothing here rests on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest header that is read, in bytes. Version 1 has 107 at the most; addresses and the TLVs that are in use
/// take far less than this.
pub(super) const LONGEST: usize = 2048;
const LONGEST_V1: usize = 107;
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length.
const FIXED: usize = 16;

/// What the first bytes of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Reading {
    /// The beginning of a header, or nothing yet.
    Incomplete,
    /// A header.
    Header {
        /// Whose connection it is; `None` where the proxy speaks for itself or does not know.
        client: Option<IpAddr>,
        /// How many bytes it has.
        length: usize,
    },
}

/// Bytes that are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum Malformed {
    #[error("what came first is no PROXY protocol header")]
    NotAHeader,
    #[error("the PROXY protocol header is longer than {LONGEST} bytes")]
    TooLong,
    #[error("the PROXY protocol header is not as the specification writes it")]
    Content,
}

/// Reads the header that `bytes` begin with.
///
/// # Errors
/// As soon as no further byte could make a header of them.
pub(in crate::gateway) fn read(bytes: &[u8]) -> Result<Reading, Malformed> {
    let begins = |whole: &[u8]| whole.starts_with(&bytes[..bytes.len().min(whole.len())]);
    if begins(SIGNATURE) {
        if bytes.len() < FIXED { Ok(Reading::Incomplete) } else { version_2(bytes) }
    } else if begins(b"PROXY ") {
        version_1(bytes)
    } else {
        Err(Malformed::NotAHeader)
    }
}

/// Section 2.1: one line of text.
fn version_1(bytes: &[u8]) -> Result<Reading, Malformed> {
    let window = &bytes[..bytes.len().min(LONGEST_V1)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if window.len() < LONGEST_V1 { Ok(Reading::Incomplete) } else { Err(Malformed::Content) };
    };
    let line = std::str::from_utf8(&window[..end]).map_err(|_| Malformed::Content)?;
    let words: Vec<&str> = line.split(' ').collect();
    let client = match words[..] {
        // What follows it is to be ignored.
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", "TCP4", source, target, from, to] if is_port(from) && is_port(to) => {
            target.parse::<Ipv4Addr>().map_err(|_| Malformed::Content)?;
            Some(source.parse::<Ipv4Addr>().map_err(|_| Malformed::Content)?.into())
        }
        ["PROXY", "TCP6", source, target, from, to] if is_port(from) && is_port(to) => {
            target.parse::<Ipv6Addr>().map_err(|_| Malformed::Content)?;
            Some(source.parse::<Ipv6Addr>().map_err(|_| Malformed::Content)?.into())
        }
        _ => return Err(Malformed::Content),
    };
    Ok(Reading::Header { client, length: end + 2 })
}

fn is_port(text: &str) -> bool {
    let one_spelling = text == "0" || !text.starts_with(['0', '+']);
    one_spelling && text.parse::<u16>().is_ok()
}

/// Section 2.2: binary.
fn version_2(bytes: &[u8]) -> Result<Reading, Malformed> {
    let (fixed, rest) = bytes.split_at(FIXED);
    let says = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    let length = FIXED + says;
    if length > LONGEST {
        return Err(Malformed::TooLong);
    }
    // The proxy's own connection, as for health checks, or one of which it knows no addresses.
    let is_local = match fixed[12] {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed::Content),
    };
    let addresses = match fixed[13] {
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        0x31 => 216,
        _ if is_local => 0,
        _ => return Err(Malformed::Content),
    };
    if !is_local && says < addresses {
        return Err(Malformed::Content);
    }
    let Some(said) = rest.get(..says) else { return Ok(Reading::Incomplete) };
    let client = match (is_local, fixed[13]) {
        (false, 0x11) => said.first_chunk::<4>().map(|source| Ipv4Addr::from(*source).into()),
        (false, 0x21) => said.first_chunk::<16>().map(|source| Ipv6Addr::from(*source).into()),
        _ => None,
    };
    Ok(Reading::Header { client, length })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(client: Option<&str>, length: usize) -> Result<Reading, Malformed> {
        Ok(Reading::Header { client: client.map(|address| address.parse().unwrap()), length })
    }

    fn v2(command: u8, family: u8, said: &[u8]) -> Vec<u8> {
        let length = u16::try_from(said.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[command, family], &length, said].concat()
    }

    #[test]
    fn version_1_has_one_spelling() {
        let line = "PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\r\n";
        assert_eq!(read(format!("{line}GET /").as_bytes()), header(Some("192.0.2.7"), line.len()));
        let line = "PROXY TCP6 2001:db8::7 ::1 0 65535\r\n";
        assert_eq!(read(line.as_bytes()), header(Some("2001:db8::7"), line.len()));
        assert_eq!(read(b"PROXY UNKNOWN\r\n"), header(None, 15));
        assert_eq!(read(b"PROXY UNKNOWN ffff::1 what ever\r\n"), header(None, 33));
        for wrong in [
            "PROXY TCP4 192.0.2.7 198.51.100.1 5000\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 5000 443 \r\n",
            "PROXY TCP4  192.0.2.7 198.51.100.1 5000 443\r\n",
            "PROXY TCP4 192.0.2.07 198.51.100.1 5000 443\r\n",
            "PROXY TCP4 2001:db8::7 ::1 5000 443\r\n",
            "PROXY TCP6 192.0.2.7 198.51.100.1 5000 443\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 05000 443\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 +5000 443\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 5000 65536\r\n",
            "PROXY UDP4 192.0.2.7 198.51.100.1 5000 443\r\n",
            "PROXY TCP4 192.0.2.7 198.51.100.1 5000 443\n\r\n",
            "PROXY \r\n",
        ] {
            assert_eq!(read(wrong.as_bytes()), Err(Malformed::Content), "{wrong:?}");
        }
        assert_eq!(read(&[b"PROXY UNKNOWN ".as_slice(), &[b'a'; 100]].concat()), Err(Malformed::Content));
        for other in ["GET / HTTP/1.1\r\n", "proxy TCP4 ", "PROXYTCP4", " PROXY TCP4"] {
            assert_eq!(read(other.as_bytes()), Err(Malformed::NotAHeader), "{other:?}");
        }
    }

    #[test]
    fn version_2_says_who_or_that_it_does_not_know() {
        let four = [192, 0, 2, 7, 198, 51, 100, 1, 0x13, 0x88, 1, 0xbb];
        let with_tlv = [&four[..], &[4, 0, 1, 0]].concat();
        assert_eq!(read(&v2(0x21, 0x11, &four)), header(Some("192.0.2.7"), 28));
        assert_eq!(read(&v2(0x21, 0x11, &with_tlv)), header(Some("192.0.2.7"), 32));
        let six = [&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets()[..], &[0; 20]].concat();
        assert_eq!(read(&v2(0x21, 0x21, &six)), header(Some("2001:db8::7"), 52));
        assert_eq!(read(&v2(0x21, 0x31, &[b'/'; 216])), header(None, 232));
        assert_eq!(read(&v2(0x20, 0x11, &four)), header(None, 28));
        assert_eq!(read(&v2(0x20, 0x00, &[])), header(None, 16));
        assert_eq!(read(&v2(0x21, 0x00, b"more")), header(None, 20));
        for (command, family, said) in [
            (0x21, 0x11, &four[..11]),
            (0x21, 0x21, &four),
            (0x21, 0x12, &four),
            (0x21, 0x41, &four),
            (0x22, 0x11, &four),
            (0x11, 0x11, &four),
        ] {
            assert_eq!(read(&v2(command, family, said)), Err(Malformed::Content), "{command} {family}");
        }
        assert_eq!(read(&v2(0x21, 0x11, &[0; LONGEST])), Err(Malformed::TooLong));
    }

    fn any_header() -> impl Strategy<Value = Vec<u8>> {
        let v1 = |source: IpAddr| {
            let kind = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            format!("PROXY {kind} {source} {source} 1 2\r\n").into_bytes()
        };
        prop_oneof![
            any::<Ipv4Addr>().prop_map(move |source| v1(source.into())),
            any::<Ipv6Addr>().prop_map(move |source| v1(source.into())),
            proptest::collection::vec(any::<u8>(), 12..64).prop_map(|said| v2(0x21, 0x11, &said)),
            proptest::collection::vec(any::<u8>(), 36..64).prop_map(|said| v2(0x21, 0x21, &said)),
        ]
    }

    proptest! {
        /// However a header comes in pieces, it is read once it is whole, and what follows is left alone.
        #[test]
        fn a_header_is_read_when_it_is_whole(header in any_header(), after in any::<[u8; 8]>()) {
            for end in 0..header.len() {
                prop_assert_eq!(read(&header[..end]), Ok(Reading::Incomplete));
            }
            let whole = read(&header);
            prop_assert_eq!(whole, read(&[&header[..], &after].concat()));
            let is_whole = matches!(whole, Ok(Reading::Header { client: Some(_), length }) if length == header.len());
            prop_assert!(is_whole, "{:?}", whole);
        }

        /// Bytes of any kind end in a header, in a refusal, or in a bounded wait.
        #[test]
        fn nothing_is_waited_for_beyond_the_longest(
            prefix in prop_oneof![Just(&b"PROXY "[..]), Just(SIGNATURE), Just(&b""[..])],
            rest in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut bytes = [prefix, &rest].concat();
            if let Ok(Reading::Header { length, .. }) = read(&bytes) {
                prop_assert!(length <= bytes.len());
            }
            bytes.resize(LONGEST + 1, b'x');
            prop_assert_ne!(read(&bytes), Ok(Reading::Incomplete));
        }
    }
}
