//! Targets: each is asked for an account that nobody has, which reads and changes nothing.

use super::findings::Findings;
use crate::account::{Actual, Desired};
use crate::config::Config;
use crate::provision::connector::{Fault, Key};
use crate::seal::random_text;
use std::time::Duration;
use tokio::time::timeout;

/// How long a target may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn examine(config: &Config, findings: &mut Findings) -> anyhow::Result<()> {
    for (name, settings) in &config.targets {
        let about = name.to_string();
        let target = settings.build(None)?;
        let key = Key { external_id: format!("guestpass-doctor-{}", random_text()), native_id: None };
        let seen = timeout(PATIENCE, target.connector.observe(&key, &Desired::closed())).await;
        let (what, mend) = match seen {
            Ok(Ok(Actual::Absent)) => {
                findings.ok("target", &about, "answers, and knows us");
                continue;
            }
            Ok(Ok(Actual::Present(seen))) => {
                let what = format!("it finds account {} for a mark that nobody has", seen.native_id);
                (what, "see how it searches: it must find an account by its external id alone")
            }
            Ok(Err(fault @ Fault::AuthFailed(_))) => (
                fault.to_string(),
                "give it a credential that it knows, with the rights that docs/targets.md names",
            ),
            Ok(Err(fault)) => (fault.to_string(), "see whether it can be reached from here, at this address"),
            Err(_) => {
                (format!("it does not answer within {PATIENCE:?}"), "see whether it can be reached from here")
            }
        };
        findings.wrong("target", &about, &what, mend);
    }
    Ok(())
}
