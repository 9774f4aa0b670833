//! TLS to an app: whom we believe, what we show, and which protocol is agreed on.

use super::settings::Protocol;
use crate::certificate::ends_of;
use crate::seal::sha256;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What HTTP/2 and HTTP/1.1 are called in ALPN (RFC 9113, section 3.2; RFC 7301, section 6).
const H2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// The files of an upstream, as they were read. No path: what a file says may change, and that counts.
#[derive(Default)]
pub(super) struct Files {
    pub(super) ca: Option<Vec<u8>>,
    /// A certificate and its key.
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// How to speak TLS with the endpoints of one upstream.
#[derive(Clone)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    /// For what HTTP/2 cannot carry: `Upgrade` (RFC 9113, section 8.6).
    only_http1: Arc<ClientConfig>,
    /// Stands for the files. Two of the same print are interchangeable.
    pub(super) print: [u8; 32],
    /// When the certificate ends that we show, if any.
    pub(super) ends: Option<Timestamp>,
}

/// A file that does not hold what it should: its setting, and what is wrong.
pub(super) type Wrong = (&'static str, String);

impl Tls {
    /// TLS by `files`, that will agree on `protocol`, or on what the app prefers.
    ///
    /// # Errors
    /// Where a file holds no certificate or key, or two do not belong together; and where no authority is named
    /// and the system knows none.
    pub(super) fn new(files: &Files, protocol: Option<Protocol>) -> Result<Self, Wrong> {
        let roots = match &files.ca {
            Some(pem) => own_roots(pem).map_err(|message| ("ca", message))?,
            None => system_roots().map_err(|message| ("at", message))?,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ("at", error.to_string()))?
            .with_root_certificates(roots);
        let mut config = match &files.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate).map_err(|message| ("certificate", message))?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| ("key", "the file holds no private key in PEM".to_owned()))?;
                let wrong = |error| ("key", format!("the key does not fit the certificate: {error}"));
                builder.with_client_auth_cert(chain, key).map_err(wrong)?
            }
        };
        let mut only_http1 = config.clone();
        only_http1.alpn_protocols = vec![HTTP1.to_vec()];
        config.alpn_protocols = match protocol {
            None => vec![H2.to_vec(), HTTP1.to_vec()],
            Some(Protocol::H2) => vec![H2.to_vec()],
            Some(Protocol::Http1) => vec![HTTP1.to_vec()],
        };
        let (certificate, key) = files.identity.as_ref().map_or((&[][..], &[][..]), |(a, b)| (a, b));
        let print = sha256(&[files.ca.as_deref().unwrap_or_default(), certificate, key]);
        let ends = ends_of(certificate);
        Ok(Self { config: Arc::new(config), only_http1: Arc::new(only_http1), print, ends })
    }

    /// Secures `stream` to whoever proves to be `name`; without `h2` only HTTP/1.1 is offered.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        name: ServerName<'static>,
        h2: bool,
    ) -> io::Result<TlsStream<TcpStream>> {
        let config = if h2 { &self.config } else { &self.only_http1 };
        TlsConnector::from(config.clone()).connect(name, stream).await
    }
}

/// Whether the two agreed on HTTP/2.
pub(super) fn agreed_on_h2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(H2)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err("the file holds no certificate in PEM".to_owned()),
    }
}

fn own_roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| format!("the file holds no authority: {error}"))?;
    }
    Ok(roots)
}

fn system_roots() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // A system's list may hold old ones that nobody can read any more; what matters is that some are left.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        Err("this system names no authority to believe; name one by `ca`".to_owned())
    } else {
        Ok(roots)
    }
}
