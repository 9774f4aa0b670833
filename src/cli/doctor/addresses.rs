//! Where people find us: that names lead somewhere, and that there, if anybody answers, it is us.

use super::findings::Findings;
use crate::causes::Causes;
use crate::config::Config;
use crate::loopback::{Resolver, addresses};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);

pub(super) async fn examine(config: &Config, findings: &mut Findings) -> anyhow::Result<()> {
    let url = &config.url;
    let own = url.host_str().unwrap_or_default();
    let about = format!("redirect URI {}", url.join("/callback")?);
    if resolves(own, &about, findings).await {
        answers(url, &about, findings).await?;
    }
    for (name, app) in &config.apps {
        for host in app.hosts.iter().filter(|pattern| !pattern.is_wildcard()).map(|pattern| pattern.host()) {
            let about = format!("app {name} at {host}");
            if resolves(host.name(), &about, findings).await {
                findings.ok("address", &about, "its name leads somewhere");
            }
        }
    }
    Ok(())
}

async fn resolves(host: &str, about: &str, findings: &mut Findings) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::time::timeout(PATIENCE, addresses(host, 443)).await;
    let why = match found {
        Ok(Ok(found)) if !found.is_empty() => return true,
        Ok(Ok(_)) => "its name leads nowhere".to_owned(),
        Ok(Err(error)) => format!("its name leads nowhere: {error}"),
        Err(_) => "nobody says where its name leads".to_owned(),
    };
    findings.wrong("address", about, &why, "let its DNS name lead here, or to what stands in front of us");
    false
}

/// Our own key set is where anybody may look, and nobody else's is there.
async fn answers(url: &Url, about: &str, findings: &mut Findings) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        .dns_resolver(Resolver)
        .timeout(PATIENCE)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let reply = match client.get(url.join("/.well-known/jwks.json")?).send().await {
        Ok(reply) => reply,
        Err(error) => {
            let what = format!("its name leads somewhere, and nobody answers there: {}", Causes(&error));
            let mend = "start guestpass; if it runs, look at what is between, and at its certificate";
            findings.warning("address", about, &what, mend);
            return Ok(());
        }
    };
    let keys: Value = reply.json().await.unwrap_or_default();
    if keys["keys"].is_array() {
        findings.ok("address", about, "its name leads to us");
    } else {
        let mend =
            "let the name, and what stands in front of us, lead here: answers of providers arrive there";
        findings.wrong("address", about, "somebody else answers there", mend);
    }
    Ok(())
}
