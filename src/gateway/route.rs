//! From a request line and a `Host` header to the app that is asked for, by the one canonical reading of both.
//! What could be read in two ways is refused, since an app might read it the other way.

use super::path;
use super::settings::{App, is_ours};
use crate::names::AppName;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use url::Url;

/// A request that cannot be judged. In words for whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// No `Host` header, or several, or one that names no host.
    #[error("it must name one host")]
    Host,
    /// The request target names another host than the `Host` header, or has another form than a path.
    #[error("its target must be a path on the host it names")]
    Target,
    /// A path that could be read in two ways.
    #[error("its path could be read in more than one way")]
    Path,
    /// `CONNECT`.
    #[error("tunnels to other hosts are not offered")]
    Connect,
}

/// A host, perhaps with a port: lower case, without a dot at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    text: String,
    name_ends: usize,
    port: Option<u16>,
}

/// A text that names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a host: write wiki.example.com or wiki.example.com:8443, in ASCII")]
pub struct NotAHost(String);

impl Host {
    /// The host and, where one is named, the port.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host alone.
    pub fn name(&self) -> &str {
        &self.text[..self.name_ends]
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Host {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        let (name, port) = split(text).ok_or_else(|| NotAHost(text.to_owned()))?;
        let whole = port.map_or_else(|| name.to_string(), |port| format!("{name}:{port}"));
        Ok(Self { name_ends: name.len(), port, text: whole })
    }
}

/// The canonical host name and the port of `host[:port]`. Copies only where the name was not canonical.
fn split(text: &str) -> Option<(Cow<'_, str>, Option<u16>)> {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(end) => text.split_at(end + 2),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
        None if port.is_empty() => None,
        None => return None,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let address = || name.strip_prefix('[')?.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().ok();
    if !name.split('.').all(label) && address().is_none() {
        return None;
    }
    let upper = name.bytes().any(|byte| byte.is_ascii_uppercase());
    Some((if upper { name.to_ascii_lowercase().into() } else { name.into() }, port))
}

/// Every host we answer for, and what is there.
#[derive(Debug)]
pub struct Routes {
    url: Url,
    default_port: Option<u16>,
    hosts: HashMap<String, Vec<(Option<u16>, Place)>>,
    apps: HashMap<AppName, Arc<App>>,
}

/// What a request asks for.
#[derive(Debug, Clone)]
pub enum Place {
    /// Our own pages.
    Ours,
    /// Our own pages on an app's host, below `/.guestpass`.
    Beside(Arc<App>),
    /// An app.
    App(Arc<App>),
}

/// What a request asks for, and the host as it is sent on: canonical, with the port that the client named.
#[derive(Debug)]
pub struct Asked {
    /// What.
    pub place: Place,
    /// The host.
    pub host: HeaderValue,
}

/// A host that two claim; which, and the app that came second.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("host \"{host}\" is taken already")]
pub struct Taken {
    /// The host.
    pub host: String,
    /// The app that came second.
    pub app: AppName,
}

impl Routes {
    /// The table for `apps`, with our own pages at the host of `url`.
    pub fn new(url: Url, apps: impl IntoIterator<Item = Arc<App>>) -> Result<Self, Taken> {
        let name = url.host_str().unwrap_or_default().to_owned();
        let mut hosts = HashMap::from([(name, vec![(url.port(), Place::Ours)])]);
        let mut named = HashMap::new();
        for app in apps {
            named.insert(app.name.clone(), app.clone());
            let places = hosts.entry(app.host.name().to_owned()).or_default();
            if places.iter().any(|(port, _)| *port == app.host.port) {
                return Err(Taken { host: app.host.to_string(), app: app.name.clone() });
            }
            places.push((app.host.port, Place::App(app)));
        }
        // A named port is compared before one that is left open.
        hosts.values_mut().for_each(|places| places.sort_by_key(|(port, _)| port.is_none()));
        let default_port = if url.scheme() == "https" { Some(443) } else { Some(80) };
        Ok(Self { url, default_port, hosts, apps: named })
    }

    /// Whether people reach us by https.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Our own address, without a slash at the end.
    pub fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// The app of this name.
    pub fn app(&self, name: &AppName) -> Option<&Arc<App>> {
        self.apps.get(name)
    }

