//! Bytes as they are: a client that writes what no library would, and an app that keeps what it was sent.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long nothing more is said before it is taken that nothing more will be.
const SILENCE: Duration = Duration::from_secs(1);

/// A connection to the front door.
pub(crate) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// One answer, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    /// Without its framing.
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    /// Writes; what the other side does not want to read any more is not an error.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// The next answer; `None` once the connection is closed.
    pub(crate) async fn told(&mut self) -> Option<Told> {
        timeout(ANSWER, self.whole()).await.expect("no answer")
    }

    /// All answers until the connection is closed or nothing more is said; and whether it was closed.
    pub(crate) async fn all(&mut self) -> (Vec<Told>, bool) {
        let mut all = Vec::new();
        while let Ok(told) = timeout(SILENCE, self.whole()).await {
            match told {
                Some(told) => all.push(told),
                None => return (all, true),
            }
        }
        (all, false)
    }

    /// Everything until the connection is closed.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        let mut rest = self.read;
        let _ = timeout(ANSWER, self.stream.read_to_end(&mut rest)).await.expect("it stays open");
        rest
    }

    async fn whole(&mut self) -> Option<Told> {
        loop {
            if let Some((told, length)) = answer_in(&self.read) {
                self.read.drain(..length);
                return Some(told);
            }
            if !matches!(self.stream.read_buf(&mut self.read).await, Ok(1..)) {
                // One whose length was not told ends with the connection.
                let head = head_in(&self.read)?;
                assert!(
                    !head.contains("content-length: ") && !head.contains("chunked"),
                    "it breaks off: {head}"
                );
                let body = self.read.split_off(head.len() + 4);
                self.read.clear();
                return Some(told(head, body));
            }
        }
    }
}

impl Told {
    /// The answer that `bytes` begin with.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        answer_in(bytes).map(|(told, _)| told)
    }

    /// The value of a header, if it is there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Why, in a refusal to a program.
    pub(crate) fn reason(&self) -> String {
        let problem: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        problem["reason"].as_str().unwrap_or_default().to_owned()
    }
}

/// The first answer in `bytes` and its length, once it is whole.
fn answer_in(bytes: &[u8]) -> Option<(Told, usize)> {
    let head = head_in(bytes)?;
    let begin = head.len() + 4;
    let told = told(head, Vec::new());
    if matches!(told.status, 100..=199 | 204 | 304) {
        return Some((told, begin));
    }
    let (body, end) = body_in(&told.head, bytes, begin)??;
    Some((Told { body, ..told }, end))
}

fn told(head: String, body: Vec<u8>) -> Told {
    let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_default();
    Told { status, head, body }
}

fn head_in(bytes: &[u8]) -> Option<String> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// The body that begins at `begin`, without its framing, and where it ends. `None` where its length is not told,
/// `Some(None)` while it is not whole.
fn body_in(head: &str, bytes: &[u8], begin: usize) -> Option<Option<(Vec<u8>, usize)>> {
    let header = |name: &str| {
        let lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let lengths = head.to_ascii_lowercase().matches("\r\ncontent-length:").count();
    assert!(lengths <= 1, "more than one length: {head}");
    match (header("content-length"), header("transfer-encoding")) {
        (Some(_), Some(_)) => panic!("two lengths in one message: {head}"),
        (Some(length), None) => {
            assert!(length.bytes().all(|byte| byte.is_ascii_digit()), "not a length: {head}");
            let end = begin + length.parse::<usize>().unwrap();
            Some(bytes.get(begin..end).map(|body| (body.to_vec(), end)))
        }
        (None, Some(encoding)) => {
            assert_eq!(encoding, "chunked", "{head}");
            Some(chunks_in(bytes, begin))
        }
        (None, None) => None,
    }
}

/// A chunked body without extensions (RFC 9112, section 7.1).
fn chunks_in(bytes: &[u8], mut at: usize) -> Option<(Vec<u8>, usize)> {
    let mut body = Vec::new();
    loop {
        let line = at + bytes.get(at..)?.windows(2).position(|end| end == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..line]).unwrap(), 16).unwrap();
        let end = line + 2 + size;
        let data = bytes.get(line + 2..end)?;
        if size == 0 {
            // Trailers, if there are any, to the empty line.
            let trailers = bytes.get(line..)?.windows(4).position(|end| end == b"\r\n\r\n")?;
            return Some((body, line + trailers + 4));
        }
        assert_eq!(bytes.get(end..end + 2)?, b"\r\n", "a chunk that is longer than it says");
        body.extend_from_slice(data);
        at = end + 2;
    }
}

