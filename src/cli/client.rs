//! Talks to the running gateway: over its operators' socket, or to one elsewhere by its admin API.

use super::afar::Elsewhere;
use super::{Done, Reach, Why, wait_for};
use crate::config;
use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::LINK;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::net::UnixStream;

/// A gateway that runs.
pub(super) enum Client {
    /// The one that has this socket.
    Here(PathBuf),
    /// Another one.
    Elsewhere(Elsewhere),
}

impl Client {
    /// The gateway that is named, else the one that runs with the configuration here.
    pub(super) fn new(reach: &Reach) -> anyhow::Result<Self> {
        Ok(match reach.afar.reach()? {
            Some(elsewhere) => Self::Elsewhere(elsewhere),
            None => Self::here(&reach.at.config)?,
        })
    }

    /// The one that runs with the configuration at `config`.
    pub(super) fn here(config: &Path) -> anyhow::Result<Self> {
        Ok(Self::Here(config::whereabouts(config)?.socket))
    }

    /// Whether a gateway answers at all. One that is named is to.
    pub(super) async fn is_there(&self) -> bool {
        match self {
            Self::Here(socket) => UnixStream::connect(socket).await.is_ok(),
            Self::Elsewhere(_) => true,
        }
    }

    /// What it goes by, for a person.
    pub(super) fn goes_by(&self, reach: &Reach) -> String {
        match self {
            Self::Here(_) => reach.at.config.display().to_string(),
            Self::Elsewhere(elsewhere) => format!("the configuration of {}", elsewhere.gateway),
        }
    }

    /// Asks for what is at `path`.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        Ok(serde_json::from_value(self.call(Method::GET, path, None).await?.0)?)
    }

    /// Asks for the list at `path`, and hands over one page after the other.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        mut take: impl FnMut(Vec<T>),
    ) -> anyhow::Result<()> {
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let (rows, following) = self.call(Method::GET, &path, None).await?;
            take(serde_json::from_value(rows)?);
            next = following;
        }
        Ok(())
    }

    /// Orders what `path` says, with `words` beside the operator's name.
    pub(super) async fn post(&self, path: &str, mut words: Value) -> anyhow::Result<Value> {
        // Elsewhere it is the token that names them.
        if let Self::Here(_) = self {
            words["operator"] = json!(operator());
        }
        Ok(self.call(Method::POST, path, Some(words)).await?.0)
    }

    /// What is answered, and where the next page of it is.
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(Value, Option<String>)> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let (parts, bytes) = match self {
            Self::Here(socket) => call(socket, method, path, body).await?,
            Self::Elsewhere(elsewhere) => elsewhere.call(method, path, body).await?,
        }
        .into_parts();
        let value: Value = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| json!({ "detail": String::from_utf8_lossy(&bytes) }));
        if parts.status == StatusCode::OK {
            return Ok((value, next(&parts.headers)));
        }
        bail!("{}", value["detail"].as_str().unwrap_or("the gateway did not say why"))
    }
}

async fn call(socket: &Path, method: Method, path: &str, body: String) -> anyhow::Result<Response<Bytes>> {
    let stream = UnixStream::connect(socket).await.with_context(|| {
        format!("no gateway answers at {}; is `guestpass serve` running?", socket.display())
    })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "guestpass")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let (parts, body) = sender.send_request(request).await?.into_parts();
    Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
}

/// Where the `Link` header says that the next page is (RFC 8288, section 3).
fn next(headers: &HeaderMap) -> Option<String> {
    let (target, parameters) = headers.get(LINK)?.to_str().ok()?.strip_prefix('<')?.split_once('>')?;
    parameters.contains("rel=\"next\"").then(|| target.to_owned())
}

/// Who gives the order: whoever stands behind `sudo`, else the account itself.
fn operator() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "operator".to_owned())
}

/// Gives an order and says `done` once it is carried out.
pub(super) fn order(why: &Why, path: &str, mut words: Value, done: &str) -> Done {
    words["why"] = json!(why.why);
    wait_for(async { Client::new(&why.reach)?.post(path, words).await })?;
    println!("{done}");
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn the_next_page_is_where_the_link_says() {
        let next = |link| next(&[(LINK, HeaderValue::from_static(link))].into_iter().collect());
        assert_eq!(
            next("</people?limit=2&after=7>; rel=\"next\"").as_deref(),
            Some("/people?limit=2&after=7")
        );
        assert_eq!(next("</people>; rel=\"prev\""), None);
        assert_eq!(next("nonsense"), None);
    }
}
