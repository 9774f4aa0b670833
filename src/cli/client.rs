//! Talks to the running gateway over its operators' socket.

use super::{Done, Form, Why, wait_for};
use crate::config;
use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::net::UnixStream;

/// The gateway that runs with the configuration at `config`.
pub(super) struct Client {
    socket: PathBuf,
}

impl Client {
    pub(super) fn new(config: &Path) -> anyhow::Result<Self> {
        Ok(Self { socket: config::whereabouts(config)?.socket })
    }

    /// Whether a gateway answers at all.
    pub(super) async fn is_there(&self) -> bool {
        UnixStream::connect(&self.socket).await.is_ok()
    }

    /// Asks for what is at `path`.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        Ok(serde_json::from_value(self.call(Method::GET, path, None).await?)?)
    }

    /// Orders what `path` says, with `words` beside the operator's name.
    pub(super) async fn post(&self, path: &str, mut words: Value) -> anyhow::Result<Value> {
        words["operator"] = json!(operator());
        self.call(Method::POST, path, Some(words)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let stream = UnixStream::connect(&self.socket).await.with_context(|| {
            format!("no gateway answers at {}; is `guestpass serve` running?", self.socket.display())
        })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "guestpass")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        let value: Value = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| json!({ "detail": String::from_utf8_lossy(&bytes) }));
        if status == StatusCode::OK {
            return Ok(value);
        }
        bail!("{}", value["detail"].as_str().unwrap_or("the gateway did not say why"))
    }
}

/// Who gives the order: whoever stands behind `sudo`, else the account itself.
fn operator() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "operator".to_owned())
}

/// Fetches the rows at `path` and writes those that are wanted: JSON as they came, or `table` of them.
pub(super) fn list(
    form: &Form,
    path: &str,
    wants: impl Fn(&Value) -> bool,
    table: impl FnOnce(&[Value]) -> String,
) -> Done {
    let mut rows: Vec<Value> = wait_for(async { Client::new(&form.at.config)?.get(path).await })?;
    rows.retain(wants);
    if form.json {
        for row in &rows {
            println!("{row}");
        }
    } else {
        print!("{}", table(&rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// Gives an order and says `done` once it is carried out.
pub(super) fn order(why: &Why, path: &str, mut words: Value, done: &str) -> Done {
    words["why"] = json!(why.why);
    wait_for(async { Client::new(&why.at.config)?.post(path, words).await })?;
    println!("{done}");
    Ok(ExitCode::SUCCESS)
}
