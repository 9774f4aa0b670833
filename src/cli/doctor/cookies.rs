//! Cookies: each is for one host, and on https alone. What keeps browsers from bringing them back.

use super::findings::Findings;
use crate::config::Config;
use crate::gateway::listen::settings::Entry;
use std::collections::BTreeMap;

pub(super) fn examine(config: &Config, findings: &mut Findings) {
    let own = config.url.host_str().unwrap_or_default().to_owned();
    let secure = config.url.scheme() == "https";
    let speaks = |entry: &Entry| entry.tls.unwrap_or(config.tls.is_some());
    let mut fine = true;
    if secure && !config.listen.iter().any(speaks) && config.trusted_proxies.is_empty() {
        fine = false;
        let mend = "give certificates in `tls`, or name in `trusted-proxies` what ends TLS in front of us";
        let what = "`url` is https, nobody here speaks it, and nothing in front of us is trusted";
        findings.warning("cookies", &own, what, mend);
    }
    // Cookies do not tell ports from one another (RFC 6265, section 8.5).
    let mut taken = BTreeMap::from([(own.clone(), "our own pages".to_owned())]);
    for (name, app) in &config.apps {
        for host in app.hosts.iter().filter(|pattern| !pattern.is_wildcard()).map(|pattern| pattern.host()) {
            let Some(other) = taken.insert(host.name().to_owned(), format!("app {name}")) else { continue };
            if other == format!("app {name}") {
                continue;
            }
            fine = false;
            let what =
                format!("app {name} and {other} differ by their port alone, and so share their cookies");
            let mend = "give each a host name of its own: signing in to one signs out of the other";
            findings.wrong("cookies", host.name(), &what, mend);
        }
    }
    if fine {
        let how = if secure { "for one host, and https, alone" } else { "for one host alone, without https" };
        findings.ok("cookies", &own, &format!("each is {how}"));
    }
}
