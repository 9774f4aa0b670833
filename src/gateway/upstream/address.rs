//! One address of an app, as it is written: `http://host[:port]`, `https://..`, `h2c://..`, `unix:/path`.

use std::fmt;
use std::path::{Path, PathBuf};
use url::Url;

/// Where connections go.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Address {
    /// A host name or address, and a TCP port.
    Tcp { host: String, port: u16 },
    /// A socket in the file system.
    Unix(PathBuf),
}

/// An address, and what its scheme says about how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) address: Address,
    pub(super) tls: bool,
    /// HTTP/2 without TLS and without asking (RFC 9113, section 3.3).
    pub(super) h2c: bool,
}

impl Written {
    /// Reads `text`; a relative path of a socket begins at `folder`.
    ///
    /// # Errors
    /// In words: a path, a query or a password is a mistake, too, since none of it would be used.
    pub(super) fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let wrong =
            || format!("\"{text}\" is not http://host[:port], https://.., h2c://host:port or unix:/path");
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() || path.starts_with("//") {
                return Err(wrong());
            }
            return Ok(Self { address: Address::Unix(folder.join(path)), tls: false, h2c: false });
        }
        let url = Url::parse(text).map_err(|_| wrong())?;
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let anonymous = url.username().is_empty() && url.password().is_none();
        let (tls, h2c) = match url.scheme() {
            "http" => (false, false),
            "https" => (true, false),
            "h2c" => (false, true),
            _ => return Err(wrong()),
        };
        match (url.host_str(), url.port_or_known_default().or(h2c.then_some(80))) {
            (Some(host), Some(port)) if bare && anonymous && !host.is_empty() => {
                let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                Ok(Self { address: Address::Tcp { host, port }, tls, h2c })
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_or_a_socket_and_nothing_more() {
        let read = |text: &str| Written::parse(text, Path::new("/etc/guestpass")).ok();
        let said = |text: &str| {
            read(text).map(|written| (written.address.to_string(), written.tls, written.h2c)).unwrap()
        };
        assert_eq!(said("http://wiki.internal:8080"), ("wiki.internal:8080".to_owned(), false, false));
        assert_eq!(said("http://wiki/"), ("wiki:80".to_owned(), false, false));
        assert_eq!(said("https://[::1]"), ("[::1]:443".to_owned(), true, false));
        assert_eq!(said("h2c://127.0.0.1:50051"), ("127.0.0.1:50051".to_owned(), false, true));
        assert_eq!(said("unix:/run/wiki.sock"), ("unix:/run/wiki.sock".to_owned(), false, false));
        assert_eq!(said("unix:wiki.sock").0, "unix:/etc/guestpass/wiki.sock");
        for bad in [
            "",
            "wiki",
            "wiki:80",
            "ftp://wiki",
            "http://wiki/path",
            "http://wiki?x",
            "http://u@wiki",
            "https://u:p@wiki",
            "http://",
            "h2c://",
            "h2c://wiki/x",
            "unix:",
            "unix://run/x",
            "http://wiki:99999",
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
