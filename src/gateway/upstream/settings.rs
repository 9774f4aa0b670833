//! What a configuration says of where an app really is: one address in most cases; several, one of which
//! answers each request; or a mapping that says more.

use super::timeouts::length;
use crate::document::{Either, OneOrMore};
use crate::span::Span;
use http::StatusCode;
use http::uri::PathAndQuery;
use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `upstream:` as it is written.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(with = "Either<OneOrMore<String>, Full>", rename = "Upstream")]
pub struct Settings {
    pub(super) full: Full,
    /// Whether the addresses are below the key `at`.
    pub(super) is_mapping: bool,
}

/// All that may be said.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Full {
    /// Where it is.
    #[schemars(with = "OneOrMore<String>")]
    pub(super) at: At,
    /// What is spoken there. Unless said: HTTP/1.1, and over TLS what the app prefers.
    pub(super) protocol: Option<Protocol>,
    /// A file with the certificates of the only authorities that are believed, in PEM; the system's unless said.
    pub(super) ca: Option<PathBuf>,
    /// A file with the certificate that we show, and those that vouch for it, in PEM.
    pub(super) certificate: Option<PathBuf>,
    /// A file with the key of that certificate, in PEM.
    pub(super) key: Option<PathBuf>,
    /// Whom the app's certificate must name; the host of the address unless said.
    pub(super) server_name: Option<String>,
    /// How it is found out whether the app is well; only by its answers unless said.
    pub(super) health: Option<Checks>,
}

/// One address, or several.
#[derive(Debug, Clone)]
pub(super) enum At {
    One(String),
    Several(Vec<String>),
}

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    H2,
}

/// A request that is sent again and again, and its answer if all is well.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Checks {
    /// What is asked for, by GET.
    #[serde(deserialize_with = "path")]
    #[schemars(with = "String")]
    pub(super) path: PathAndQuery,
    /// How often.
    #[serde(default = "every", deserialize_with = "duration")]
    #[schemars(with = "Option<Span>")]
    pub(super) every: Duration,
    /// How long connection and answer may take.
    #[serde(default = "timeout", deserialize_with = "duration")]
    #[schemars(with = "Option<Span>")]
    pub(super) timeout: Duration,
    /// The one status that says so.
    #[serde(default, deserialize_with = "status")]
    #[schemars(with = "Option<u16>", range(min = 200, max = 599))]
    pub(super) status: StatusCode,
}

fn every() -> Duration {
    Duration::from_secs(5)
}

fn timeout() -> Duration {
    Duration::from_secs(2)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Span::deserialize(deserializer).map(length)
}

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathAndQuery, D::Error> {
    let text = String::deserialize(deserializer)?;
    let path = text.parse().ok().filter(|_| text.starts_with('/'));
    path.ok_or_else(|| D::Error::custom(format!("\"{text}\" is not a path: begin with \"/\"")))
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    let number = u16::deserialize(deserializer)?;
    let status = StatusCode::from_u16(number).ok().filter(|_| (200..600).contains(&number));
    status.ok_or_else(|| D::Error::custom(format!("{number} is not the status of an answer: 200 to 599")))
}

impl At {
    /// The addresses, in order.
    pub(super) fn all(&self) -> &[String] {
        match self {
            Self::One(address) => std::slice::from_ref(address),
            Self::Several(addresses) => addresses,
        }
    }
}

impl Settings {
    /// Every file that is named.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let Full { ca, certificate, key, .. } = &self.full;
        [ca, certificate, key].into_iter().flatten().map(PathBuf::as_path)
    }

    /// The keys that lead to the address of this number.
    pub(super) fn place(&self, number: usize) -> Vec<String> {
        let mut place = if self.is_mapping { vec!["at".to_owned()] } else { Vec::new() };
        if matches!(self.full.at, At::Several(_)) {
            place.push(number.to_string());
        }
        place
    }
}

impl From<At> for Settings {
    fn from(at: At) -> Self {
        let full = Full {
            at,
            protocol: None,
            ca: None,
            certificate: None,
            key: None,
            server_name: None,
            health: None,
        };
        Self { full, is_mapping: false }
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AtVisitor)
    }
}

struct AtVisitor;

impl<'de> Visitor<'de> for AtVisitor {
    type Value = At;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address or a list of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<At, E> {
        Ok(At::One(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<At, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(list)).map(At::Several)
    }
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SettingsVisitor)
    }
}

struct SettingsVisitor;

impl<'de> Visitor<'de> for SettingsVisitor {
    type Value = Settings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address, a list of them, or `{ at: [..], .. }`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Settings, E> {
        AtVisitor.visit_str(text).map(Settings::from)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Settings, A::Error> {
        AtVisitor.visit_seq(list).map(Settings::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Settings, A::Error> {
        let full = Full::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Settings { full, is_mapping: true })
    }
}
