//! Headers that an operator wants set or removed.

use super::{Edits, Notes, headers};
use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Headers to set and to remove, as they are written.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct EditSettings {
    /// Name to value; what was there under the name goes.
    pub set: BTreeMap<String, String>,
    /// Names of headers that go.
    pub remove: Vec<String>,
}

impl EditSettings {
    pub(super) fn check(&self, at: &[&str], notes: &mut Notes) -> Edits {
        let mut edits = Edits::default();
        for (text, value) in &self.set {
            let at = [at, &["set", text]].concat();
            let Some(name) = name(text, &at, notes) else { continue };
            match HeaderValue::try_from(value) {
                Ok(value) => edits.set.push((name, value)),
                Err(_) => notes.note(&at, format!("\"{value}\" is not the value of a header")),
            }
        }
        for (index, text) in self.remove.iter().enumerate() {
            edits.remove.extend(name(text, &[at, &["remove", &index.to_string()]].concat(), notes));
        }
        edits
    }
}

fn name(text: &str, at: &[&str], notes: &mut Notes) -> Option<HeaderName> {
    match HeaderName::try_from(text) {
        Ok(name) if headers::may_be_edited(&name) => return Some(name),
        Ok(_) => notes.note(at, format!("\"{text}\" is not for rules: guestpass answers for it")),
        Err(_) => notes.note(at, format!("\"{text}\" is not the name of a header")),
    }
    None
}
