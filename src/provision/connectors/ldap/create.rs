//! New entries.

use super::directory::{CONTROL, Kind};
use super::groups::Member;
use super::server::Attributes;
use super::{Ldap, active_directory, fault, filter, mark};
use crate::account::Profile;
use crate::provision::connector::{Fault, Key, Refusal};
use crate::seal::random_text;
use ldap3::Mod;

impl Ldap {
    /// Makes an entry, open and in no group. It is found by our mark, also if its answer is lost.
    pub(super) async fn create(&self, key: &Key, profile: &Profile) -> Result<Option<String>, Fault> {
        self.directory.check(profile)?;
        let name = self.naming.name(&profile.user_name);
        let blank = Profile::default();
        // Only the name in one place is unique by itself.
        let named = self.search(&filter::equals(&self.directory.name, &name), &blank).await?;
        if let Some(other) = named.first() {
            return if self.is_ours(other, key) {
                Ok(self.directory.id_of(other))
            } else {
                Err(taken(&name))
            };
        }
        let dn = filter::below(&self.people, self.naming_attribute(), &name);
        self.vacate(&Member { dn: dn.clone(), name: name.clone() }).await?;
        let answer = self.server.add(&dn, self.attributes(key, profile, &name)).await?;
        let existed = answer.code() == fault::ENTRY_ALREADY_EXISTS;
        answer.done_or(&[fault::ENTRY_ALREADY_EXISTS])?;
        if !existed && self.directory.has_control() {
            self.set_password(&dn).await?;
            self.set_control(&dn, &active_directory::NEW.to_string(), true).await?;
        }
        // Where the look fails, the next one finds it.
        match (self.find(&Key { native_id: None, ..key.clone() }, &blank).await, existed) {
            (Ok(None), true) => Err(taken(&name)),
            (Ok(found), _) => Ok(found.and_then(|entry| self.directory.id_of(&entry))),
            (Err(fault), true) => Err(fault),
            (Err(_), false) => Ok(None),
        }
    }

    /// The attribute by which an entry is named among those beside it.
    pub(super) fn naming_attribute(&self) -> &str {
        match self.directory.kind {
            Kind::Openldap => &self.directory.name,
            Kind::ActiveDirectory => "cn",
        }
    }

    fn attributes(&self, key: &Key, profile: &Profile, name: &str) -> Attributes {
        let Profile { user_name, display_name, email, attributes, expires, .. } = profile;
        let display = display_name.as_deref().unwrap_or(name);
        let mut all = vec![
            (self.directory.name.as_str(), name.to_owned()),
            (&self.directory.mark, mark(&key.external_id)),
            ("displayName", display.to_owned()),
        ];
        all.extend(email.as_ref().map(|email| ("mail", email.clone())));
        match self.directory.kind {
            Kind::Openldap => {
                // A person has both (RFC 4519, section 3.12), whatever they are called.
                let last = display.split_whitespace().last().unwrap_or(name);
                all.extend([("cn", display.to_owned()), ("sn", last.to_owned())]);
            }
            Kind::ActiveDirectory => {
                all.extend([("cn", name.to_owned()), (CONTROL, active_directory::NEW.to_string())]);
                all.extend(user_name.contains('@').then(|| ("userPrincipalName", user_name.clone())));
            }
        }
        if let Some((attribute, Some(value))) =
            self.directory.end_at(*expires).filter(|_| !self.directory.shares_lock())
        {
            all.push((attribute, value));
        }
        // What a policy says stands in place of what we make up.
        all.retain(|(known, _)| !attributes.keys().any(|name| name.eq_ignore_ascii_case(known)));
        let said = attributes.iter().filter(|(_, value)| !value.is_empty());
        all.extend(said.map(|(name, value)| (name.as_str(), value.clone())));
        let mut all: Attributes =
            all.into_iter().map(|(name, value)| (name.to_owned(), [value.into_bytes()].into())).collect();
        let classes = self.directory.classes.iter().map(String::as_str).chain(self.directory.shadow_class());
        all.push(("objectClass".to_owned(), classes.map(|class| class.as_bytes().to_vec()).collect()));
        all
    }

    /// Sets a password that nobody knows, as an account of Active Directory needs one before it is opened. It is told
    /// over TLS alone; elsewhere the account is left without, and the directory says whether that will do.
    pub(super) async fn set_password(&self, dn: &str) -> Result<(), Fault> {
        if !self.server.is_secured() {
            return Ok(());
        }
        // With a letter of each kind, whatever is drawn.
        let password = active_directory::password(&format!("Aa1-{}", random_text()));
        let replace = Mod::Replace(b"unicodePwd".to_vec(), [password].into());
        self.server.modify(dn, vec![replace]).await?.done_or(&[])
    }
}

fn taken(name: &str) -> Fault {
    let said = format!("an entry \"{name}\" exists that does not carry our mark; it is not taken over");
    Fault::refused(Refusal::Conflict, said)
}
