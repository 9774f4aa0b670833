//! When certificates are good, by their own dates.

use jiff::Timestamp;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use std::time::Duration;

/// When the first certificate of `pem` ends, where that can be told.
pub fn ends_of(pem: &[u8]) -> Option<Timestamp> {
    ends(&CertificateDer::from_pem_slice(pem).ok()?)
}

/// When a certificate ends, where that can be told: what would be said of it at the end of all days.
pub fn ends(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    match judged(certificate, Timestamp::MAX)? {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => moment(not_after),
        _ => None,
    }
}

/// Whether a certificate has expired or is not valid yet, in words.
pub fn untimely(certificate: &CertificateDer<'_>, now: Timestamp) -> Option<String> {
    match judged(certificate, now)? {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            Some(format!("expired on {}", shown(not_after)))
        }
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => {
            Some(format!("is not valid before {}", shown(not_before)))
        }
        _ => None,
    }
}

/// What is wrong with a certificate `at` a moment, its dates before anything else.
fn judged(certificate: &CertificateDer<'_>, at: Timestamp) -> Option<Error> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let since = Duration::from_secs(at.as_second().try_into().ok()?);
    // The dates are judged before anything else, so there is no need to trust anybody to ask for them.
    let judged = verify_server_cert_signed_by_trust_anchor(
        &parsed,
        &RootCertStore::empty(),
        &[],
        UnixTime::since_unix_epoch(since),
        &[],
    );
    judged.err()
}

fn moment(time: UnixTime) -> Option<Timestamp> {
    i64::try_from(time.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
}

fn shown(time: UnixTime) -> String {
    moment(time).map_or_else(|| "a day out of range".to_owned(), |moment| moment.to_string())
}
