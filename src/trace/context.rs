//! Which trace, and which span of it: the `traceparent` of W3C Trace Context, section 3.2.

use crate::seal::random_bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Carries a context from one program to the next.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The bit of the flags that says that whoever sent it keeps the trace.
const SAMPLED: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    pub(super) sampled: bool,
}

impl Context {
    /// A span below `parent`; without one, the first of a trace.
    pub(super) fn below(parent: Option<&Self>) -> Self {
        let drawn = random_bytes();
        let (mut trace, mut span) = ([0; 16], [0; 8]);
        trace.copy_from_slice(&drawn[..16]);
        span.copy_from_slice(&drawn[16..24]);
        Self { trace: parent.map_or(trace, |parent| parent.trace), span, sampled: true }
    }

    /// What `headers` carry, if it is one and can be read.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(TRACEPARENT).iter();
        let (line, more) = (lines.next()?, lines.next());
        let line = line.as_bytes();
        // Later versions may say more behind another dash.
        let ends = match line.get(..2)? {
            b"00" => line.len() == 55,
            b"ff" => false,
            _ => line.len() == 55 || line.get(55) == Some(&b'-'),
        };
        let dashes = [2, 35, 52].iter().all(|at| line.get(*at) == Some(&b'-'));
        if more.is_some() || !ends || !dashes {
            return None;
        }
        hex::<1>(line.get(..2)?)?;
        let (trace, span) = (hex(line.get(3..35)?)?, hex(line.get(36..52)?)?);
        let [flags] = hex(line.get(53..55)?)?;
        let named = trace != [0; 16] && span != [0; 8];
        named.then_some(Self { trace, span, sampled: flags & SAMPLED != 0 })
    }

    /// The header that carries it on.
    pub(super) fn header(&self) -> HeaderValue {
        let mut line = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write(&mut line[3..35], &self.trace);
        write(&mut line[36..52], &self.span);
        write(&mut line[53..], &[u8::from(self.sampled)]);
        HeaderValue::from_bytes(&line).unwrap_or(HeaderValue::from_static("-"))
    }
}

/// So many bytes from as many pairs of lower-case digits.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    (text.len() == 2 * N).then_some(bytes)
}

fn write(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn read(lines: &[&str]) -> Option<Context> {
        Context::read(&lines.iter().map(|line| (TRACEPARENT, HeaderValue::from_str(line).unwrap())).collect())
    }

    #[test]
    fn what_is_written_is_read_again_and_a_child_is_of_the_same_trace() {
        let context = read(&[PARENT]).unwrap();
        assert!(context.sampled && context.header() == PARENT);
        let child = Context::below(Some(&context));
        assert_eq!(child.trace, context.trace);
        assert_ne!(child.span, context.span);
        assert_eq!(read(&[child.header().to_str().unwrap()]), Some(child));
        assert_ne!(Context::below(None).trace, context.trace);
    }

    #[test]
    fn what_is_none_is_not_read() {
        for (line, is_one) in [
            (PARENT.to_owned(), true),
            (PARENT.replace("-01", "-00"), true),
            (PARENT.replace("-01", "-ff"), true),
            (PARENT.replace("00-4b", "cc-4b"), true),
            (PARENT.replace("00-4b", "cc-4b") + "-more", true),
            (PARENT.replace("00-4b", "cc-4b") + "more", false),
            (PARENT.to_owned() + "-more", false),
            (PARENT.replace("00-4b", "ff-4b"), false),
            (PARENT.replace("00-4b", "0x-4b"), false),
            (PARENT.to_uppercase(), false),
            (PARENT.replace("00f067aa0ba902b7", "0000000000000000"), false),
            (PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)), false),
            (PARENT[..54].to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(read(&[&line]).is_some(), is_one, "{line}");
        }
        assert_eq!(read(&[PARENT, PARENT]), None);
        assert!(!read(&[&PARENT.replace("-01", "-02")]).unwrap().sampled);
    }
}
