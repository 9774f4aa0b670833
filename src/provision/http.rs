//! One request to a target that speaks HTTP, and what its answer means. What is said in the body is the connector's.

use super::connector::{Fault, Refusal, RetryAfter, words};
use super::pace::{Pace, Told};
use super::tokens::Tokens;
use crate::causes::Causes;
use crate::reach::Resolver;
use crate::trace;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::time::Duration;
use url::Url;

const CONNECT: Duration = Duration::from_secs(3);
const TOTAL: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// How we show a target who we are.
#[derive(Debug)]
pub(super) enum Auth {
    /// A bearer token (RFC 6750).
    Bearer(SecretString),
    /// A name and a password (RFC 7617).
    Basic(String, SecretString),
    /// A header of the target's own.
    Header(HeaderName, SecretString),
    /// An access token that we ask an authorization server for.
    Tokens(Tokens),
    /// Nothing.
    None,
}

/// One request.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// The media type and the body.
    pub(super) body: Option<(String, String)>,
    /// Whether it may change something, so that a lost answer leaves in doubt whether it did.
    pub(super) write: bool,
}

/// What the requests to a target have in common.
pub(super) struct Http {
    client: Client,
    base: Url,
    auth: Auth,
    media_type: String,
    pace: Pace,
}

impl Http {
    /// A client for the server at `base`, which speaks JSON of this `media_type`. Connects to nothing yet.
    ///
    /// # Errors
    /// When no HTTP client can be made, as without any root certificates.
    pub(super) fn new(
        base: Url,
        auth: Auth,
        media_type: impl Into<String>,
        pace: Pace,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            // The token goes where the operator said, and nowhere else.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent("guestpass")
            .dns_resolver(Resolver)
            .build()?;
        Ok(Self { client, base, auth, media_type: media_type.into(), pace })
    }

    /// The URL of what lies at `path` below the base.
    pub(super) fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        // Fails for URLs such as `data:` alone, which the request then refuses.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// The media type of what is sent and asked for.
    pub(super) fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Makes a request. A token that is refused before its time is renewed, once: nothing was done on its word.
    pub(super) async fn ask(&self, ask: Ask) -> Result<Reply, Fault> {
        let Ask { method, url, headers, body, write } = ask;
        let mut request = self.client.request(method, self.ours(url)?).headers(headers);
        if let Some((media_type, body)) = body {
            request = request.header(CONTENT_TYPE, media_type).body(body);
        }
        let Auth::Tokens(tokens) = &self.auth else { return self.send(request, None, write).await };
        let again = request.try_clone();
        let token = tokens.current(&self.client).await?;
        let reply = self.send(request, Some(&token), write).await?;
        match again {
            Some(request) if reply.status == StatusCode::UNAUTHORIZED => {
                let token = tokens.instead_of(&token, &self.client).await?;
                self.send(request, Some(&token), write).await
            }
            _ => Ok(reply),
        }
    }

    /// The URL, if it leads where the operator said: what a target answers may name any.
    fn ours(&self, url: Url) -> Result<Url, Fault> {
        if url.origin() == self.base.origin() {
            return Ok(url);
        }
        Err(Fault::refused(
            Refusal::Invalid,
            format!("sends us to another server: {}", url.origin().ascii_serialization()),
        ))
    }

    async fn send(
        &self,
        request: RequestBuilder,
        token: Option<&SecretString>,
        write: bool,
    ) -> Result<Reply, Fault> {
        self.pace.turn().await?;
        let request = match (&self.auth, token) {
            (_, Some(token)) | (Auth::Bearer(token), None) => request.bearer_auth(token.expose_secret()),
            (Auth::Basic(user, password), None) => request.basic_auth(user, Some(password.expose_secret())),
            (Auth::Header(name, value), None) => request.header(name, secret(value)?),
            (Auth::Tokens(_) | Auth::None, None) => request,
        };
        let request = request.header(ACCEPT, &self.media_type);
        let response = trace::send(request).await.map_err(|error| lost(error, write))?;
        let (status, headers) = (response.status(), response.headers().clone());
        self.pace.told(status, &headers);
        let mut body = String::from_utf8_lossy(&body(response, LONGEST).await).into_owned();
        // An error may quote the request, and is shown to people.
        if !status.is_success() {
            body = self.auth.conceal(body, token);
        }
        Ok(Reply { status, headers, write, body })
    }
}

