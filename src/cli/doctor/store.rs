//! The store: reached, written, up to date, and ours.

use super::findings::Findings;
use crate::causes::Causes;
use crate::config::Config;
use crate::store::{Examined, examine as look};
use std::time::Duration;

/// From how long an answer on a store is slow: each sign-in waits for several.
const SLOW: Duration = Duration::from_millis(50);

pub(super) async fn examine(config: &Config, findings: &mut Findings) {
    let place = config.store.to_string();
    let (version, newest, opens, reads_only, took) = match look(&config.store, &config.sealer).await {
        Ok(Examined::Absent) => {
            return findings.ok("store", &place, "not there yet; it is made at the first start");
        }
        Ok(Examined::Present { version, newest, opens, reads_only, took }) => {
            (version, newest, opens, reads_only, took)
        }
        Err(error) => {
            let mend = "see that it can be reached, and that we may read and write it; nothing works without";
            return findings.wrong("store", &place, &Causes(&error).to_string(), mend);
        }
    };
    if !opens {
        let mend = "write the key with which it was made as `key`, or among `earlier-keys`; without it the store is lost";
        findings.wrong("store", &place, "it is sealed under another key", mend);
    }
    if reads_only {
        let mend = "name the primary in `store`: sign-ins are written";
        findings.wrong("store", &place, "it can only be read: a standby", mend);
    }
    match version {
        Some(version) if version < newest => {
            let what = format!("its tables are of version {version}; the next start brings them to {newest}");
            findings.warning("store", &place, &what, "make a backup before that: docs/upgrade.md");
        }
        Some(version) if version > newest => {
            let what = format!("its tables are of version {version}, and this program knows {newest}");
            findings.warning("store", &place, &what, "run the newer guestpass, which has been here");
        }
        _ => {}
    }
    if took > SLOW {
        let what = format!("it took {} ms to answer", took.as_millis());
        findings.warning("store", &place, &what, "move it nearer: each sign-in waits for several answers");
    }
    if opens && !reads_only {
        findings.ok("store", &place, &format!("answers in {} ms, and is ours", took.as_millis()));
    }
}
