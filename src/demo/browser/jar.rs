//! Cookies, as a browser keeps them (RFC 6265), one host at a time: a `Domain` is not honoured.

use crate::clock::from_micros;
use cookie::Cookie;
use jiff::{SignedDuration, Timestamp};
use url::Url;

/// The cookies of one browser.
#[derive(Debug, Default)]
pub(super) struct Jar(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    host: String,
    path: String,
    name: String,
    value: String,
    expires: Option<Timestamp>,
}

impl Jar {
    /// Keeps what a `Set-Cookie` header of the answer from `url` says; what cannot be read is dropped.
    pub(super) fn keep(&mut self, url: &Url, header: &str, now: Timestamp) {
        let (Ok(cookie), Some(host)) = (Cookie::parse(header), url.host_str()) else { return };
        let (name, host) = (cookie.name().to_owned(), host.to_owned());
        let path = cookie
            .path()
            .filter(|path| path.starts_with('/'))
            .map_or_else(|| default_path(url), str::to_owned);
        if name.starts_with("__Host-")
            && (cookie.secure() != Some(true) || path != "/" || cookie.domain().is_some())
        {
            return;
        }
        let expires = match (cookie.max_age(), cookie.expires_datetime()) {
            (Some(age), _) => {
                Some(now.saturating_add(SignedDuration::from_secs(age.whole_seconds())).unwrap_or(now))
            }
            (None, Some(date)) => Some(from_micros(date.unix_timestamp().saturating_mul(1_000_000))),
            (None, None) => None,
        };
        self.0.retain(|kept| (&kept.host, &kept.path, &kept.name) != (&host, &path, &name));
        if expires.is_none_or(|expires| expires > now) {
            self.0.push(Kept { host, path, name, value: cookie.value().to_owned(), expires });
        }
    }

    /// The `Cookie` header for a request to `url`, if any cookie fits. `Secure` ones go too: all is loopback here.
    pub(super) fn header(&self, url: &Url, now: Timestamp) -> Option<String> {
        let fits = |kept: &&Kept| {
            url.host_str() == Some(&kept.host)
                && path_matches(url.path(), &kept.path)
                && kept.expires.is_none_or(|expires| expires > now)
        };
        let pairs: Vec<String> =
            self.0.iter().filter(fits).map(|kept| format!("{}={}", kept.name, kept.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// RFC 6265, section 5.1.4.
fn default_path(url: &Url) -> String {
    match url.path().rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => url.path()[..end].to_owned(),
    }
}

/// RFC 6265, section 5.1.4.
fn path_matches(path: &str, of_cookie: &str) -> bool {
    path.strip_prefix(of_cookie)
        .is_some_and(|rest| rest.is_empty() || of_cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_stay_with_their_host_path_and_time() {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let at = |url: &str| url.parse::<Url>().unwrap();
        let mut jar = Jar::default();
        jar.keep(&at("http://a.localhost/x/y"), "one=1; Path=/; Max-Age=60; Domain=localhost", now);
        jar.keep(&at("http://a.localhost/x/y"), "two=2", now);
        jar.keep(&at("http://a.localhost/x/y"), "__Host-three=3; Path=/", now);
        assert_eq!(jar.header(&at("http://a.localhost/x"), now).as_deref(), Some("one=1; two=2"));
        assert_eq!(jar.header(&at("http://a.localhost/xy"), now).as_deref(), Some("one=1"));
        assert_eq!(jar.header(&at("http://b.localhost/x"), now), None);
        assert_eq!(jar.header(&at("http://a.localhost/"), now + SignedDuration::from_secs(60)), None);
        jar.keep(&at("http://a.localhost/"), "one=; Path=/; Max-Age=0", now);
        assert_eq!(jar.header(&at("http://a.localhost/"), now), None);
    }
}
