//! Hosts as people type them, as browsers send them and as operators write them, and the one spelling of each.

use schemars::JsonSchema;
use serde::Deserialize;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

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

    /// The port, where one is named.
    pub fn port(&self) -> Option<u16> {
        self.port
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
        Ok(Self { name_ends: name.len(), port, text: join(&name, port) })
    }
}

/// The canonical host name and the port of `host[:port]`. Copies only where the name was not canonical.
pub fn split(text: &str) -> Option<(Cow<'_, str>, Option<u16>)> {
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

/// A canonical name and a port as one text.
pub fn join(name: &str, port: Option<u16>) -> String {
    port.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// A host as an operator writes it: `wiki.example.com`, or `*.example.com` for every host that is one label longer.
/// A port is compared only where one is named.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Pattern {
    host: Host,
    wildcard: bool,
}

impl Pattern {
    /// The host itself; without the `*.` where this is a wildcard.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Whether it stands for every host that is one label longer.
    pub fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// Whether `host`, as a session is bound to it, is one of these: with the port where the pattern names one, and
    /// without where it does not.
    pub fn covers(&self, host: &str) -> bool {
        let Some((name, port)) = split(host) else { return false };
        let above = if self.wildcard { name.split_once('.').map(|(_, above)| above) } else { Some(&*name) };
        above == Some(self.host.name()) && port == self.host.port && join(&name, port) == host
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.wildcard { "*." } else { "" }, self.host)
    }
}

impl FromStr for Pattern {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        match text.strip_prefix("*.") {
            // Every host below `com` is nobody's to claim.
            Some(above) => match above.parse::<Host>() {
                Ok(host) if host.name().contains('.') || host.name() == "localhost" => {
                    Ok(Self { host, wildcard: true })
                }
                _ => Err(NotAHost(text.to_owned())),
            },
            None => Ok(Self { host: text.parse()?, wildcard: false }),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = NotAHost;

    fn try_from(text: String) -> Result<Self, NotAHost> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_its_host_or_those_one_label_below() {
        let covers = |pattern: &str, host: &str| pattern.parse::<Pattern>().unwrap().covers(host);
        assert!(covers("Wiki.example.com.", "wiki.example.com"));
        assert!(covers("*.example.com", "a.example.com"));
        assert!(covers("*.example.com:8443", "a.example.com:8443"));
        for (pattern, host) in [
            ("wiki.example.com", "wiki.example.com:8443"),
            ("wiki.example.com", "wiki.example.com."),
            ("wiki.example.com", "WIKI.example.com"),
            ("wiki.example.com", "a.wiki.example.com"),
            ("*.example.com", "example.com"),
            ("*.example.com", "a.b.example.com"),
            ("*.example.com", ".example.com"),
            ("*.example.com:8443", "a.example.com"),
            ("*.example.com", "evil.com/a.example.com"),
        ] {
            assert!(!covers(pattern, host), "{pattern} {host}");
        }
        for text in ["*", "*.", "*.com", "*.*.com", "a.*.example.com", "wiki example", ""] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
        assert_eq!("*.Example.com".parse::<Pattern>().unwrap().to_string(), "*.example.com");
    }
}
