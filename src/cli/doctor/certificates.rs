//! Certificates that we show: until when, and for whom.

use super::findings::Findings;
use crate::certificate::ends_of;
use crate::config::Config;
use crate::gateway::listen::Shown;
use jiff::{SignedDuration, Timestamp};

/// How long before its end a certificate wants to be renewed.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

pub(super) fn examine(config: &Config, now: Timestamp, findings: &mut Findings) {
    let shown: Vec<Shown> = config.tls.iter().flat_map(|tls| tls.shown()).collect();
    for certificate in &shown {
        judge(&certificate.file, certificate.ends, now, findings);
    }
    if !shown.is_empty() {
        let own = config.url.host_str().unwrap_or_default();
        let hosts = config.apps.values().flat_map(|app| &app.hosts).map(|pattern| {
            let below = if pattern.is_wildcard() { "any." } else { "" };
            format!("{below}{}", pattern.host().name())
        });
        let shows_none = |host: &String| shown.iter().all(|certificate| !certificate.is_for(host));
        for host in std::iter::once(own.to_owned()).chain(hosts).filter(shows_none) {
            let mend = "add one to `tls.certificates`: browsers refuse what is for another name";
            findings.wrong("certificate", &host, "none that we show is for this host", mend);
        }
    }
    for (name, provider) in &config.providers {
        if let Some(pem) = &provider.client.certificate {
            let about = format!("by which {name} knows us");
            judge(&about, ends_of(pem.as_bytes()), now, findings);
        }
        if let Some(ends) = provider.client.ends() {
            judge_secret(&name.to_string(), ends, now, findings);
        }
    }
    for state in config.upstreams.states() {
        if let Some(ends) = state.certificate_ends {
            judge(&format!("by which {} knows us", state.endpoint), Some(ends), now, findings);
        }
    }
}

fn judge_secret(provider: &str, ends: Timestamp, now: Timestamp, findings: &mut Findings) {
    let mend = "have the provider give another one, and say its day in `client.expires`";
    if ends <= now {
        findings.wrong("secret", provider, &format!("ended on {ends}"), mend);
    } else if ends.duration_since(now) < SOON {
        findings.warning("secret", provider, &format!("ends on {ends}"), mend);
    } else {
        findings.ok("secret", provider, &format!("ends on {ends}"));
    }
}

fn judge(about: &str, ends: Option<Timestamp>, now: Timestamp, findings: &mut Findings) {
    let Some(ends) = ends else {
        return findings.warning(
            "certificate",
            about,
            "its end cannot be told",
            "see whether it is a certificate",
        );
    };
    let what = format!("ends on {ends}");
    if ends <= now {
        findings.wrong(
            "certificate",
            about,
            &format!("ended on {ends}"),
            "renew it: nobody believes it any more",
        );
    } else if ends.duration_since(now) < SOON {
        findings.warning(
            "certificate",
            about,
            &what,
            "renew it now; the file is read again without a restart",
        );
    } else {
        findings.ok("certificate", about, &what);
    }
}
