//! From a request line and a `Host` header to the app that is asked for, by the one canonical reading of both.
//! What could be read in two ways is refused, since an app might read it the other way.

use super::app::{App, is_ours};
use super::path;
use crate::host::{self, split};
use crate::names::AppName;
use http::{HeaderValue, Method, Request, Uri, Version, header};
use hyper::ext::Protocol;
use std::borrow::Cow;
use std::collections::HashMap;
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
    /// `TRACE`: the answer would show a page what we say to the app (RFC 9110, section 9.3.8).
    #[error("requests are not echoed")]
    Trace,
}

/// Every host we answer for, and what is there.
#[derive(Debug)]
pub struct Routes {
    url: Url,
    default_port: Option<u16>,
    hosts: HashMap<String, Vec<Entry>>,
    /// Hosts one label below the name.
    below: HashMap<String, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    port: Option<u16>,
    place: Place,
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

/// What a request asks for, and where.
#[derive(Debug)]
pub struct Asked {
    /// What.
    pub place: Place,
    /// The host as it is sent on: canonical, with the port that the client named.
    pub host: HeaderValue,
    /// The host as sessions are bound to it: with a port only where the configuration names one.
    pub bound: Arc<str>,
    /// What is wrong with the path, where that is for the app to bear: it is observed, not enforced.
    pub unclear: Option<BadRequest>,
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
        let ours = Entry { port: url.port(), place: Place::Ours };
        let (mut hosts, mut below) = (HashMap::from([(name, vec![ours])]), HashMap::new());
        for app in apps {
            for pattern in &app.hosts {
                let table = if pattern.is_wildcard() { &mut below } else { &mut hosts };
                let entries = table.entry(pattern.host().name().to_owned()).or_default();
                let port = pattern.host().port();
                if entries.iter().any(|entry| entry.port == port) {
                    return Err(Taken { host: pattern.to_string(), app: app.name.clone() });
                }
                entries.push(Entry { port, place: Place::App(app.clone()) });
            }
        }
        // A named port is compared before one that is left open.
        let sort = |entries: &mut Vec<Entry>| entries.sort_by_key(|entry| entry.port.is_none());
        hosts.values_mut().chain(below.values_mut()).for_each(sort);
        let default_port = if url.scheme() == "https" { Some(443) } else { Some(80) };
        Ok(Self { url, default_port, hosts, below })
    }

    /// Whether people reach us by https.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Our own address, without a slash at the end.
    pub fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// What a request asks for; `None` if nothing here has its host.
    ///
    /// # Errors
    /// [`BadRequest`] where it could be read in more than one way.
    pub fn find<B>(&self, request: &Request<B>) -> Result<Option<Asked>, BadRequest> {
        if request.method() == Method::CONNECT && !is_websocket_over_http2(request) {
            return Err(BadRequest::Connect);
        }
        if request.method() == Method::TRACE {
            return Err(BadRequest::Trace);
        }
        let Named { name, port, sent } = named(request)?;
        self.find_at(&name, port, request.uri().path(), sent)
    }

    /// What `path` on a host asks for.
    ///
    /// # Errors
    /// As for [`Routes::find`].
    pub fn find_at(
        &self,
        name: &str,
        port: Option<u16>,
        path: &str,
        sent: HeaderValue,
    ) -> Result<Option<Asked>, BadRequest> {
        let checked = path::check(path);
        let Some(Entry { port: named, place }) = self.entry(name, port) else {
            return checked.map(|()| None);
        };
        let mut unclear = None;
        let place = match place {
            Place::App(app) if is_ours(path) => {
                checked?;
                Place::Beside(app.clone())
            }
            Place::App(app) => {
                match checked.and_then(|()| path::check_in(app, path)) {
                    Err(error @ BadRequest::Path) if !app.enforce => unclear = Some(error),
                    checked => checked?,
                }
                place.clone()
            }
            Place::Ours | Place::Beside(_) => {
                checked?;
                place.clone()
            }
        };
        Ok(Some(Asked { place, host: sent, bound: host::join(name, *named).into(), unclear }))
    }

    fn entry(&self, name: &str, port: Option<u16>) -> Option<&Entry> {
        let port = port.or(self.default_port);
        let fits = |entries: &&Vec<Entry>| entries.iter().any(|entry| entry.fits(port));
        let above = || self.below.get(name.split_once('.')?.1);
        let entries = self.hosts.get(name).filter(fits).or_else(above)?;
        entries.iter().find(|entry| entry.fits(port))
    }
}

impl Entry {
    fn fits(&self, port: Option<u16>) -> bool {
        self.port.is_none() || self.port == port
    }
}

/// The host that a request names.
pub(super) struct Named<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) port: Option<u16>,
    /// Canonical, with the port.
    pub(super) sent: HeaderValue,
}

/// The one host that a request names: in `Host`, and where its target names one, too, or it came by HTTP/2, in
/// `:authority` (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
pub(super) fn named<B>(request: &Request<B>) -> Result<Named<'_>, BadRequest> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(BadRequest::Host);
    }
    let authority = request.uri().authority().map(|authority| authority.as_str());
    if authority.is_some() {
        let plain = request.uri().scheme_str().is_some_and(|scheme| scheme == "http" || scheme == "https");
        let same = host.is_none_or(|host| {
            let host = host.to_str().ok().and_then(split);
            host.is_some() && host == authority.and_then(split)
        });
        if !plain || !same {
            return Err(BadRequest::Target);
        }
    }
    match (host, authority) {
        (Some(host), _) => canonical(host.to_str().map_err(|_| BadRequest::Host)?, Some(host)),
        (None, Some(authority)) if request.version() == Version::HTTP_2 => canonical(authority, None),
        (None, _) => Err(BadRequest::Host),
    }
}

