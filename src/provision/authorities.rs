//! Whose certificates are believed by those targets' connections that are not HTTP.

use super::connector::Fault;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::Path;

/// The certificates in the file at `ca`, which is read at each call, so that another content holds from the next
/// connection on; the system's where there is no file.
///
/// # Errors
/// [`Fault::Transient`] where the file cannot be read or holds no certificate: somebody may be writing it.
pub(super) async fn authorities(ca: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found: Vec<CertificateDer<'static>> = match ca {
        Some(path) => {
            let wrong = |error: String| Fault::transient(format!("{}: {error}", path.display()));
            let pem = tokio::fs::read(path).await.map_err(|error| wrong(error.to_string()))?;
            let read = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
            read.map_err(|error| wrong(error.to_string()))?
        }
        None => rustls_native_certs::load_native_certs().certs,
    };
    // One that cannot vouch for anybody is no reason to believe none.
    let usable = |one: &CertificateDer<'static>| RootCertStore::empty().add(one.clone()).is_ok();
    let found: Vec<_> = found.into_iter().filter(usable).collect();
    if found.is_empty() {
        return Err(Fault::transient("there is no authority whose certificates could be believed"));
    }
    Ok(found)
}
