//! Changes to an entry that is ours, or becomes it.

use super::directory::{Kind, Lock};
use super::entry::Entry;
use super::groups::{Member, Modify};
use super::{Ldap, PREFIX, active_directory, fault, filter, mark};
use crate::account::Profile;
use crate::provision::connector::{Fault, Key, Refusal};
use ldap3::Mod;

type Change = Mod<Vec<u8>>;

/// What an attribute is to hold: one value, or nothing where that is empty, which no value can be.
fn set(attribute: &str, value: &str) -> Change {
    let values = Some(value).filter(|value| !value.is_empty()).map(|value| value.as_bytes().to_vec());
    Mod::Replace(attribute.into(), values.into_iter().collect())
}

fn with(change: Modify, attribute: &str, value: &str) -> Change {
    change(attribute.into(), [value.as_bytes().to_vec()].into())
}

impl Ldap {
    /// Puts our mark on an entry that was there before us, beside what else is there. The entry that we are is not taken.
    pub(super) async fn adopt(&self, key: &Key, native_id: &str) -> Result<(), Fault> {
        let (attribute, ours) = (&self.directory.mark, mark(&key.external_id));
        // Gone meanwhile: the next look sees that.
        let Some(entry) = self.by_id(native_id, &Profile::default()).await? else { return Ok(()) };
        if entry.dn.eq_ignore_ascii_case(self.server.bind()) {
            return Err(Fault::refused(Refusal::Forbidden, "the entry is our own, and so not to be managed"));
        }
        if self.is_ours(&entry, key) {
            return Ok(());
        }
        let old = entry.values(attribute).filter(|value| value.starts_with(PREFIX));
        let mut changes: Vec<Change> = old.map(|old| with(Mod::Delete, attribute, old)).collect();
        changes.push(with(Mod::Add, attribute, &ours));
        let answer = self.server.modify(&entry.dn, changes).await?;
        if [fault::CONSTRAINT_VIOLATION, fault::ATTRIBUTE_OR_VALUE_EXISTS].contains(&answer.code()) {
            let said = format!("\"{}\" has something else in {attribute}, which stays", entry.dn);
            return Err(Fault::refused(Refusal::Conflict, said));
        }
        answer.done_or(&[])
    }

