//! Requests by hand, one hop at a time, with cookies that a test can see, lose and forge.

use super::site::Site;
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use url::Url;

/// A client that tidies nothing. Whatever host it asks for, it connects to one address if it was given one.
pub(crate) struct Hand {
    http: reqwest::Client,
    always: Option<SocketAddr>,
    /// By host.
    pub(crate) cookies: BTreeMap<String, BTreeMap<String, String>>,
    /// Sent with every request.
    pub(crate) headers: HeaderMap,
}

/// One answer, redirects too.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Where it leads, resolved.
    pub(crate) next: Option<String>,
}

impl Hand {
    /// A person's browser: it says that it navigates.
    pub(crate) fn new() -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(guestpass::loopback::Resolver)
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let mut hand = Self { http, always: None, cookies: BTreeMap::new(), headers: HeaderMap::new() };
        hand.say("accept", "text/html");
        hand.say("sec-fetch-mode", "navigate");
        hand.say("sec-fetch-dest", "document");
        hand
    }

    /// The same behind a proxy that ends TLS: what it asks of `https` hosts goes to `address` in the clear.
    pub(crate) fn through(address: SocketAddr) -> Self {
        Self { always: Some(address), ..Self::new() }
    }

    pub(crate) fn say(&mut self, name: &str, value: &str) {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, HeaderValue::from_str(value).unwrap());
    }

    pub(crate) async fn get(&mut self, url: &str) -> Reply {
        self.send(Method::GET, url, None).await
    }

    pub(crate) async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, url, Some(body)).await
    }

    /// Posts a body that is no form, and says what its own headers say of it.
    pub(crate) async fn post_text(&mut self, url: &str, body: &str) -> Reply {
        let typed = self.headers.contains_key("content-type");
        assert!(typed, "whoever posts says what");
        self.send(Method::POST, url, Some(body.to_owned())).await
    }

    /// Posts what a page of another site has it post: without the cookies that are not for that.
    pub(crate) async fn post_across(&mut self, url: &str, fields: &[(String, String)]) -> Reply {
        let kept = std::mem::take(self.cookies_at(url));
        self.say("sec-fetch-site", "cross-site");
        let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let reply = self.post(url, &fields).await;
        self.headers.remove("sec-fetch-site");
        *self.cookies_at(url) = kept;
        reply
    }

    /// Asks for `url` and follows redirects until one leads to an address that begins with `until`, or none leads on.
    /// Returns that address, or the last one.
    pub(crate) async fn follow(&mut self, url: &str, until: &str) -> (String, Reply) {
        let mut url = url.to_owned();
        for _ in 0..20 {
            let reply = self.get(&url).await;
            match &reply.next {
                Some(next) if next.starts_with(until) => return (next.clone(), reply),
                Some(next) => url.clone_from(next),
                None => return (url, reply),
            }
        }
        panic!("no end of redirects, the last to {url}");
    }

    /// Signs in as `person` on the provider's page at `asked`; returns where the provider sends them.
    pub(crate) async fn choose(&mut self, asked: &str, person: &str) -> String {
        let reply = self.post(asked, &[("person", person)]).await;
        reply.next.unwrap_or_else(|| panic!("the provider says: {}", reply.text))
    }

    /// That of somebody who has signed in to Notes.
    pub(crate) async fn signed_in(site: &Site, person: &str) -> Self {
        let mut hand = Self::new();
        let (asked, _) = hand.follow(&site.notes_url, &site.provider_url).await;
        let back = hand.choose(&asked, person).await;
        hand.follow(&back, "nowhere").await;
        hand
    }

    /// What its cookies say that nobody else may know: how often it came in somewhere is no secret.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = String> {
        let cookies = self.cookies.values().flatten().filter(|(name, _)| !name.ends_with("-round"));
        cookies.map(|(_, value)| value.clone())
    }

    /// The cookies that it has for the host of `url`.
    pub(crate) fn cookies_at(&mut self, url: &str) -> &mut BTreeMap<String, String> {
        let host = Url::parse(url).unwrap().host_str().unwrap().to_owned();
        self.cookies.entry(host).or_default()
    }

    async fn send(&mut self, method: Method, text: &str, body: Option<String>) -> Reply {
        let url = Url::parse(text).unwrap();
        let mut asked = url.clone();
        let mut headers = self.headers.clone();
        if let (Some(address), "https") = (self.always, url.scheme()) {
            headers.insert(
                "host",
                HeaderValue::from_str(&url[url::Position::BeforeHost..url::Position::AfterPort]).unwrap(),
            );
            asked = Url::parse(&format!("http://{address}{}", &url[url::Position::BeforePath..])).unwrap();
        }
        let pairs: Vec<String> =
            self.cookies_at(text).iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !pairs.is_empty() {
            headers.append(COOKIE, HeaderValue::from_str(&pairs.join("; ")).unwrap());
        }
        let mut request = self.http.request(method, asked).headers(headers);
        if let Some(body) = body {
            if !self.headers.contains_key("content-type") {
                request = request.header("content-type", "application/x-www-form-urlencoded");
            }
            request = request.header("origin", url.origin().ascii_serialization()).body(body);
        }
        let response = request.send().await.unwrap();
        let headers = response.headers().clone();
        for line in headers.get_all(SET_COOKIE) {
            let cookie = cookie::Cookie::parse(line.to_str().unwrap()).unwrap();
            let kept = self.cookies_at(text);
            if cookie.max_age().is_some_and(|age| age.is_zero()) {
                kept.remove(cookie.name());
            } else {
                kept.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
        let next = headers.get(LOCATION).map(|to| url.join(to.to_str().unwrap()).unwrap().to_string());
        Reply { status: response.status().as_u16(), headers, text: response.text().await.unwrap(), next }
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}
