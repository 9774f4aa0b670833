//! TLS for clients, by rustls: versions 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, sessions resumed by tickets. Early
//! data is refused: it can be replayed by whoever saw it, and a request here may change something.
//!
//! A session that is resumed keeps the server name and the client's certificate of the handshake that began it, and
//! tickets are good for the settings that issued them alone: what was reloaded is asked for anew.

use super::certificates::{Certificate, Certificates, Shown, canonical, chain};
use super::peer::Secured;
use super::settings::TlsFiles;
use super::stream::Socket;
use crate::gateway::settings::Mistake;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The protocol that HTTP/2 has in ALPN (RFC 9113, section 3.2).
pub(super) const HTTP_2: &[u8] = b"h2";

/// How we speak TLS; it may be replaced while connections go on.
pub struct Tls {
    current: ArcSwap<ServerConfig>,
    /// The certificates that it shows.
    shown: ArcSwap<Vec<Shown>>,
}

impl Tls {
    /// Reads certificates and keys; relative paths are taken from `folder`. With it comes what an operator should
    /// know: certificates that are not valid `now`, or for no host.
    ///
    /// # Errors
    /// Every file that cannot be read or is not what it should be, and each key that fits another certificate.
    pub fn load(
        files: &TlsFiles,
        folder: &Path,
        now: Timestamp,
    ) -> Result<(Self, Vec<Mistake>), Vec<Mistake>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let note = |at: &[&str], message: String| Mistake {
            at: at.iter().map(|&key| key.to_owned()).collect(),
            message,
        };
        let (mut mistakes, mut warnings, mut certificates) = (Vec::new(), Vec::new(), Vec::new());
        for files in &files.certificates {
            match Certificate::read(files, folder, &provider, now) {
                Ok(mut certificate) => {
                    warnings.extend(certificate.warning.take().map(|warning| note(&["tls"], warning)));
                    certificates.push(certificate);
                }
                Err(message) => mistakes.push(note(&["tls"], message)),
            }
        }
        let clients: Arc<dyn ClientCertVerifier> = match &files.client_ca {
            Some(path) => verifier(&folder.join(path), &provider).unwrap_or_else(|message| {
                mistakes.push(note(&["tls", "client-ca"], message));
                Arc::new(NoClientAuth)
            }),
            None => Arc::new(NoClientAuth),
        };
        let shown = certificates.iter().map(|certificate| certificate.shown.clone()).collect();
        let (Some(certificates), true) = (Certificates::new(certificates), mistakes.is_empty()) else {
            return Err(mistakes);
        };
        match config(certificates, clients, provider) {
            Ok(config) => {
                let (current, shown) = (ArcSwap::from_pointee(config), ArcSwap::from_pointee(shown));
                Ok((Self { current, shown }, warnings))
            }
            Err(error) => Err(vec![note(&["tls"], format!("TLS cannot be set up: {error}"))]),
        }
    }

    /// The certificates that clients are shown.
    pub fn shown(&self) -> Vec<Shown> {
        self.shown.load().to_vec()
    }

    /// Handshakes from now on are as `newer` says. What is open goes on.
    pub fn replace(&self, newer: &Self) {
        self.current.store(newer.current.load_full());
        self.shown.store(newer.shown.load_full());
    }

    /// The handshake of one client.
    pub(super) async fn accept(&self, socket: Socket) -> io::Result<TlsStream<Socket>> {
        TlsAcceptor::from(self.current.load_full()).accept(socket).await
    }
}

/// Clients may show a certificate; one that the CA at `path` did not issue ends the handshake.
fn verifier(path: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    let unusable = |error: String| format!("{} cannot be used: {error}", path.display());
    for certificate in chain(path)? {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    verifier.allow_unauthenticated().build().map_err(|error| unusable(error.to_string()))
}

fn config(
    certificates: Certificates,
    clients: Arc<dyn ClientCertVerifier>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(certificates));
    config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

/// What the handshake of `stream` told.
pub(super) fn told(stream: &TlsStream<Socket>) -> Secured {
    let (_, connection) = stream.get_ref();
    Secured {
        server_name: connection.server_name().map(|name| canonical(name).into()),
        client_certificate: connection.peer_certificates().is_some(),
    }
}
