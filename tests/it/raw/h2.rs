//! HTTP/2 in, HTTP/1.1 out: a field that would be two lines, or a length that is not, in HTTP/1.1.
//!
//! Carla may go everywhere but below `/staff`.

use super::Front;
use crate::harness::{Frames, Outcome};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

type Field<'a> = (&'a [u8], &'a [u8]);

/// One request, and all that came of it.
struct Asked<'a> {
    front: &'a Front,
    /// Method, scheme, authority, path and cookie, as they should be.
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<&'a [u8]>,
    trailers: Vec<Field<'a>>,
}

impl<'a> Asked<'a> {
    fn new(front: &'a Front, carla: &str) -> Self {
        let cookie = carla.trim_end().strip_prefix("cookie: ").unwrap();
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", &*front.host),
            (":path", "/a"),
            ("cookie", cookie),
        ];
        let fields = fields.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        Self { front, fields: fields.to_vec(), body: Vec::new(), trailers: Vec::new() }
    }

    /// With another value for a field that is there.
    fn set(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let field = self.fields.iter_mut().find(|(found, _)| found == name.as_bytes());
        field.unwrap().1 = value.as_ref().to_vec();
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(found, _)| found != name.as_bytes());
        self
    }

    /// With one field more, at the end.
    fn and(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// With one field more, at the beginning.
    fn first(mut self, name: &str, value: &str) -> Self {
        self.fields.insert(0, (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        self
    }

    async fn send(&self) -> Outcome {
        let fields: Vec<Field<'_>> =
            self.fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let mut frames = Frames::to(self.front.house.front).await;
        frames.request(&fields, &self.body, &self.trailers).await;
        frames.outcome().await
    }

    /// It is refused, one way or another, and the app hears nothing.
    async fn comes_to_nothing(self) {
        let outcome = self.send().await;
        let shown: Vec<_> = self
            .fields
            .iter()
            .map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
            .collect();
        assert!(matches!(outcome, Outcome::Error(_) | Outcome::Status(400..=499)), "{shown:?}: {outcome:?}");
        assert_eq!(self.front.app.sent(), [], "{shown:?}");
    }
}

#[tokio::test]
async fn a_field_cannot_become_two_lines() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let asked = || Asked::new(&front, &carla);
    for (name, value) in [
        ("x", "a\r\nx-user: forged"),
        ("x", "a\nx-user: forged"),
        ("x", "a\rb"),
        ("x", "a\0b"),
        ("x", "\r\n\r\nGET /staff HTTP/1.1\r\n"),
        ("x\r\nx-user", "forged"),
        ("x: y\r\nx-user", "forged"),
        ("x:y", "z"),
        ("x y", "z"),
        ("x\0", "y"),
        ("", "y"),
        ("X", "y"),
        ("Cookie", "a=b"),
        ("Transfer-Encoding", "chunked"),
        ("x\u{e4}", "y"),
        ("x\u{7f}", "y"),
        // What speaks of one connection is an error here (RFC 9113, section 8.2.2).
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("connection", "x-user"),
        ("keep-alive", "1"),
        ("proxy-connection", "x"),
        ("upgrade", "websocket"),
        ("te", "chunked"),
    ] {
        asked().and(name, value).comes_to_nothing().await;
    }
    for (name, value) in [
        (":method", "GET /staff HTTP/1.1\r\nx: y"),
        (":method", "G ET"),
        (":method", ""),
        (":method", "CONNECT"),
        (":method", "TRACE"),
        (":scheme", "http\r\nx: y"),
        (":scheme", "javascript"),
        (":path", "/a HTTP/1.1\r\nx-user: forged"),
        (":path", "/a b"),
        (":path", "/a\t"),
        (":path", "a"),
        (":path", ""),
        (":path", "*"),
        (":path", "staff"),
        (":path", "/public/../staff"),
        (":path", "//staff"),
        (":path", "/%73taff"),
        (":path", "/staff"),
        (":path", "/staff#/public"),
        (":path", "http://notes.localhost/"),
        (":path", "/a\0"),
        (":path", "/\u{e4}"),
        (":authority", "notes.localhost"),
        (":authority", "x@echo.localhost"),
        (":authority", ""),
        (":authority", "echo.localhost/public"),
        (":authority", "echo.localhost\r\nx: y"),
        (":authority", "evil.example"),
    ] {
        asked().set(name, value).comes_to_nothing().await;
    }
    front.house.finish().await;
}

#[tokio::test]
async fn a_request_names_its_host_path_and_method_once() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let asked = || Asked::new(&front, &carla);
    for name in [":method", ":scheme", ":path", ":authority"] {
        let (_, value) = asked().fields.into_iter().find(|(found, _)| found == name.as_bytes()).unwrap();
        asked().and(name, &value).comes_to_nothing().await;
        asked().first(name, std::str::from_utf8(&value).unwrap()).comes_to_nothing().await;
        asked().without(name).and(name, &value).comes_to_nothing().await;
    }
    for name in [":method", ":scheme", ":path"] {
        asked().without(name).comes_to_nothing().await;
    }
    asked().first(":status", "200").comes_to_nothing().await;
    asked().first(":protocol", "websocket").comes_to_nothing().await;
    asked().first(":evil", "1").comes_to_nothing().await;
    asked().first("x", "1").comes_to_nothing().await;
    asked().without(":authority").comes_to_nothing().await;
    for host in ["notes.localhost", "evil.example", "", "echo.localhost:1"] {
        asked().and("host", host).comes_to_nothing().await;
    }
    asked().and("host", &front.host).and("host", &front.host).comes_to_nothing().await;
    // One host, however it is named.
    for asked in
        [asked(), asked().and("host", &front.host), asked().set(":authority", front.host.to_uppercase())]
    {
        assert_eq!(asked.send().await, Outcome::Status(200));
        let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
        assert_eq!((&*sent.line, sent.all("host")), ("GET /a HTTP/1.1", vec![&*front.host]));
        front.app.forget();
    }
    front.house.finish().await;
}