/// What an app answers to one request.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    bytes: Vec<u8>,
    /// Once the head is there, whatever the body.
    early: bool,
    close: bool,
}

impl Reply {
    /// These bytes, and the connection stays.
    pub(crate) fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), early: false, close: false }
    }

    /// The same before the body of the request was read.
    pub(crate) fn early(self) -> Self {
        Self { early: true, ..self }
    }

    /// The same, and then the connection is closed.
    pub(crate) fn close(self) -> Self {
        Self { close: true, ..self }
    }
}

/// An app that keeps what reached it, byte for byte, and answers `ok`, or what it is told to.
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    pub(crate) address: SocketAddr,
}

#[derive(Default)]
struct Shared {
    /// All that came, by connection.
    came: Mutex<Vec<Vec<u8>>>,
    next: Mutex<VecDeque<Reply>>,
}

/// A request as it reached an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    /// On which connection.
    pub(crate) connection: usize,
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Without its framing, if it is whole.
    pub(crate) body: Vec<u8>,
    /// Whether it came to its end.
    pub(crate) whole: bool,
}

impl Sent {
    /// The values of all headers of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// Its target.
    pub(crate) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }
}

impl Recorder {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let accepted = shared.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut came = accepted.came.lock().unwrap();
                    came.push(Vec::new());
                    came.len() - 1
                };
                tokio::spawn(accepted.clone().serve(stream, number));
            }
        });
        Self { shared, address }
    }

    /// The next request is answered with this; each further call is for one request more.
    pub(crate) fn answers(&self, reply: Reply) {
        self.shared.next.lock().unwrap().push_back(reply);
    }

    /// From now on everything is answered with `ok`.
    pub(crate) fn is_well(&self) {
        self.shared.next.lock().unwrap().clear();
    }

    /// Everything that came and was not forgotten, by connection.
    pub(crate) fn bytes(&self) -> Vec<Vec<u8>> {
        self.shared.came.lock().unwrap().clone()
    }

    /// All requests so far. What is none, or could be read in two ways, fails the test.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        let connections = self.bytes();
        connections.iter().enumerate().flat_map(|(number, bytes)| requests_in(number, bytes)).collect()
    }

    /// Forgets what came. Connections that are open go on.
    pub(crate) fn forget(&self) {
        self.shared.came.lock().unwrap().iter_mut().for_each(Vec::clear);
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, mut stream: TcpStream, number: usize) {
        let mut unread = Vec::new();
        loop {
            let early = self.next.lock().unwrap().front().is_some_and(|reply| reply.early);
            let ready =
                if early { head_in(&unread).map(|head| head.len() + 4) } else { end_of_request(&unread) };
            if let Some(length) = ready {
                unread.drain(..length);
                let reply = self.next.lock().unwrap().pop_front();
                let reply = reply.unwrap_or(Reply::bytes("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
                if stream.write_all(&reply.bytes).await.is_err() || reply.close {
                    return;
                }
                continue;
            }
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer).await {
                Ok(count @ 1..) => {
                    unread.extend_from_slice(&buffer[..count]);
                    self.came.lock().unwrap()[number].extend_from_slice(&buffer[..count]);
                }
                _ => return,
            }
        }
    }
}

fn end_of_request(bytes: &[u8]) -> Option<usize> {
    let head = head_in(bytes)?;
    let begin = head.len() + 4;
    body_in(&head, bytes, begin).map_or(Some(begin), |body| body.map(|(_, end)| end))
}

/// The requests on one connection, read as strictly as can be.
fn requests_in(connection: usize, mut bytes: &[u8]) -> Vec<Sent> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let head =
            head_in(bytes).unwrap_or_else(|| panic!("not a request: {:?}", String::from_utf8_lossy(bytes)));
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap().to_owned();
        let headers: Vec<(String, String)> = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("not a header: {line:?}"));
                assert!(
                    !line.contains(['\r', '\n', '\0']) && !name.contains(char::is_whitespace),
                    "{line:?}"
                );
                (name.to_owned(), value.to_owned())
            })
            .collect();
        let words: Vec<&str> = line.split(' ').collect();
        assert!(
            matches!(words[..], [_, _, "HTTP/1.1"]) && !line.contains(['\r', '\n', '\0', '\t']),
            "{line:?}"
        );
        let begin = head.len() + 4;
        let (body, end, whole) = match body_in(&head, bytes, begin) {
            None => (Vec::new(), begin, true),
            Some(Some((body, end))) => (body, end, true),
            Some(None) => (bytes[begin..].to_vec(), bytes.len(), false),
        };
        found.push(Sent { connection, line, headers, body, whole });
        bytes = &bytes[end..];
    }
    found
}