/// The body of an answer, `longest` bytes of it at the most. The status stands even where the rest is lost; who needs it
/// finds it wanting.
pub(super) async fn body(mut response: Response, longest: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await
        && body.len() + chunk.len() <= longest
    {
        body.extend_from_slice(&chunk);
    }
    body
}

/// A secret as the value of a header.
fn secret(value: &SecretString) -> Result<HeaderValue, Fault> {
    let header = HeaderValue::from_str(value.expose_secret());
    let mut header =
        header.map_err(|_| Fault::AuthFailed("our credentials cannot stand in a header".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

impl Auth {
    /// The text without what opens the target, also in the form in which requests show it.
    fn conceal(&self, mut text: String, token: Option<&SecretString>) -> String {
        let secret = match self {
            Self::Bearer(secret) | Self::Basic(_, secret) | Self::Header(_, secret) => Some(secret),
            Self::Tokens(_) | Self::None => token,
        };
        if let (Self::Basic(user, _), Some(password)) = (self, secret) {
            text = text.replace(&STANDARD.encode(format!("{user}:{}", password.expose_secret())), "[token]");
        }
        match secret.map(SecretString::expose_secret) {
            Some(secret) if !secret.is_empty() => text.replace(secret, "[token]"),
            _ => text,
        }
    }
}

/// What a request without an answer means: one that never left did nothing; a write that did may have.
pub(super) fn lost(error: reqwest::Error, write: bool) -> Fault {
    let error = error.without_url();
    let said = Causes(&error).to_string();
    if write && !error.is_connect() && !error.is_builder() {
        Fault::Unknown(words(&said))
    } else {
        Fault::transient(said)
    }
}

/// When the headers of an answer ask us to come again (RFC 9110, section 10.2.3, and what else targets say).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<RetryAfter> {
    let text = |name| headers.get(name)?.to_str().ok();
    let date = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    let after = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = after.parse::<u32>() {
        return Some(RetryAfter::In(SignedDuration::from_secs(seconds.into())));
    }
    // By the server's own clock where it says what time it has, so that ours may differ.
    Some(match (date(after)?, text(DATE).and_then(date)) {
        (at, Some(sent)) => RetryAfter::In(at.duration_since(sent)),
        (at, None) => RetryAfter::At(at),
    })
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    write: bool,
    pub(super) body: String,
}

impl Reply {
    /// The answer to a write: done or not, with what came back.
    pub(super) fn done(self) -> Result<Option<Value>, Fault> {
        if self.status.is_success() { Ok(self.json()) } else { Err(self.fault()) }
    }

    /// What an answer that is no success means.
    pub(super) fn fault(&self) -> Fault {
        let (said, after) = (self.said(), self.after());
        match self.status.as_u16() {
            401 => Fault::AuthFailed(said),
            // GitHub's word for haste.
            403 if after.is_some() => Fault::Throttled(after),
            403 => Fault::refused(Refusal::Forbidden, said),
            409 => Fault::refused(Refusal::Conflict, said),
            429 => Fault::Throttled(after),
            // Something in between gave up waiting: the server behind it may not have.
            502 | 504 if self.write => Fault::Unknown(said),
            408 | 425 | 500 | 502..=599 => Fault::Transient { words: said, after },
            _ => Fault::refused(Refusal::Invalid, said),
        }
    }

    /// When it asks us to come again.
    pub(super) fn after(&self) -> Option<RetryAfter> {
        Told::by(self.status, &self.headers).and_then(|told| told.wait()).or(retry_after(&self.headers))
    }

    /// What it said, in one line: the member of its JSON in which APIs put that, else all of it.
    pub(super) fn said(&self) -> String {
        let told = |error: &Value| {
            let member = |name: &&str| error.get(name).and_then(Value::as_str).map(str::to_owned);
            ["detail", "error_description", "description", "message", "error"].iter().find_map(member)
        };
        // Slack puts it in an object of its own.
        let told = |error: &Value| told(error).or_else(|| told(error.get("Errors")?));
        let detail = self.json().as_ref().and_then(told).unwrap_or_else(|| self.body.clone());
        words(&format!("answers {}: {detail}", self.status.as_u16())).trim_end_matches(':').to_owned()
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }
}
