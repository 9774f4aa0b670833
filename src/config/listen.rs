//! Where we listen, checked: addresses and certificates.

use super::tell::Tell;
use super::{Files, Settings};
use crate::clock::Clock;
use crate::gateway::listen::Tls;
use crate::gateway::listen::settings::Entry;
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
    let named = settings.tls.iter().flat_map(|tls| tls.all());
    named.for_each(|path| files.watch(&folder.join(path)));
    let loaded = settings.tls.as_ref().map(|files| Tls::load(files, folder, Clock::system().now()));
    let tls = match loaded {
        Some(Ok((tls, warnings))) => {
            for warning in warnings {
                tell.warn(&keys(&warning.at), warning.message, "clients will not accept it");
            }
            Some(Arc::new(tls))
        }
        Some(Err(mistakes)) => {
            mistakes.into_iter().for_each(|mistake| tell.wrong(&keys(&mistake.at), mistake.message));
            None
        }
        None => None,
    };
    let below = |entry: Entry| Entry { at: entry.at.below(folder), ..entry };
    (settings.listen.0.iter().cloned().map(below).collect(), tls)
}

fn keys(at: &[String]) -> Vec<&str> {
    at.iter().map(String::as_str).collect()
}
