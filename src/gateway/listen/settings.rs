//! What the configuration says of how clients come in and go.

use crate::document::{Either, OneOrMore};
use crate::span::Span;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// `listen`: one address, or several, each perhaps with more to say.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "OneOrMore<Either<Address, Entry>>")]
pub struct Listen(pub Vec<Entry>);

/// One address of `listen`: the address alone, or `{ at: ADDRESS, .. }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", remote = "Self")]
pub struct Entry {
    /// Where.
    pub at: Address,
    /// Whether it speaks TLS; unless said, it does where certificates are configured.
    pub tls: Option<bool>,
    /// Whether a PROXY protocol header comes before anything else.
    #[serde(default)]
    pub proxy_protocol: bool,
    /// Whether it is for other proxies that ask what we would do with a request, and for nothing else.
    #[serde(default)]
    pub forward_auth: bool,
}

/// Where we listen.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub enum Address {
    /// A TCP address and port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// `tls`: certificates to show, and whose certificates clients may show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct TlsFiles {
    /// The first is for clients that name no host of ours.
    pub certificates: Vec<CertificateFiles>,
    /// Issues the certificates of clients.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// Every file that is named.
    pub fn all(&self) -> impl Iterator<Item = &Path> {
        let pairs = self.certificates.iter().flat_map(|files| [&files.certificate, &files.key]);
        pairs.chain(&self.client_ca).map(PathBuf::as_path)
    }
}

/// A certificate with its chain, and its key; both PEM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The chain, our own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// `connections`: how many clients at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Connections {
    /// How many connections of clients may be open; as many as the descriptor limit allows unless said.
    pub most: Option<NonZeroUsize>,
}

/// `shutdown`: how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Shutdown {
    /// How long to go on accepting on SIGTERM, while already saying that we are not ready.
    pub announce: Pause,
    /// How long requests may then take to finish.
    pub finish: Pause,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { announce: Pause(Duration::from_secs(5)), finish: Pause(Duration::from_secs(10)) }
    }
}

/// A length of time that may also be none: `0s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^([0-9]+[dhms])+$"))]
pub struct Pause(pub Duration);

impl TryFrom<String> for Pause {
    type Error = <Span as FromStr>::Err;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "0s" {
            return Ok(Self(Duration::ZERO));
        }
        Ok(Self(text.parse::<Span>()?.length().unsigned_abs()))
    }
}

/// A text that is no address to listen on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not an address to listen on: write 0.0.0.0:8443, [::]:8443 or unix:/run/guestpass/http.sock"
)]
pub struct NotAnAddress(String);