    /// What a request asks for; `None` if nothing here has its host.
    pub fn find(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Option<Asked>, BadRequest> {
        if method == Method::CONNECT {
            return Err(BadRequest::Connect);
        }
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(sent), None) = (hosts.next(), hosts.next()) else { return Err(BadRequest::Host) };
        let text = sent.to_str().map_err(|_| BadRequest::Host)?;
        let (name, port) = split(text).ok_or(BadRequest::Host)?;
        if let Some(authority) = uri.authority() {
            let plain = uri.scheme_str().is_some_and(|scheme| scheme == "http" || scheme == "https");
            if !plain || split(authority.as_str()) != Some((name.clone(), port)) {
                return Err(BadRequest::Target);
            }
        }
        path::check(uri.path())?;
        let host = if text.starts_with(&*name) && text[name.len()..].strip_prefix('.').is_none() {
            sent.clone()
        } else {
            let whole = port.map_or_else(|| name.to_string(), |port| format!("{name}:{port}"));
            HeaderValue::try_from(whole).map_err(|_| BadRequest::Host)?
        };
        let Some(places) = self.hosts.get(&*name) else { return Ok(None) };
        let port = port.or(self.default_port);
        let here = places.iter().find(|(named, _)| named.is_none() || *named == port);
        let Some((_, place)) = here else { return Ok(None) };
        match place {
            Place::App(app) if is_ours(uri.path()) => {
                Ok(Some(Asked { place: Place::Beside(app.clone()), host }))
            }
            Place::App(app) if app.path_decides() => {
                path::check_spelling(uri.path())?;
                Ok(Some(Asked { place: place.clone(), host }))
            }
            _ => Ok(Some(Asked { place: place.clone(), host })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::settings::Settings;
    use serde_json::json;

    fn app(name: &str, host: &str, routes: serde_json::Value) -> Arc<App> {
        let settings = json!({ "host": host, "upstream": "http://127.0.0.1:1", "routes": routes });
        let settings: Settings = serde_json::from_value(settings).unwrap();
        Arc::new(settings.check(name.parse().unwrap()).unwrap())
    }

    fn routes() -> Routes {
        let apps = [
            app("wiki", "Wiki.example.com.", json!({ "/admin": { "roles": ["editor"] } })),
            app("notes", "notes.example.com", json!({})),
            app("beta", "notes.example.com:8443", json!({})),
        ];
        Routes::new("https://access.example.com".parse().unwrap(), apps).unwrap()
    }

    fn find(target: &str, hosts: &[&str]) -> Result<Option<Asked>, BadRequest> {
        let uri: Uri = target.parse().map_err(|_| BadRequest::Path)?;
        let headers =
            hosts.iter().map(|host| (header::HOST, HeaderValue::try_from(*host).unwrap())).collect();
        routes().find(&Method::GET, &uri, &headers)
    }

    fn place(host: &str) -> String {
        match find("/", &[host]).map(|found| found.map(|asked| asked.place)) {
            Ok(Some(Place::Ours | Place::Beside(_))) => "ours".to_owned(),
            Ok(Some(Place::App(app))) => app.name.to_string(),
            Ok(None) => "nothing".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn a_host_is_the_same_however_it_is_written() {
        for (host, expected) in [
            ("wiki.example.com", "wiki"),
            ("WIKI.example.COM", "wiki"),
            ("wiki.example.com.", "wiki"),
            ("wiki.example.com:443", "wiki"),
            ("Wiki.Example.Com.:8443", "wiki"),
            ("notes.example.com", "notes"),
            ("notes.example.com:8443", "beta"),
            ("access.example.com", "ours"),
            ("evil.example.com", "nothing"),
            ("wiki.example.com.evil", "nothing"),
            ("wiki.example.com..", "Host"),
            ("a@wiki.example.com", "Host"),
            ("wiki.example.com:", "Host"),
            ("wiki.example.com:x", "Host"),
            ("wiki.example.com:99999", "Host"),
            ("wiki.example.com/x", "Host"),
            ("[::1]", "nothing"),
            ("[::1", "Host"),
            ("", "Host"),
        ] {
            assert_eq!(place(host), expected, "{host:?}");
        }
        assert_eq!(find("/", &[]).unwrap_err(), BadRequest::Host);
        assert_eq!(find("/", &["wiki.example.com"; 2]).unwrap_err(), BadRequest::Host);
        for (sent, host) in
            [("WIKI.example.com.:8443", "wiki.example.com:8443"), ("wiki.example.com.", "wiki.example.com")]
        {
            assert_eq!(find("/", &[sent]).unwrap().unwrap().host, host);
        }
    }

    #[test]
    fn a_target_is_a_path_on_its_host() {
        for (target, expected) in [
            ("http://wiki.example.com/x", None),
            ("https://WIKI.example.com./x", None),
            ("http://notes.example.com/x", Some(BadRequest::Target)),
            ("http://wiki.example.com:80/x", Some(BadRequest::Target)),
            ("http://a@wiki.example.com/x", Some(BadRequest::Target)),
            ("ftp://wiki.example.com/x", Some(BadRequest::Target)),
            ("wiki.example.com:443", Some(BadRequest::Target)),
            ("*", Some(BadRequest::Target)),
        ] {
            assert_eq!(find(target, &["wiki.example.com"]).err(), expected, "{target}");
        }
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("wiki.example.com"))]);
        let connect = routes().find(&Method::CONNECT, &Uri::from_static("wiki.example.com:443"), &headers);
        assert_eq!(connect.unwrap_err(), BadRequest::Connect);
    }

    #[test]
    fn a_path_with_two_readings_is_refused() {
        // No app may see these.
        for path in [
            "/pub/../admin",
            "/pub/%2e%2e/admin",
            "/pub/.%2E/admin",
            "/./admin",
            "/pub;/../admin",
            "/pub/..;/admin",
            "/pub/..;x=1/admin",
            "/pub/..%3b/admin",
            "/..",
            "/.",
            "/a/.",
            "/a%2fb",
            "/a%2Fb",
            "/a\\b",
            "/a%5cb",
            "/a%00",
            "/a%0d%0ab",
            "/a%7f",
            "/a%23b",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%+1",
            "/\u{e4}",
            "/a%u002e",
        ] {
            for host in ["wiki.example.com", "notes.example.com"] {
                assert!(find(path, &[host]).is_err(), "{path} on {host}");
            }
        }
        // These only where rules hang on paths.
        for path in [
            "//admin",
            "/a//admin",
            "/%61dmin",
            "/%41dmin",
            "/admin;x=1",
            "/admin%3bx",
            "/%7eadmin",
            "/%c0%e1dmin",
            "/%e0%80%af",
            "/a%ff",
        ] {
            assert!(find(path, &["wiki.example.com"]).is_err(), "{path}");
            assert!(find(path, &["notes.example.com"]).is_ok(), "{path}");
        }
        for path in [
            "/",
            "/a/b/",
            "/a%20b",
            "/%c3%a4%20%C3%A4x",
            "/a?x=/../%2e%2e//;%41",
            "/.well-known/x",
            "/...",
            "/a..b",
            "/@me:x,y=1+2!$&'()*",
            "/a%25b",
            "/.guestpass/start",
        ] {
            for host in ["wiki.example.com", "notes.example.com"] {
                assert!(find(path, &[host]).is_ok(), "{path} on {host}");
            }
        }
    }

    #[test]
    fn our_pages_are_below_a_path_of_their_own_and_a_host_is_claimed_once() {
        let is_ours = |path| {
            matches!(find(path, &["notes.example.com"]), Ok(Some(Asked { place: Place::Beside(_), .. })))
        };
        assert!(is_ours("/.guestpass") && is_ours("/.guestpass/start?x"));
        assert!(!is_ours("/.guestpasses") && !is_ours("/x/.guestpass") && !is_ours("/"));
        for host in ["access.example.com", "a.example.com"] {
            let apps = [app("a", "a.example.com", json!({})), app("b", host, json!({}))];
            let url: Url = "https://access.example.com/".parse().unwrap();
            assert_eq!(Routes::new(url, apps).unwrap_err().app.as_str(), "b");
        }
    }
}
