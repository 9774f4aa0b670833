//! How we ask a provider: replies up to a size, within a time, and no redirects.

use crate::reach::{Resolver, leads_out};
use crate::trace;
use http::header::{CONTENT_TYPE, DATE};
use reqwest::{Certificate, Client, Identity, RequestBuilder, StatusCode};
use std::time::Duration;
use url::Url;

/// How long we wait for a provider before a person is told that it cannot be reached.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest reply that is read, in bytes.
const LARGEST_REPLY: usize = 1 << 20;

/// A client for one provider.
#[derive(Clone)]
pub(super) struct Http(Client);

/// A reply, whatever its status.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The media type, in lower case and without parameters.
    pub(super) media: String,
    /// When it was sent, as the other side says.
    pub(super) date: Option<String>,
    pub(super) body: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("{0} is link-local, where no provider is")]
    OutOfBounds(Url),
    #[error("the reply is larger than {LARGEST_REPLY} bytes")]
    TooLarge,
    #[error("{0} answers {1}")]
    Status(Url, StatusCode),
    #[error("{0} answers something unreadable: {1}")]
    Unreadable(Url, serde_json::Error),
}

impl Http {
    /// Believes `authorities` beside the system's, and shows `identity` to whoever asks for a certificate.
    ///
    /// # Errors
    /// Where the client cannot be made.
    pub(super) fn new(authorities: Vec<Certificate>, identity: Option<Identity>) -> reqwest::Result<Self> {
        let client = Client::builder()
            .dns_resolver(Resolver)
            .timeout(TIMEOUT)
            .tls_certs_merge(authorities)
            // A provider that moves is configured anew: what it redirects to has not been vouched for by anybody.
            .redirect(reqwest::redirect::Policy::none());
        let client = match identity {
            Some(identity) => client.identity(identity),
            None => client,
        };
        client.build().map(Self)
    }

    pub(super) fn get(&self, url: &Url) -> RequestBuilder {
        self.0.get(url.clone())
    }

    pub(super) fn post(&self, url: &Url) -> RequestBuilder {
        self.0.post(url.clone())
    }

    /// What `read` makes of the JSON that `url` answers with, whatever media type it names.
    pub(super) async fn json<T>(
        &self,
        url: &Url,
        read: impl Fn(&[u8]) -> serde_json::Result<T>,
    ) -> Result<T, SendError> {
        let reply = send(self.get(url)).await?.success(url)?;
        read(&reply.body).map_err(|error| SendError::Unreadable(url.clone(), error))
    }
}

/// Sends `request` and reads the reply.
pub(super) async fn send(request: RequestBuilder) -> Result<Reply, SendError> {
    let (client, request) = request.build_split();
    let request = request?;
    if leads_out(request.url()) {
        return Err(SendError::OutOfBounds(request.url().clone()));
    }
    let mut reply = trace::send(RequestBuilder::from_parts(client, request)).await?;
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await? {
        if body.len() + chunk.len() > LARGEST_REPLY {
            return Err(SendError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let media = reply.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let date = reply.headers().get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned);
    Ok(Reply { status: reply.status(), media, date, body })
}

impl Reply {
    /// The reply of `url`, if it is a good one.
    pub(super) fn success(self, url: &Url) -> Result<Self, SendError> {
        if self.status.is_success() { Ok(self) } else { Err(SendError::Status(url.clone(), self.status)) }
    }
}
