//! A gateway elsewhere, by its admin API.

use crate::loopback::{Resolver, is_here};
use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use http::{Method, Response};
use reqwest::redirect;
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// Where a token is, if no file is named. Not an option of the command line, which others on this machine can read.
const TOKEN: &str = "GUESTPASS_TOKEN";
/// How long it may take until somebody is there. An answer may take longer: targets are asked meanwhile.
const CONNECT: Duration = Duration::from_secs(10);

/// Which gateway, and by which token.
#[derive(Args)]
pub(super) struct Afar {
    /// A gateway elsewhere, by the address of its admin API, like https://access.example.com:8444
    #[arg(long, env = "GUESTPASS_GATEWAY", value_name = "URL", help_heading = "From afar")]
    gateway: Option<Url>,
    /// The file with the token that is shown there; if none is named, it is in GUESTPASS_TOKEN
    #[arg(long, env = "GUESTPASS_TOKEN_FILE", value_name = "FILE", help_heading = "From afar")]
    token_file: Option<PathBuf>,
}

/// A gateway that is reached by its admin API.
pub(super) struct Elsewhere {
    pub(super) gateway: Url,
    token: SecretString,
    http: reqwest::Client,
}

impl Afar {
    /// The gateway that is named, if one is.
    ///
    /// # Errors
    /// Where what is said to it could be read on its way, or there is no token.
    pub(super) fn reach(&self) -> anyhow::Result<Option<Elsewhere>> {
        let Some(gateway) = self.gateway.clone() else { return Ok(None) };
        let is_clear = gateway.scheme() == "http";
        if !matches!(gateway.scheme(), "https" | "http")
            || is_clear && !gateway.host_str().is_some_and(is_here)
        {
            bail!("a token for {gateway} could be read on its way; use https");
        }
        let token = token(self.token_file.as_deref())?;
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .dns_resolver(Resolver)
            .connect_timeout(CONNECT);
        let http = if is_clear { http.no_proxy() } else { http };
        Ok(Some(Elsewhere { gateway, token, http: http.build()? }))
    }
}

impl Elsewhere {
    /// What it answers.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<Response<Bytes>> {
        let url = self.gateway.join(path)?;
        // A list says where it goes on. Nobody else gets to see the token.
        if url.origin() != self.gateway.origin() {
            bail!("{url} is not at {}", self.gateway);
        }
        let request = self.http.request(method, url).bearer_auth(self.token.expose_secret());
        let reply = request
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .with_context(|| format!("no gateway answers at {}", self.gateway))?;
        let mut response = Response::new(Bytes::new());
        (*response.status_mut(), *response.headers_mut()) = (reply.status(), reply.headers().clone());
        *response.body_mut() = reply.bytes().await?;
        Ok(response)
    }
}

fn token(file: Option<&Path>) -> anyhow::Result<SecretString> {
    let text = match file {
        Some(path) => {
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
        }
        None => std::env::var(TOKEN)
            .with_context(|| format!("there is no token: name its file by --token-file, or set {TOKEN}"))?,
    };
    Ok(text.trim().into())
}
