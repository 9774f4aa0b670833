//! A scripted browser: what a real one sends, keeps and follows, without a window. For the walk and the tests.

mod jar;
#[cfg(test)]
mod tests;

use self::jar::Jar;
use crate::clock::Clock;
use crate::loopback::Resolver;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use reqwest::redirect::Policy;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use url::Url;

/// As many redirects as browsers follow.
const MAX_HOPS: usize = 20;

/// One browser with its own cookies. Requests may run at the same time, as in several tabs.
pub struct Browser {
    http: reqwest::Client,
    jar: Mutex<Jar>,
    clock: Clock,
}

/// What a request came to, after redirects.
#[derive(Debug)]
pub struct Answer {
    /// The status of the last answer.
    pub status: StatusCode,
    /// Where it came from.
    pub url: Url,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as text.
    pub text: String,
    /// The redirects that led here, in order.
    pub hops: Vec<Hop>,
}

/// One redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// What was asked.
    pub url: Url,
    /// The status that sent us on.
    pub status: StatusCode,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// It is not an address.
    #[error("\"{0}\" is not a URL")]
    NotAUrl(String),
    /// Nobody answered, or not to the end.
    #[error("no answer")]
    Unreachable(#[from] reqwest::Error),
    /// Redirects without end.
    #[error("more than {MAX_HOPS} redirects, the last to {0}")]
    Lost(Url),
}

/// What kind of request it is, in the words of Fetch Metadata.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Typed,
    Form,
    Script,
}

impl Browser {
    /// A new browser without cookies, whose cookies expire by `clock`.
    ///
    /// # Errors
    /// The HTTP client cannot be built.
    pub fn new(clock: Clock) -> Result<Self, BrowserError> {
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .dns_resolver(Resolver)
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self { http, jar: Mutex::default(), clock })
    }

    /// Navigates to `url`, as typed into the address bar, and follows redirects.
    ///
    /// # Errors
    /// See [`BrowserError`]; an answer with any status is not an error.
    pub async fn get(&self, url: &str) -> Result<Answer, BrowserError> {
        self.follow(Kind::Typed, Method::GET, parse(url)?, None).await
    }

    /// Submits a form that stands on a page of the same origin as `url`, and follows redirects.
    ///
    /// # Errors
    /// See [`BrowserError`]; an answer with any status is not an error.
    pub async fn post_form(&self, url: &str, fields: &[(&str, &str)]) -> Result<Answer, BrowserError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.follow(Kind::Form, Method::POST, parse(url)?, Some(body)).await
    }

    /// Gets `url` as a script on a page of the same origin does, and follows redirects.
    ///
    /// # Errors
    /// See [`BrowserError`]; an answer with any status is not an error.
    pub async fn xhr(&self, url: &str) -> Result<Answer, BrowserError> {
        self.follow(Kind::Script, Method::GET, parse(url)?, None).await
    }

    async fn follow(
        &self,
        kind: Kind,
        mut method: Method,
        mut url: Url,
        mut body: Option<String>,
    ) -> Result<Answer, BrowserError> {
        let origin = url.origin();
        let mut site = if kind == Kind::Typed { "none" } else { "same-origin" };
        let mut hops = Vec::new();
        while hops.len() <= MAX_HOPS {
            if site == "same-origin" && url.origin() != origin {
                site = "cross-site";
            }
            let mut request = self.http.request(method.clone(), url.clone()).headers(headers(kind, site));
            if let Some(body) = &body {
                request = request
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .header(ORIGIN, origin.ascii_serialization())
                    .body(body.clone());
            }
            if let Some(cookies) = self.jar().header(&url, self.clock.now()) {
                request = request.header(COOKIE, cookies);
            }
            let response = request.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            for value in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
                self.jar().keep(&url, value, self.clock.now());
            }
            let Some(next) = target(&url, status, &headers) else {
                return Ok(Answer { status, url, headers, text: response.text().await?, hops });
            };
            if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
                (method, body) = (Method::GET, None);
            }
            hops.push(Hop { url: std::mem::replace(&mut url, next), status });
        }
        Err(BrowserError::Lost(url))
    }

    fn jar(&self) -> std::sync::MutexGuard<'_, Jar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// The value of a header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

fn parse(url: &str) -> Result<Url, BrowserError> {
    url.parse().map_err(|_| BrowserError::NotAUrl(url.to_owned()))
}

fn headers(kind: Kind, site: &'static str) -> HeaderMap {
    let (accept, mode, dest) = match kind {
        Kind::Script => ("application/json", "cors", "empty"),
        Kind::Typed | Kind::Form => {
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "navigate", "document")
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static(accept));
    headers.insert("sec-fetch-mode", HeaderValue::from_static(mode));
    headers.insert("sec-fetch-dest", HeaderValue::from_static(dest));
    headers.insert("sec-fetch-site", HeaderValue::from_static(site));
    headers
}

/// Where a redirect leads; `None` for every other answer.
fn target(url: &Url, status: StatusCode, headers: &HeaderMap) -> Option<Url> {
    let location = headers.get(LOCATION).filter(|_| status.is_redirection())?;
    url.join(location.to_str().ok()?).ok()
}