#[tokio::test]
async fn a_body_is_as_long_as_its_frames() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let hidden = front.head("GET /staff/hidden", &carla);
    let post = |body: &'static [&'static [u8]]| {
        let asked = Asked::new(&front, &carla).set(":method", "POST");
        Asked { body: body.to_vec(), ..asked }
    };
    // H2.CL and H2.TE.
    for (name, value) in [
        ("content-length", "0"),
        ("content-length", "2"),
        ("content-length", "6"),
        ("content-length", "+5"),
        ("content-length", "5, 5"),
        ("content-length", ""),
        ("content-length", "x"),
        ("transfer-encoding", "chunked"),
    ] {
        let outcome = post(&[b"hel", b"lo"]).and(name, value).send().await;
        assert_ne!(outcome, Outcome::Status(200), "{name}: {value}");
        assert!(front.app.sent().iter().all(|sent| !sent.whole), "{name}: {value}: {:?}", front.app.sent());
        front.app.forget();
    }
    assert_ne!(
        post(&[b"hello"]).and("content-length", "5").and("content-length", "6").send().await,
        Outcome::Status(200)
    );
    assert!(front.app.sent().iter().all(|sent| !sent.whole), "{:?}", front.app.sent());
    front.app.forget();
    for asked in
        [post(&[b"hel", b"lo"]), post(&[b"hello"]).and("content-length", "5"), post(&[b"", b"hello", b""])]
    {
        let asked = Asked { trailers: vec![(b"x-user", b"forged"), (b"transfer-encodin", b"x")], ..asked };
        assert_eq!(asked.send().await, Outcome::Status(200));
        let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
        assert!(sent.whole && sent.body == b"hello", "{sent:?}");
        assert!(!String::from_utf8_lossy(&front.app.bytes().concat()).contains("forged"));
        front.app.forget();
    }
    for method in ["GET", "DELETE"] {
        assert_eq!(post(&[b"hel", b"lo"]).set(":method", method).send().await, Outcome::Status(200));
        let [sent] = &front.app.sent()[..] else { panic!("{method}: {:?}", front.app.sent()) };
        assert!(sent.whole && sent.body == b"hello", "{sent:?}");
        front.app.forget();
    }
    // What looks like a request is a body.
    let asked = Asked { body: vec![b"0\r\n\r\n", hidden.as_bytes()], ..post(&[]) };
    assert_eq!(asked.send().await, Outcome::Status(200));
    let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
    assert_eq!(sent.body, [b"0\r\n\r\n", hidden.as_bytes()].concat());
    front.house.finish().await;
}

#[tokio::test]
async fn a_cookie_in_crumbs_is_one_cookie() {
    let front = Front::open().await;
    let carla = front.carla().await;
    // RFC 9113, section 8.2.3: they are joined before they go on.
    let asked = Asked::new(&front, &carla)
        .and("cookie", "a=1")
        .and("cookie", "b=2")
        .and("cookie", "guestpass-nonce=x");
    assert_eq!(asked.send().await, Outcome::Status(200));
    let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
    assert_eq!(sent.all("cookie"), ["a=1; b=2"]);
    front.app.forget();
    Asked::new(&front, &carla).without("cookie").and("x-user", "forged").comes_to_nothing().await;
    front.house.finish().await;
}

#[tokio::test]
async fn a_page_of_ours_that_is_asked_for_by_head_has_a_length_and_no_body() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let cookie = carla.trim_end().strip_prefix("cookie: ").unwrap();
    let stream = TokioIo::new(TcpStream::connect(front.house.front).await.unwrap());
    let (mut sender, connection) = handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let ours = front.house.access_url.strip_prefix("http://").unwrap();
    for (host, path, cookie, expected) in [
        (&*front.host, "/a", "", 401),
        (&front.host, "/staff", cookie, 403),
        ("nowhere.example", "/", "", 421),
        (&front.host, "/a%2fb", cookie, 400),
        (ours, "/nothing", "", 404),
    ] {
        let request = Request::head(format!("http://{host}{path}")).header("cookie", cookie);
        let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        assert_eq!(response.status(), expected, "{host}{path}");
        let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
        assert!(length > 0, "{host}{path}");
        // DATA would be an error: there is none for HEAD (RFC 9110, section 9.3.2).
        let body = response.into_body().collect().await;
        assert_eq!(
            body.map(|body| body.to_bytes()).map_err(|error| error.to_string()),
            Ok(Bytes::new()),
            "{host}{path}"
        );
    }
    front.house.finish().await;
}