/// The host that `text` names; `sent` is the same text as a header, kept where it is canonical.
pub(super) fn canonical<'a>(text: &'a str, sent: Option<&HeaderValue>) -> Result<Named<'a>, BadRequest> {
    let (name, port) = split(text).ok_or(BadRequest::Host)?;
    let as_it_is = text.strip_prefix(&*name).is_some_and(|rest| !rest.starts_with('.'));
    let sent = match sent.filter(|_| as_it_is) {
        Some(sent) => sent.clone(),
        None => HeaderValue::try_from(host::join(&name, port)).map_err(|_| BadRequest::Host)?,
    };
    Ok(Named { name, port, sent })
}

/// Whether a request asks to become a WebSocket over HTTP/2 (RFC 8441, section 5).
pub(super) fn is_websocket_over_http2<B>(request: &Request<B>) -> bool {
    let protocol = request.extensions().get::<Protocol>();
    request.method() == Method::CONNECT && protocol.is_some_and(|protocol| protocol.as_str() == "websocket")
}

/// The path and query of `uri` alone, as an app is asked for them (RFC 9112, section 3.2.1).
pub(super) fn origin_form(uri: Uri) -> Uri {
    let origin = uri.into_parts().path_and_query.map_or_else(Uri::default, Uri::from);
    // Of `http://host#x` nothing is left: a fragment is dropped where it is read.
    if origin.path().is_empty() { Uri::default() } else { origin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::testing::check;
    use serde_json::json;

    fn app(name: &str, host: &str, routes: serde_json::Value) -> Arc<App> {
        let settings = json!({ "host": host, "upstream": "http://127.0.0.1:1", "routes": routes });
        Arc::new(check(serde_json::from_value(settings).unwrap(), name).unwrap())
    }

    fn routes() -> Routes {
        let apps = [
            app("wiki", "Wiki.example.com.", json!({ "/admin": { "roles": ["editor"] } })),
            app("notes", "notes.example.com", json!({})),
            app("beta", "notes.example.com:8443", json!({})),
            app("pages", "*.pages.example.com", json!({})),
            app("front", "front.pages.example.com", json!({})),
        ];
        Routes::new("https://access.example.com".parse().unwrap(), apps).unwrap()
    }

    fn request(target: &str, hosts: &[&str]) -> Option<Request<()>> {
        let mut request = Request::new(());
        *request.uri_mut() = target.parse().ok()?;
        for host in hosts {
            request.headers_mut().append(header::HOST, HeaderValue::try_from(*host).unwrap());
        }
        Some(request)
    }

    fn find(target: &str, hosts: &[&str]) -> Result<Option<Asked>, BadRequest> {
        routes().find(&request(target, hosts).ok_or(BadRequest::Path)?)
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
            ("A.Pages.example.com.", "pages"),
            ("front.pages.example.com:8443", "front"),
            ("a.b.pages.example.com", "nothing"),
            ("pages.example.com", "nothing"),
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
        let mut connect = request("wiki.example.com:443", &["wiki.example.com"]).unwrap();
        *connect.method_mut() = Method::CONNECT;
        assert_eq!(routes().find(&connect).unwrap_err(), BadRequest::Connect);
    }

    #[test]
    fn over_http2_the_authority_names_the_host() {
        let find = |target: &str, hosts: &[&str]| {
            let mut request = request(target, hosts).unwrap();
            *request.version_mut() = Version::HTTP_2;
            routes().find(&request).map(|found| found.map(|asked| asked.host))
        };
        let host = |host| Ok(Some(HeaderValue::from_static(host)));
        assert_eq!(find("https://WIKI.example.com./x", &[]), host("wiki.example.com"));
        assert_eq!(find("https://wiki.example.com/x", &["Wiki.example.com"]), host("wiki.example.com"));
        assert_eq!(find("https://wiki.example.com/x", &["notes.example.com"]), Err(BadRequest::Target));
        assert_eq!(find("/x", &[]), Err(BadRequest::Host));
        assert_eq!(find("/x", &["wiki.example.com"]), host("wiki.example.com"));
        let mut socket = request("https://wiki.example.com/live", &[]).unwrap();
        *socket.method_mut() = Method::CONNECT;
        *socket.version_mut() = Version::HTTP_2;
        assert_eq!(routes().find(&socket).unwrap_err(), BadRequest::Connect);
        socket.extensions_mut().insert(Protocol::from_static("connect-udp"));
        assert_eq!(routes().find(&socket).unwrap_err(), BadRequest::Connect);
        socket.extensions_mut().insert(Protocol::from_static("websocket"));
        assert!(routes().find(&socket).unwrap().is_some());
    }

    #[test]
    fn a_session_is_bound_to_the_host_that_was_asked_for() {
        let bound = |host: &str| find("/", &[host]).unwrap().unwrap().bound.to_string();
        assert_eq!(bound("Wiki.example.com.:8443"), "wiki.example.com");
        assert_eq!(bound("A.pages.example.com"), "a.pages.example.com");
        assert_eq!(bound("notes.example.com:8443"), "notes.example.com:8443");
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