impl Address {
    /// The same, with a relative path taken from `folder`.
    #[must_use]
    pub fn below(self, folder: &Path) -> Self {
        match self {
            Self::Unix(path) => Self::Unix(folder.join(path)),
            tcp @ Self::Tcp(_) => tcp,
        }
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        match text.strip_prefix("unix:") {
            Some("") => Err(NotAnAddress(text.to_owned())),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| NotAnAddress(text.to_owned())),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl From<Address> for Entry {
    fn from(at: Address) -> Self {
        Self { at, tls: None, proxy_protocol: false, forward_auth: false }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self(vec![Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))).into()])
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListenVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, or `{ at: ADDRESS, tls: .., proxy-protocol: .., forward-auth: .. }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Entry, E> {
        text.parse::<Address>().map(Entry::from).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
        Entry::deserialize(MapAccessDeserializer::new(map))
    }
}

struct ListenVisitor;

impl<'de> Visitor<'de> for ListenVisitor {
    type Value = Listen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, or a list of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Listen, E> {
        Ok(Listen(vec![EntryVisitor.visit_str(text)?]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listen, A::Error> {
        Ok(Listen(vec![EntryVisitor.visit_map(map)?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Listen, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            entries.push(entry);
        }
        match entries.is_empty() {
            true => Err(de::Error::custom("nobody could connect: name an address")),
            false => Ok(Listen(entries)),
        }
    }
}

/// `tls` as it is written: one certificate in short, or a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    /// The chain, our own certificate first: a file, PEM.
    certificate: Option<PathBuf>,
    /// The private key: a file, PEM.
    key: Option<PathBuf>,
    /// Several certificates; the first is for clients that name no host of ours.
    #[serde(default)]
    certificates: Vec<CertificateFiles>,
    /// The authorities that issue the certificates of clients: a file, PEM.
    client_ca: Option<PathBuf>,
}

impl TryFrom<Written> for TlsFiles {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let Written { certificate, key, certificates, client_ca } = written;
        let certificates = match (certificate, key, certificates) {
            (Some(certificate), Some(key), list) if list.is_empty() => {
                vec![CertificateFiles { certificate, key }]
            }
            (None, None, list) if !list.is_empty() => list,
            (None, None, _) => return Err("no certificate is named: write `certificate` and `key`"),
            (_, _, list) if list.is_empty() => return Err("`certificate` and `key` go together"),
            _ => return Err("name one certificate, or a list of `certificates`, not both"),
        };
        Ok(Self { certificates, client_ca })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn listen(value: Value) -> Result<Vec<Entry>, String> {
        serde_json::from_value::<Listen>(value).map(|listen| listen.0).map_err(|error| error.to_string())
    }

    #[test]
    fn one_address_or_several_each_with_more_to_say() {
        let plain = |text: &str| Entry::from(text.parse::<Address>().unwrap());
        assert_eq!(listen(json!("[::]:8443")), Ok(vec![plain("[::]:8443")]));
        let written =
            json!(["unix:/run/http.sock", { "at": "0.0.0.0:80", "tls": false, "proxy-protocol": true }]);
        let proxied = Entry { tls: Some(false), proxy_protocol: true, ..plain("0.0.0.0:80") };
        assert_eq!(listen(written), Ok(vec![plain("unix:/run/http.sock"), proxied]));
        assert_eq!(listen(json!({ "at": "0.0.0.0:80" })), Ok(vec![plain("0.0.0.0:80")]));
        for wrong in [json!("localhost:80"), json!("unix:"), json!(":80"), json!([]), json!(80), json!({})] {
            assert!(listen(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(listen(json!({ "at": "[::]:1", "proxy": true })).unwrap_err().contains("unknown field"));
        assert_eq!(plain("unix:http.sock").at.below(Path::new("/run")).to_string(), "unix:/run/http.sock");
    }

    #[test]
    fn certificates_are_one_or_a_list() {
        let tls = |value: Value| serde_json::from_value::<TlsFiles>(value).map_err(|error| error.to_string());
        let pair = |name: &str| json!({ "certificate": format!("{name}.crt"), "key": format!("{name}.key") });
        assert_eq!(tls(pair("a")).unwrap(), tls(json!({ "certificates": [pair("a")] })).unwrap());
        let both = tls(json!({ "certificates": [pair("a"), pair("b")], "client-ca": "ca.pem" })).unwrap();
        assert_eq!((both.certificates.len(), both.client_ca), (2, Some("ca.pem".into())));
        for (wrong, words) in [
            (json!({}), "no certificate is named"),
            (json!({ "client-ca": "ca.pem" }), "no certificate is named"),
            (json!({ "key": "a.key" }), "go together"),
            (json!({ "certificate": "a", "key": "b", "certificates": [pair("a")] }), "not both"),
        ] {
            assert!(tls(wrong.clone()).unwrap_err().contains(words), "{wrong}");
        }
    }

    #[test]
    fn no_pause_is_a_pause() {
        let pause = |text: &str| Pause::try_from(text.to_owned()).map(|pause| pause.0);
        assert_eq!(pause("0s"), Ok(Duration::ZERO));
        assert_eq!(pause("1m30s"), Ok(Duration::from_secs(90)));
        assert!(pause("0").is_err() && pause("-1s").is_err());
    }
}
