//! Targets as they are configured: those with a name of their own, and those inside an app.

use super::check::check_url;
use super::files::Files;
use super::is_placeholder;
use super::tell::Tell;
use crate::document::{Segment, closest};
use crate::names::TargetName;
use crate::provision::connectors::{COMMON, Facts, KINDS, Settings};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The targets below `targets:`.
pub(super) fn named(
    targets: &BTreeMap<TargetName, Value>,
    folder: &Path,
    files: &mut Files,
    tell: &mut Tell<'_>,
) -> BTreeMap<TargetName, Settings> {
    let mut read = BTreeMap::new();
    for name in targets.keys() {
        if let Some(settings) = self::read(&["targets", name.as_str()], folder, files, tell) {
            read.insert(name.clone(), settings);
        }
    }
    read
}

/// The target that an app names.
pub(super) fn referred(
    name: &str,
    targets: &BTreeMap<TargetName, Settings>,
    at: &[&str],
    tell: &mut Tell<'_>,
) -> Option<TargetName> {
    // Also those with mistakes, which are told where they stand.
    let known: Vec<TargetName> = tell.names("targets").chain(targets.keys().cloned()).collect();
    let found = known.iter().find(|known| known.as_str() == name);
    if found.is_none() {
        let hint = match closest(name, known.iter().map(TargetName::as_str)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => "targets are named below `targets:`".to_owned(),
        };
        tell.hint(at, format!("there is no target \"{name}\""), &hint);
    }
    found.cloned()
}

/// The target whose settings stand at `at`.
pub(super) fn read(at: &[&str], folder: &Path, files: &mut Files, tell: &mut Tell<'_>) -> Option<Settings> {
    let path: Vec<Segment<'_>> = at.iter().copied().map(Segment::from).collect();
    let kinds = KINDS.join(", ");
    let Some((common, own)) = tell.document.split(&path, &COMMON) else {
        tell.hint(
            at,
            "accounts are a mapping, or the name of a target",
            &format!("begin with one of {kinds}"),
        );
        return None;
    };
    let said: Vec<&str> = KINDS.into_iter().filter(|kind| own.keys(&[]).any(|key| key == *kind)).collect();
    let [kind] = said[..] else {
        let message = if said.is_empty() {
            "nothing says what the target speaks"
        } else {
            "a target speaks one language"
        };
        tell.hint(at, message, &format!("name one of {kinds}, with its address"));
        return None;
    };
    let mut open = |path: &Path| {
        let path = folder.join(path);
        let text = files.read(&path);
        (path, text)
    };
    let settings = Settings::read(kind, &own, &common, &mut open, tell.mistakes)?;
    let Facts { addresses, secrets } = settings.facts();
    for (below, url) in addresses {
        check_url(url, &[at, below].concat(), tell);
    }
    for (below, secret) in secrets {
        if is_placeholder(secret) {
            let hint = "ask the administrator of the target for one that is ours alone";
            let name = below.last().copied().unwrap_or("secret");
            tell.hint(&[at, below].concat(), format!("the {name} is empty or a placeholder"), hint);
        }
    }
    Some(settings)
}
