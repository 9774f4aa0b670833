//! Settings that only a restart changes.

use crate::config::Config;
use crate::seal::sha256;
use crate::trace;
use secrecy::ExposeSecret;

/// Their values, each under its key in the file.
#[derive(PartialEq, Eq)]
pub(super) struct Fixed(Vec<(&'static str, String)>);

impl Fixed {
    /// Those of `config`.
    pub(super) fn of(config: &Config) -> Self {
        let Config { url, listen, tls, trusted_proxies, connections, shutdown, .. } = config;
        let Config { access_log, operations, traces, store, admin, admin_api, workers, recheck, .. } = config;
        let admin_api = admin_api.as_ref().map(|api| (&api.listen.at, api.tls.is_some()));
        Self(vec![
            ("url", url.to_string()),
            ("listen", format!("{listen:?}")),
            ("tls", tls.is_some().to_string()),
            ("trusted-proxies", format!("{trusted_proxies:?}")),
            ("connections", format!("{connections:?}")),
            ("shutdown", format!("{shutdown:?}")),
            ("access-log", format!("{access_log:?}")),
            ("operations", format!("{operations:?}")),
            ("traces", traces.as_ref().map(print).unwrap_or_default()),
            ("store", store.to_string()),
            ("admin", admin.display().to_string()),
            ("admin-api", format!("{admin_api:?}")),
            ("workers", workers.to_string()),
            ("session.recheck", format!("{recheck:?}")),
        ])
    }

    /// The keys whose values are others in `new`.
    pub(super) fn changed_in(&self, new: &Self) -> Vec<&'static str> {
        let pairs = self.0.iter().zip(&new.0);
        pairs.filter(|(old, new)| old != new).map(|((key, _), _)| *key).collect()
    }
}

/// What tells one from another without saying what is secret in it.
fn print(traces: &trace::Settings) -> String {
    let headers: Vec<&[u8]> = traces
        .headers
        .iter()
        .flat_map(|(name, value)| [name.as_bytes(), value.expose_secret().as_bytes()])
        .collect();
    format!("{} {:?} {:?}", traces.endpoint, traces.sample, sha256(&headers))
}
