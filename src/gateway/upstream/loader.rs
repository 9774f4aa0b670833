//! From what a configuration says to an upstream that requests can be sent to, or every mistake in it.

use super::Upstream;
use super::address::{Address, Written};
use super::connect::Peer;
use super::endpoint::Spec;
use super::registry::Registry;
use super::settings::{Full, Protocol, Settings};
use super::tls::{Files, Tls};
use crate::gateway::settings::Mistake;
use rustls::pki_types::ServerName;
use std::path::Path;

/// How many endpoints an upstream may have.
const ENDPOINTS: usize = 64;

/// What upstreams are made with.
#[derive(Clone, Copy)]
pub struct Loader<'a> {
    /// The folder that relative paths begin at.
    pub folder: &'a Path,
    /// How many workers there are.
    pub lanes: usize,
    /// The endpoints that there are already.
    pub registry: &'a Registry,
}

/// Mistakes as they are found, with the keys that lead to them from `upstream`.
#[derive(Default)]
struct Found(Vec<Mistake>);

impl Found {
    fn note(&mut self, at: Vec<String>, message: impl Into<String>) {
        self.0.push(Mistake { at, message: message.into() });
    }

    fn note_at(&mut self, key: &str, message: impl Into<String>) {
        self.note(vec![key.to_owned()], message);
    }
}

impl Loader<'_> {
    /// The upstream that `settings` describe. Files are read now; nothing is connected to.
    ///
    /// # Errors
    /// Every mistake, with the keys that lead to it from `upstream`.
    pub fn load(&self, settings: &Settings) -> Result<Upstream, Vec<Mistake>> {
        let mut found = Found::default();
        let full = &settings.full;
        let written = self.addresses(settings, &mut found);
        let any_tls = written.iter().any(|written| written.tls);
        let tls = if any_tls { self.tls(full, &mut found) } else { no_tls(full, &mut found) };
        let name = full.server_name.as_deref();
        if any_tls && let Some(name) = name.filter(|name| ServerName::try_from(*name).is_err()) {
            found.note_at("server-name", format!("\"{name}\" is not the name of a host"));
        }
        let mut endpoints = Vec::new();
        for written in written {
            let protocol = match (full.protocol, written.h2c, written.tls) {
                (Some(Protocol::Http1), true, _) => {
                    found.note_at(
                        "protocol",
                        "\"http1\" and an address that begins with \"h2c:\" exclude each other",
                    );
                    continue;
                }
                (_, true, _) => Some(Protocol::H2),
                (None, _, false) => Some(Protocol::Http1),
                (said, ..) => said,
            };
            let tls = match &tls {
                Some(tls) if written.tls => match server_name(name, &written.address) {
                    Some(name) => Some((tls.clone(), name)),
                    None => continue,
                },
                None if written.tls => continue,
                _ => None,
            };
            let print = tls.as_ref().map(|(tls, name)| (tls.print, name.to_str().into_owned()));
            let spec = Spec {
                address: written.address,
                protocol,
                tls: print,
                checks: full.health.clone(),
                lanes: self.lanes,
            };
            endpoints.push((spec, tls));
        }
        if !found.0.is_empty() {
            return Err(found.0);
        }
        let endpoint = |(spec, tls): (Spec, Option<_>)| {
            self.registry.endpoint(spec, |spec| Peer {
                address: spec.address.clone(),
                tls,
                protocol: spec.protocol,
            })
        };
        Ok(Upstream::new(endpoints.into_iter().map(endpoint).collect()))
    }

    fn addresses(&self, settings: &Settings, found: &mut Found) -> Vec<Written> {
        let all = settings.full.at.all();
        let whole = || if settings.is_mapping { vec!["at".to_owned()] } else { Vec::new() };
        if all.is_empty() {
            found.note(whole(), "names no address");
        }
        if all.len() > ENDPOINTS {
            found.note(whole(), format!("names {} addresses; there may be {ENDPOINTS}", all.len()));
        }
        let mut addresses: Vec<Written> = Vec::new();
        for (number, text) in all.iter().enumerate() {
            match Written::parse(text, self.folder) {
                Ok(written) if addresses.contains(&written) => {
                    found.note(settings.place(number), format!("\"{text}\" stands here twice"));
                }
                Ok(written) => addresses.push(written),
                Err(message) => found.note(settings.place(number), message),
            }
        }
        addresses
    }

    fn tls(&self, full: &Full, found: &mut Found) -> Option<Tls> {
        let before = found.0.len();
        let mut files = Files { ca: self.read("ca", full.ca.as_deref(), found), identity: None };
        let certificate = self.read("certificate", full.certificate.as_deref(), found);
        let key = self.read("key", full.key.as_deref(), found);
        match (&full.certificate, &full.key) {
            (Some(_), None) => {
                found.note_at("certificate", "a certificate needs its key: name its file by `key`")
            }
            (None, Some(_)) => {
                found.note_at("key", "a key needs its certificate: name its file by `certificate`")
            }
            _ => files.identity = certificate.zip(key),
        }
        if found.0.len() > before {
            return None;
        }
        Tls::new(&files, full.protocol).map_err(|(key, message)| found.note_at(key, message)).ok()
    }

    fn read(&self, setting: &str, path: Option<&Path>, found: &mut Found) -> Option<Vec<u8>> {
        let path = self.folder.join(path?);
        std::fs::read(&path)
            .map_err(|error| found.note_at(setting, format!("{} cannot be read: {error}", path.display())))
            .ok()
    }
}

/// What concerns TLS where there is none is a mistake: somebody believes to be safe.
fn no_tls(full: &Full, found: &mut Found) -> Option<Tls> {
    let said = [
        ("ca", full.ca.is_some()),
        ("certificate", full.certificate.is_some()),
        ("key", full.key.is_some()),
        ("server-name", full.server_name.is_some()),
    ];
    for (key, _) in said.iter().filter(|(_, is_said)| *is_said) {
        found.note_at(key, format!("\"{key}\" is for https, and no address begins with that"));
    }
    None
}

fn server_name(said: Option<&str>, address: &Address) -> Option<ServerName<'static>> {
    let host = match address {
        Address::Tcp { host, .. } => host,
        Address::Unix(_) => return None,
    };
    ServerName::try_from(said.unwrap_or(host).to_owned()).ok()
}
