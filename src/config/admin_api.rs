//! Where operators reach us from afar, checked: what they say there holds tokens, so nobody else may read it.

use super::Files;
use super::listen::certificates;
use super::tell::Tell;
use crate::gateway::listen::Tls;
use crate::gateway::listen::settings::{Address, Entry, TlsFiles};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// `admin-api`: the API for operators who are elsewhere.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AdminApi")]
pub(super) struct Settings {
    /// Where it listens.
    listen: Address,
    /// The certificates that it shows; without, it is for this machine alone.
    tls: Option<TlsFiles>,
}

/// Where the admin API is.
pub struct AdminApi {
    /// Where it listens.
    pub listen: Entry,
    /// How it speaks TLS, if it does.
    pub tls: Option<Arc<Tls>>,
}

pub(super) fn check(
    settings: Option<Settings>,
    folder: &Path,
    files: &mut Files,
    tell: &mut Tell<'_>,
) -> Option<AdminApi> {
    let Settings { listen, tls } = settings?;
    if let (Address::Tcp(address), None) = (&listen, &tls)
        && !address.ip().is_loopback()
    {
        let message = format!("{listen} is reached from elsewhere, where tokens could be read on their way");
        let hint = "name a certificate below `admin-api.tls:`, or listen on 127.0.0.1 or a unix socket";
        tell.hint(&["admin-api", "listen"], message, hint);
    }
    if tls.as_ref().is_some_and(|tls| tls.client_ca.is_some()) {
        let hint = "take `client-ca:` away; who calls shows a token";
        tell.hint(&["admin-api", "tls", "client-ca"], "no client shows a certificate here", hint);
    }
    let tls = certificates(tls.as_ref(), &["admin-api"], folder, files, tell);
    Some(AdminApi { listen: listen.below(folder).into(), tls })
}
