//! A request in the form that its connection wants. Both can be made of either: which one it is to be shows
//! only when there is a connection, and a second one may be of the other kind.

use crate::gateway::route::origin_form;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri, header};
use http_body::Body;

/// As HTTP/1.1 has it: a path, and `Host` (RFC 9112, section 3.2.1). A body whose length nobody knows goes in chunks, by
/// whatever method: hyper leaves out that of a GET or HEAD unless it is told.
pub(super) fn to_http1<B: Body>(request: &mut Request<B>) {
    if !request.body().is_end_stream() && request.body().size_hint().exact().is_none() {
        request.headers_mut().insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let Some(authority) = request.uri().authority() else { return };
    if let Ok(host) = HeaderValue::try_from(authority.as_str()) {
        request.headers_mut().insert(header::HOST, host);
    }
    request.headers_mut().remove(header::TE);
    *request.uri_mut() = origin_form(std::mem::take(request.uri_mut()));
}

/// As HTTP/2 has it: the whole address, and no `Host`; with `te: trailers` where the client takes them, without
/// which gRPC is refused (RFC 9113, sections 8.2.2 and 8.3.1).
pub(super) fn to_http2<B>(request: &mut Request<B>, tls: bool, trailers: bool) {
    request.headers_mut().remove(header::TRANSFER_ENCODING);
    if trailers {
        request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
    }
    let Some(host) = request.headers_mut().remove(header::HOST) else { return };
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.authority = Authority::try_from(host.as_bytes()).ok();
    if parts.authority.is_some() {
        parts.scheme = Some(if tls { Scheme::HTTPS } else { Scheme::HTTP });
        parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    }
    // All three are there, or none.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};
    use std::convert::Infallible;

    #[test]
    fn a_request_keeps_its_meaning_in_either_form() {
        let unknown = StreamBody::new(futures_util::stream::pending::<Result<Frame<&[u8]>, Infallible>>());
        let mut request =
            Request::get("/a%20b?x=1").header("host", "wiki.example.com:8443").body(unknown).unwrap();
        for _ in 0..2 {
            to_http2(&mut request, true, true);
            assert_eq!(request.uri(), "https://wiki.example.com:8443/a%20b?x=1");
            assert_eq!((request.headers().get("host"), request.headers().len()), (None, 1));
            assert_eq!(request.headers()["te"], "trailers");
            to_http1(&mut request);
            assert_eq!(request.uri(), "/a%20b?x=1");
            assert_eq!(request.headers()["host"], "wiki.example.com:8443");
            assert_eq!(request.headers()["transfer-encoding"], "chunked");
            assert_eq!(request.headers().len(), 2);
        }
        for body in [Full::<&[u8]>::default(), Full::new(&b"hello"[..])] {
            let mut request = Request::get("/").header("host", "wiki.example.com").body(body).unwrap();
            to_http1(&mut request);
            assert_eq!(request.headers().len(), 1);
        }
    }
}
