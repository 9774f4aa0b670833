//! Who else has a name: beyond where we look for people, all of the directory may know somebody by it.

use super::{Ldap, filter};
use crate::provision::connector::Fault;

/// Who else has a name.
#[derive(Debug)]
pub(super) enum Others {
    /// Nobody else.
    None,
    /// The entry of this name.
    One(String),
    /// Nobody whom we may see; but that is not all of the directory.
    Unseen,
}

impl Ldap {
    /// Who is called `name`, but for the entry `except`, in all of the directory that people and groups are part of.
    pub(super) async fn others(&self, name: &str, except: Option<&str>) -> Result<Others, Fault> {
        let named = ["uid", &self.directory.name].map(|attribute| filter::equals(attribute, name)).concat();
        let places = [&self.people, &self.base, &self.groups];
        let contexts = seen(self.server.contexts().await)?.unwrap_or_default();
        let mut all = places.iter().all(|place| contexts.iter().any(|context| holds(context, place)));
        for context in contexts.iter().filter(|context| places.iter().any(|place| holds(context, place))) {
            let found = seen(self.server.search(context, &format!("(|{named})"), &["1.1"]).await)?;
            all &= found.is_some();
            let other = |dn: &String| !except.is_some_and(|known| known.eq_ignore_ascii_case(dn));
            if let Some(dn) = found.into_iter().flatten().map(|entry| entry.dn).find(other) {
                return Ok(Others::One(dn));
            }
        }
        Ok(if all { Others::None } else { Others::Unseen })
    }
}

/// What was found; nothing where we may not look.
fn seen<T>(found: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match found {
        Err(Fault::Refused { .. }) => Ok(None),
        found => found.map(Some),
    }
}

/// Whether the entry named `dn` is at or below the one named `context`.
fn holds(context: &str, dn: &str) -> bool {
    let plain = |dn: &str| dn.to_lowercase().split_whitespace().collect::<String>();
    let (context, dn) = (plain(context), plain(dn));
    dn.strip_suffix(&context).is_some_and(|rest| rest.is_empty() || context.is_empty() || rest.ends_with(','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_holds_what_ends_like_it() {
        for (context, dn, expected) in [
            ("dc=x", "dc=x", true),
            ("dc=Example, dc=com", "ou=people,DC=example,dc=com", true),
            ("", "dc=x", true),
            ("dc=x", "dc=ax", false),
            ("ou=people,dc=x", "dc=x", false),
        ] {
            assert_eq!(holds(context, dn), expected, "{context}: {dn}");
        }
    }
}
