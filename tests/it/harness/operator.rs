//! An operator at the socket.

use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

/// Asks and orders as the command line does.
pub(crate) struct Operator {
    socket: PathBuf,
}

impl Operator {
    pub(crate) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// What stands at `path`.
    pub(crate) async fn asks(&self, path: &str) -> Value {
        let (status, value, _) = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{value}");
        value
    }

    /// The pages of the list at `path`, one after the other.
    pub(crate) async fn pages(&self, path: &str) -> Vec<Value> {
        let (mut pages, mut next) = (Vec::new(), Some(path.to_owned()));
        while let Some(path) = next {
            let (status, page, following) = self.call(Method::GET, &path, Value::Null).await;
            assert_eq!(status, 200, "{page}");
            pages.push(page);
            next = following;
        }
        pages
    }

    /// Orders what `path` says, and gets it.
    pub(crate) async fn orders(&self, path: &str, words: Value) {
        let (status, value) = self.tries(path, words).await;
        assert_eq!(status, 200, "{value}");
    }

    /// Orders what `path` says.
    pub(crate) async fn tries(&self, path: &str, mut words: Value) -> (u16, Value) {
        words["operator"] = json!("olga");
        words["why"] = json!("a test");
        let (status, value, _) = self.call(Method::POST, path, words).await;
        (status, value)
    }

    /// The status, what is said, and where the next page of it is.
    async fn call(&self, method: Method, path: &str, words: Value) -> (u16, Value, Option<String>) {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "guestpass");
        let body = Full::new(bytes::Bytes::from(words.to_string()));
        let request = request.header("content-type", "application/json").body(body).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let link = response.headers().get(http::header::LINK).map(|link| link.to_str().unwrap().to_owned());
        let next = link.map(|link| link[1..].split_once(">; rel=\"next\"").unwrap().0.to_owned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default(), next)
    }
}
