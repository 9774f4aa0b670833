//! HTTP/2 frame by frame (RFC 9113), with header fields as they are, which no library would send.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANSWER: Duration = Duration::from_secs(10);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Status(u16),
    /// RST_STREAM or GOAWAY, with its code.
    Error(u32),
    Closed,
}

/// A connection to the front door, in HTTP/2 by prior knowledge, for one request.
pub(crate) struct Frames(TcpStream);

impl Frames {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let mut frames = Self(TcpStream::connect(address).await.unwrap());
        frames.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        frames.frame(SETTINGS, 0, 0, &[]).await;
        frames
    }

    /// Sends header fields, then what follows.
    pub(crate) async fn request(
        &mut self,
        fields: &[(&[u8], &[u8])],
        body: &[&[u8]],
        trailers: &[(&[u8], &[u8])],
    ) {
        let alone = body.is_empty() && trailers.is_empty();
        self.frame(HEADERS, END_HEADERS | if alone { END_STREAM } else { 0 }, 1, &block(fields)).await;
        for (number, part) in body.iter().enumerate() {
            let last = trailers.is_empty() && number + 1 == body.len();
            self.frame(DATA, if last { END_STREAM } else { 0 }, 1, part).await;
        }
        if !trailers.is_empty() {
            self.frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(trailers)).await;
        }
    }

    /// What comes of the request: a final status, or why there is none.
    pub(crate) async fn outcome(&mut self) -> Outcome {
        timeout(ANSWER, self.read()).await.expect("no answer")
    }

    async fn read(&mut self) -> Outcome {
        loop {
            let mut head = [0; 9];
            if self.0.read_exact(&mut head).await.is_err() {
                return Outcome::Closed;
            }
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            if self.0.read_exact(&mut payload).await.is_err() {
                return Outcome::Closed;
            }
            let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
            match head[3] {
                SETTINGS if head[4] & ACK == 0 => self.frame(SETTINGS, ACK, 0, &[]).await,
                RST_STREAM => return Outcome::Error(code(0)),
                GOAWAY if code(4) != 0 => return Outcome::Error(code(4)),
                HEADERS => match status(&payload) {
                    100..=199 => {}
                    status => return Outcome::Status(status),
                },
                _ => {}
            }
        }
    }

    /// Writes; what the other side does not want to read any more is not an error.
    async fn frame(&mut self, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [length[1], length[2], length[3], kind, flags, 0, 0, 0, stream];
        let _ = self.0.write_all(&[&head, payload].concat()).await;
    }
}

/// Literal fields, neither indexed nor compressed (RFC 7541, section 6.2.2).
fn block(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            number(&mut block, text.len());
            block.extend_from_slice(text);
        }
    }
    block
}

/// A length with a prefix of seven bits (RFC 7541, section 5.1).
fn number(block: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else { return block.push(u8::try_from(length).unwrap()) };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// The `:status` that begins the first block of a connection (RFC 7541, appendices A and B).
fn status(block: &[u8]) -> u16 {
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match *block {
        [index @ 0x88..=0x8e, ..] => INDEXED[usize::from(index - 0x88)],
        [0x08 | 0x48, 3, a, b, c, ..] => {
            [a, b, c].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
        }
        [0x08 | 0x48, length @ 0x82..=0x83, ref rest @ ..] => {
            // Three digits, of five bits up to "2" and of six from there on.
            let mut bits = rest[..usize::from(length - 0x80)]
                .iter()
                .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
            bits <<= 8 * (4 - u32::from(length - 0x80));
            let mut status = 0;
            for _ in 0..3 {
                let short = bits >> 27;
                let (digit, width) = if short < 3 { (short, 5) } else { ((bits >> 26) - 0x19 + 3, 6) };
                status = status * 10 + u16::try_from(digit).unwrap();
                bits <<= width;
            }
            status
        }
        _ => panic!("no status at the beginning: {block:x?}"),
    }
}

#[test]
fn a_status_is_read_as_rfc_7541_writes_it() {
    // 302 is an example there (appendix C.4.1, C.6.1); the others by its table.
    assert_eq!((status(&[0x48, 0x82, 0x64, 0x02]), status(b"\x48\x03302"), status(&[0x88])), (302, 302, 200));
    assert_eq!((status(&[0x08, 0x82, 0x68, 0x01]), status(&[0x48, 0x83, 0x68, 0x0c, 0xff])), (401, 403));
}
