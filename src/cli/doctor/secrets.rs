//! Files that hold secrets: who else may read them.

use super::findings::Findings;
use crate::config::Config;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

pub(super) fn examine(config: &Config, findings: &mut Findings) {
    let mut fine = 0_usize;
    for path in config.files.paths() {
        let Ok(facts) = std::fs::metadata(path) else { continue };
        let (shown, mode) = (path.display().to_string(), facts.permissions().mode());
        if mode & 0o002 != 0 {
            let mend = "chmod o-w: whoever writes it decides who gets in";
            findings.wrong("files", &shown, "everybody on this machine may change it", mend);
        } else if mode & 0o004 != 0 && holds_a_secret(path) {
            let mend = "chmod 600, and let it belong to whom guestpass runs as";
            findings.warning("files", &shown, "everybody on this machine may read this secret", mend);
        } else {
            fine += 1;
        }
    }
    findings.ok("files", "of the configuration", &format!("{fine} are read, and changed, by nobody else"));
}

/// Configuration, policies and certificates are none.
fn holds_a_secret(path: &Path) -> bool {
    let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let is_public = || {
        std::fs::read_to_string(path)
            .is_ok_and(|text| text.contains("-----BEGIN CERTIFICATE-----") && !text.contains("PRIVATE KEY"))
    };
    !is_yaml && !is_public()
}
