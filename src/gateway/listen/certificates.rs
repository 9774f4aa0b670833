//! Certificates by the host that a client asks for.

use super::settings::CertificateFiles;
use crate::certificate::{ends, untimely};
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A certificate that clients are shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The file that it is in, as the configuration names it.
    pub file: String,
    /// When it ends, where that can be told.
    pub ends: Option<Timestamp>,
    names: Vec<String>,
}

impl Shown {
    /// Whether it is for this host.
    pub fn is_for(&self, host: &str) -> bool {
        let beside = host.find('.').map(|dot| &host[dot..]);
        self.names.iter().any(|name| name == host || Some(name.as_str()) == beside)
    }
}

/// A certificate with its key, as read.
pub(super) struct Certificate {
    pub(super) shown: Shown,
    key: Arc<CertifiedKey>,
    /// What an operator should know of it.
    pub(super) warning: Option<String>,
}

impl Certificate {
    /// Reads a certificate, its chain and its key.
    ///
    /// # Errors
    /// When a file cannot be read, is not PEM of its kind, or the key is another certificate's.
    pub(super) fn read(
        files: &CertificateFiles,
        folder: &Path,
        provider: &CryptoProvider,
        now: Timestamp,
    ) -> Result<Self, String> {
        let (path, key_path) = (folder.join(&files.certificate), folder.join(&files.key));
        let shown = path.display();
        let chain = chain(&path)?;
        let key = fs::read(&key_path).map_err(|error| unreadable(&key_path, &error))?;
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|_| format!("{} holds no private key as PEM", key_path.display()))?;
        let leaf = chain[0].clone();
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                format!("{} is not the key of {shown}", key_path.display())
            }
            error => format!("{shown} and its key cannot be used: {error}"),
        })?;
        let names = names(&leaf).map_err(|error| format!("{shown} is no certificate: {error}"))?;
        let warning = match untimely(&leaf, now) {
            Some(why) => Some(format!("{shown} {why}")),
            None if names.is_empty() => Some(format!("{shown} is for no host name")),
            None => None,
        };
        // `*.` became `.`, which no name begins with.
        let file = files.certificate.display().to_string();
        let shown = Shown { file, ends: ends(&leaf), names };
        Ok(Self { shown, key: key.into(), warning })
    }
}

/// The certificates of a PEM file, at least one.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| format!("{} is not PEM: {error}", path.display()))?;
    if chain.is_empty() { Err(format!("{} holds no certificate as PEM", path.display())) } else { Ok(chain) }
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be read: {error}", path.display())
}

/// The DNS names among the subject's alternative names; the common name counts nowhere any more.
fn names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, webpki::Error> {
    let parsed = webpki::EndEntityCert::try_from(certificate)?;
    let key = |name: &str| name.strip_prefix('*').unwrap_or(name).to_ascii_lowercase();
    Ok(parsed.valid_dns_names().map(key).collect())
}

/// Which certificate is for whom.
#[derive(Debug)]
pub(super) struct Certificates {
    first: Arc<CertifiedKey>,
    named: HashMap<String, Arc<CertifiedKey>>,
}

impl Certificates {
    /// `None` without any certificate. Where two are for one name, the earlier one is shown.
    pub(super) fn new(certificates: Vec<Certificate>) -> Option<Self> {
        let first = certificates.first()?.key.clone();
        let mut named = HashMap::new();
        for Certificate { key, shown, .. } in certificates {
            for name in shown.names {
                named.entry(name).or_insert_with(|| key.clone());
            }
        }
        Some(Self { first, named })
    }

    /// The one for exactly this host, else for all names beside it (RFC 9525, section 6.3), else the first.
    fn of(&self, host: &str) -> &Arc<CertifiedKey> {
        let exact = self.named.get(host);
        let beside = || self.named.get(&host[host.find('.')?..]);
        exact.or_else(beside).unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = match hello.server_name() {
            Some(name) => self.of(&canonical(name)),
            None => &self.first,
        };
        Some(key.clone())
    }
}

/// A server name as hosts are compared: lower case, without a dot at the end.
pub(super) fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
