//! Where we listen, checked: addresses and certificates.

use super::tell::Tell;
use super::{Files, Settings};
use crate::clock::Clock;
use crate::gateway::listen::Tls;
use crate::gateway::listen::settings::{Entry, TlsFiles};
use std::path::Path;
use std::sync::Arc;

/// The listeners, and how they speak TLS where certificates are named and can be used.
pub(super) fn check(
    settings: &Settings,
    folder: &Path,
    files: &mut Files,
    tell: &mut Tell<'_>,
) -> (Vec<Entry>, Option<Arc<Tls>>) {
    for entry in settings.listen.0.iter().filter(|entry| settings.tls.is_none() && entry.tls == Some(true)) {
        let hint = "name them below `tls:`";
        tell.hint(&["listen"], format!("{} is to speak TLS, and there are no certificates", entry.at), hint);
    }
    if settings.trusted_proxies.is_empty() && settings.listen.0.iter().any(|entry| entry.proxy_protocol) {
        let hint = "name below `trusted-proxies:` who may say so";
        tell.hint(&["listen"], "nobody is trusted to speak PROXY protocol", hint);
    }
    if settings.trusted_proxies.is_empty() && settings.listen.0.iter().any(|entry| entry.forward_auth) {
        let hint = "name below `trusted-proxies:` who may ask";
        tell.hint(&["listen"], "nobody is trusted to ask what we would do", hint);
    }
    if settings.trusted_proxies.iter().any(|proxy| proxy.is_everybody()) {
        let hint = "name the networks of your proxies alone";
        tell.warn(&["trusted-proxies"], "everybody is trusted to say who a client is", hint);
    }
    let tls = certificates(settings.tls.as_ref(), &[], folder, files, tell);
    let below = |entry: Entry| Entry { at: entry.at.below(folder), ..entry };
    (settings.listen.0.iter().cloned().map(below).collect(), tls)
}

/// How the certificates of a `tls:` below `here` are shown, if any is named and all can be used.
pub(super) fn certificates(
    named: Option<&TlsFiles>,
    here: &[&str],
    folder: &Path,
    files: &mut Files,
    tell: &mut Tell<'_>,
) -> Option<Arc<Tls>> {
    let named = named?;
    named.all().for_each(|path| files.watch(&folder.join(path)));
    let keys = |at: &'_ [String]| -> Vec<String> {
        here.iter().map(|&key| key.to_owned()).chain(at.iter().cloned()).collect()
    };
    match Tls::load(named, folder, Clock::system().now()) {
        Ok((tls, warnings)) => {
            for warning in warnings {
                tell.warn(&texts(&keys(&warning.at)), warning.message, "clients will not accept it");
            }
            Some(Arc::new(tls))
        }
        Err(mistakes) => {
            mistakes.into_iter().for_each(|mistake| tell.wrong(&texts(&keys(&mistake.at)), mistake.message));
            None
        }
    }
}

fn texts(keys: &[String]) -> Vec<&str> {
    keys.iter().map(String::as_str).collect()
}