    pub(super) async fn open(&self, key: &Key, native_id: &str) -> Result<(), Fault> {
        let Some(entry) = self.ours(key, native_id, &Profile::default()).await? else { return Ok(()) };
        let Lock { attribute, value } = &self.directory.lock;
        if !self.directory.has_control() {
            let answer = self.server.modify(&entry.dn, vec![with(Mod::Delete, attribute, value)]).await?;
            return answer.done_or(&[fault::NO_SUCH_ATTRIBUTE, fault::NO_SUCH_OBJECT]);
        }
        let control = entry.first(attribute).unwrap_or_default();
        match self.set_control(&entry.dn, control, true).await {
            // It was made, and then we were stopped before it had a password.
            Err(Halted::Unwilling) => {
                self.set_password(&entry.dn).await?;
                Ok(self.set_control(&entry.dn, control, true).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    pub(super) async fn close(&self, key: &Key, native_id: &str) -> Result<(), Fault> {
        let Some(entry) = self.ours(key, native_id, &Profile::default()).await? else { return Ok(()) };
        let Lock { attribute, value } = &self.directory.lock;
        if self.directory.has_control() {
            let control = entry.first(attribute).unwrap_or_default();
            return Ok(self.set_control(&entry.dn, control, false).await?);
        }
        let changes = self.room(&entry).into_iter().chain([set(attribute, value)]).collect();
        self.server.modify(&entry.dn, changes).await?.done_or(&[fault::NO_SUCH_OBJECT])
    }

    /// Opens or shuts an account of Active Directory whose `userAccountControl` is `control`; the other bits stay, also
    /// those that somebody changes meanwhile.
    pub(super) async fn set_control(&self, dn: &str, control: &str, open: bool) -> Result<(), Halted> {
        let attribute = &self.directory.lock.attribute;
        let wanted = active_directory::opened(control, open).ok_or_else(|| {
            Fault::refused(Refusal::Invalid, format!("\"{dn}\" has no {attribute} that could be read"))
        })?;
        if wanted == control {
            return Ok(());
        }
        let changes = vec![with(Mod::Delete, attribute, control), with(Mod::Add, attribute, &wanted)];
        let answer = self.server.modify(dn, changes).await?;
        match answer.code() {
            fault::NO_SUCH_ATTRIBUTE => {
                Err(Fault::transient(format!("{attribute} changed meanwhile")).into())
            }
            fault::UNWILLING if open => Err(Halted::Unwilling),
            _ => Ok(answer.done_or(&[fault::NO_SUCH_OBJECT])?),
        }
    }

    pub(super) async fn update(&self, key: &Key, native_id: &str, profile: &Profile) -> Result<(), Fault> {
        self.directory.check(profile)?;
        let Some(entry) = self.ours(key, native_id, profile).await? else { return Ok(()) };
        let mut changes = self.room(&entry);
        let named = |name: &str| profile.attributes.keys().any(|known| known.eq_ignore_ascii_case(name));
        if let Some(display) = &profile.display_name {
            changes.push(set("displayName", display));
            if self.directory.kind == Kind::Openldap && !named("cn") {
                changes.push(set("cn", display));
            }
        }
        changes.extend(profile.email.as_ref().map(|email| set("mail", email)));
        changes.retain(
            |change| !matches!(change, Mod::Replace(name, _) if named(&String::from_utf8_lossy(name))),
        );
        changes.extend(profile.attributes.iter().map(|(name, value)| set(name, value)));
        // While it is shut by the same attribute, its end is not known; once open, the next look finds it missing.
        if !self.directory.shares_lock() || self.directory.is_open(&entry) {
            let end = self.directory.end_at(profile.expires);
            changes.extend(end.map(|(attribute, value)| set(attribute, &value.unwrap_or_default())));
        }
        let name = self.naming.name(&profile.user_name);
        let renamed = entry.first(&self.directory.name).is_none_or(|known| known.to_lowercase() != name);
        if renamed && self.directory.kind == Kind::ActiveDirectory {
            changes.push(set(&self.directory.name, &name));
            changes.extend(
                profile.user_name.contains('@').then(|| set("userPrincipalName", &profile.user_name)),
            );
        }
        if !changes.is_empty() {
            self.server.modify(&entry.dn, changes).await?.done_or(&[fault::NO_SUCH_OBJECT])?;
        }
        if renamed && self.directory.kind == Kind::Openldap {
            self.rename(&entry, &name).await?;
        }
        Ok(())
    }

    /// Gives the entry another name, and tells the groups.
    async fn rename(&self, entry: &Entry, name: &str) -> Result<(), Fault> {
        let others = self.search(&filter::equals(&self.directory.name, name), &Profile::default()).await?;
        if let Some(other) = others.first() {
            let said = format!("\"{}\" is called \"{name}\" already", other.dn);
            return Err(Fault::refused(Refusal::Conflict, said));
        }
        let (before, attribute) = (self.member(entry), self.naming_attribute());
        // As it would be written by whoever wrote the rest: what is before the first comma that is no part of a value.
        let after = Member { dn: filter::below(parent(&entry.dn), attribute, name), name: name.to_owned() };
        self.vacate(&after).await?;
        self.server.rename(&entry.dn, &filter::rdn(attribute, name)).await?.done_or(&[])?;
        self.follow(&before, &after).await
    }

    pub(super) async fn delete(&self, key: &Key, native_id: &str) -> Result<(), Fault> {
        let Some(entry) = self.ours(key, native_id, &Profile::default()).await? else { return Ok(()) };
        self.leave_all(&self.member(&entry)).await?;
        self.server.delete(&entry.dn).await?.done_or(&[fault::NO_SUCH_OBJECT])
    }

    /// Makes room in an entry for `shadowExpire`, where that is used and there is none.
    fn room(&self, entry: &Entry) -> Vec<Change> {
        let class = self.directory.shadow_class().filter(|class| !entry.is_a(class));
        class.map(|class| with(Mod::Add, "objectClass", class)).into_iter().collect()
    }
}

/// The name of the entry above.
fn parent(dn: &str) -> &str {
    let mut escaped = false;
    for (at, letter) in dn.char_indices() {
        match letter {
            ',' if !escaped => return &dn[at + 1..],
            _ => escaped = letter == '\\' && !escaped,
        }
    }
    ""
}

/// Why an account of Active Directory was not opened.
pub(super) enum Halted {
    /// The directory does not want to, as where it has no password.
    Unwilling,
    /// Something else.
    Fault(Fault),
}

impl From<Fault> for Halted {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Halted> for Fault {
    fn from(halted: Halted) -> Self {
        match halted {
            Halted::Fault(fault) => fault,
            Halted::Unwilling => Self::refused(
                Refusal::Invalid,
                "will not open the account: without TLS it gets no password, and needs one",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_above_begins_after_the_first_comma_that_is_no_value() {
        for (dn, above) in [
            ("uid=ada,ou=people,dc=x", "ou=people,dc=x"),
            ("uid=a\\,b,dc=x", "dc=x"),
            ("uid=a\\\\,dc=x", "dc=x"),
            ("uid=a\\2cb,dc=x", "dc=x"),
            ("dc=x", ""),
        ] {
            assert_eq!(parent(dn), above, "{dn}");
        }
    }
}
