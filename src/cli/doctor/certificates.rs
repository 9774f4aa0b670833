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
        judge_certificate(&certificate.file, certificate.ends, now, findings);
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
            judge_certificate(&about, ends_of(pem.as_bytes()), now, findings);
        }
        if let Some(ends) = provider.client.ends() {
            let mend = "have the provider give another one, and say its day in `client.expires`";
            judge(("secret", &name.to_string()), ends, now, (mend, mend), findings);
        }
    }
    for state in config.upstreams.states().iter().filter(|state| state.certificate_ends.is_some()) {
        judge_certificate(
            &format!("by which {} knows us", state.endpoint),
            state.certificate_ends,
            now,
            findings,
        );
    }
}

fn judge_certificate(about: &str, ends: Option<Timestamp>, now: Timestamp, findings: &mut Findings) {
    let Some(ends) = ends else {
        return findings.warning(
            "certificate",
            about,
            "its end cannot be told",
            "see whether it is a certificate",
        );
    };
    let late = "renew it: nobody believes it any more";
    let soon = "renew it now; the file is read again without a restart";
    judge(("certificate", about), ends, now, (late, soon), findings);
}

/// What is to be found of something by when it ends, and what mends that once it has, and before.
fn judge(
    (check, about): (&str, &str),
    ends: Timestamp,
    now: Timestamp,
    (late, soon): (&str, &str),
    findings: &mut Findings,
) {
    if ends <= now {
        findings.wrong(check, about, &format!("ended on {ends}"), late);
    } else if ends.duration_since(now) < SOON {
        findings.warning(check, about, &format!("ends on {ends}"), soon);
    } else {
        findings.ok(check, about, &format!("ends on {ends}"));
    }
}
