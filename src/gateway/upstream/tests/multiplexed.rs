//! HTTP/2 on either side: many requests on one connection, trailers, and what happens when it ends.

use super::app::{Body, Served, Speaks, channel, text};
use super::*;
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http2::SendRequest;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// A client that speaks HTTP/2.
pub(super) async fn client<B>(way: &Way) -> SendRequest<B>
where
    B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TokioIo::new(way.connect().await);
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(format!("http://{HOST}{path}")).body(Empty::new()).unwrap()
}

fn h2c(app: &Served) -> Value {
    json!(format!("h2c://{}", app.address))
}

/// What an app was sent, by lines.
async fn echo(request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap();
    let headers = parts.headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    let said = format!("{} {} {:?}\n{}", parts.method, parts.uri, parts.version, headers.collect::<String>());
    let trailers = body.trailers().map_or(0, HeaderMap::len);
    Response::new(text(format!("{said}{trailers} trailers, {}", String::from_utf8_lossy(&body.to_bytes()))))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_means_the_same_whatever_it_is_sent_by() {
    for (speaks, scheme) in [(Speaks::Http1, "http"), (Speaks::H2(100), "h2c")] {
        let app = Served::by(speaks, echo).await;
        let way = Way::to(json!(format!("{scheme}://{}", app.address))).await;
        let post = format!(
            "POST /a%20b?x=1 HTTP/1.1\r\nhost: {HOST}\r\ncookie: a=1\r\nte: trailers\r\nconnection: te, close\r\n\
             transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-late: 1\r\n\r\n"
        );
        let by_http1 = way.raw(&post).await.1;
        let mut client = client(&way).await;
        let request = Request::post(format!("http://{HOST}/a%20b?x=1"))
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("te", "trailers")
            .body(Full::new(Bytes::from_static(b"hi")))
            .unwrap();
        let by_h2 = client.send_request(request).await.unwrap().into_body().collect().await.unwrap();
        let by_h2 = String::from_utf8(by_h2.to_bytes().to_vec()).unwrap();
        let h2 = scheme == "h2c";
        for (answer, cookies) in [(body(&by_http1), "cookie: a=1\n"), (&by_h2, "cookie: a=1; b=2\n")] {
            let target = if h2 { format!("http://{HOST}/a%20b?x=1") } else { "/a%20b?x=1".to_owned() };
            let version = if h2 { "HTTP/2.0" } else { "HTTP/1.1" };
            assert!(answer.starts_with(&format!("POST {target} {version}\n")), "{answer}");
            assert!(answer.contains(cookies), "{answer}");
            assert!(answer.ends_with("0 trailers, hi"), "{answer}");
            assert_eq!(answer.contains(&format!("\nhost: {HOST}\n")), !h2, "{answer}");
        }
        // Only to whom it concerns: a client that takes trailers, and an app that sends them by HTTP/2.
        assert!(!by_http1.contains("te: trailers"), "{by_http1}");
        assert_eq!(by_h2.contains("te: trailers"), h2, "{by_h2}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_reach_a_client_without_what_is_not_theirs_to_say() {
    let app = Served::by(Speaks::H2(100), |_| async {
        let (say, body) = channel();
        tokio::spawn(async move {
            say.send(Frame::data(Bytes::from_static(b"\0\0\0\0\0"))).await.unwrap();
            let trailers = [("grpc-status", "0"), ("grpc-message", "fine"), ("set-cookie", "guestpass=x")];
            let trailers = trailers
                .into_iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            say.send(Frame::trailers(trailers.collect())).await.unwrap();
        });
        Response::builder().header("content-type", "application/grpc").body(body).unwrap()
    })
    .await;
    let way = Way::to(h2c(&app)).await;
    let answer = client(&way).await.send_request(get("/pkg.Service/Call")).await.unwrap();
    let collected = answer.into_body().collect().await.unwrap();
    let trailers = collected.trailers().unwrap();
    assert_eq!(
        (trailers.len(), &trailers["grpc-status"], &trailers["grpc-message"]),
        (2, &"0".parse().unwrap(), &"fine".parse().unwrap())
    );
    assert_eq!(collected.to_bytes().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_carries_many_requests_and_another_is_opened_when_it_is_full() {
    for (allowed, expected) in [(100, 1), (10, 3)] {
        let (gate, waiting) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let (opens, count) = (gate.clone(), waiting.clone());
        let app = Served::by(Speaks::H2(allowed), move |request| {
            let (opens, count) = (opens.clone(), count.clone());
            async move {
                if request.uri().path() == "/wait" {
                    count.fetch_add(1, Ordering::SeqCst);
                    opens.acquire().await.unwrap().forget();
                }
                Response::new(text("ok"))
            }
        })
        .await;
        let way = Way::to(h2c(&app)).await;
        let all: Vec<_> = (0..30)
            .map(|_| {
                let way = way.clone();
                tokio::spawn(async move { way.status("/wait").await })
            })
            .collect();
        until("all wait at once", || waiting.load(Ordering::SeqCst) == 30).await;
        assert_eq!(app.connections(), expected);
        gate.add_permits(30);
        for answer in all {
            assert_eq!(answer.await.unwrap(), 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_going_away_loses_no_request() {
    let app = Served::by(Speaks::H2(100), |_| async { Response::new(text("ok")) }).await;
    let way = Way::to(h2c(&app)).await;
    let post = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi");
    for round in 0..20 {
        let request = if round % 2 == 0 { &post } else { &post.replace("POST", "GET") };
        assert_eq!(way.raw(request).await.0, 200, "round {round}");
        app.go_away();
        // As a client may: the next request comes once the app had time to say so.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(app.connections() > 5, "{}", app.connections());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_not_kept_takes_nothing_from_the_next_request() {
    let app = Served::by(Speaks::Http1, echo).await;
    let way = Way::to(json!(app.url())).await;
    let mut client = client(&way).await;
    for _ in 0..3 {
        let mut short = get("/short");
        short.headers_mut().insert("content-length", HeaderValue::from_static("50"));
        // Refused, or sent on without that length.
        if let Ok(answer) = client.send_request(short).await {
            let said = answer.into_body().collect().await.unwrap().to_bytes();
            assert!(!said.windows(14).any(|bytes| bytes == b"content-length"));
        }
        assert!(body(&way.get("/next").await.1).starts_with("GET /next HTTP/1.1\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_gives_up_gives_its_place_back() {
    static ARRIVED: AtomicUsize = AtomicUsize::new(0);
    let app = Served::by(Speaks::H2(100), |request| async move {
        if request.uri().path() == "/wait" {
            ARRIVED.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        Response::new(text("ok"))
    })
    .await;
    let way = Way::to(json!([format!("h2c://{}", app.address), "http://127.0.0.1:1"])).await;
    let mut client = client(&way).await;
    for _ in 0..2 {
        // Until the one that is not there is set aside.
        let answer = client.send_request(get("/")).await.unwrap();
        assert_eq!((answer.status(), answer.version()), (StatusCode::OK, Version::HTTP_2));
    }
    let waits: Vec<_> = (0..50).map(|_| client.send_request(get("/wait"))).collect();
    let waits = tokio::spawn(futures_util::future::join_all(waits));
    // At the app: one that is given up before it was seen there counts towards a flood, and that ends a connection.
    until("all wait", || ARRIVED.load(Ordering::Relaxed) == 50).await;
    assert_eq!(way.outstanding(), 50);
    waits.abort();
    until("nobody waits", || way.outstanding() == 0).await;
    assert_eq!(client.send_request(get("/")).await.unwrap().status(), 200);
    assert_eq!(app.connections(), 1);
}
