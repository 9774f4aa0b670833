//! Entries of an LDAP directory (RFC 4511) as accounts: OpenLDAP and what keeps people alike, and Active Directory. What
//! differs between them is data, see [`Directory`].
//!
//! An entry is ours if one attribute, which the settings can name, has the value `guestpass:<external id>`. Groups are
//! found, never made: who may be what is the directory's to say. Referrals are refused, as the password goes where the
//! operator said and nowhere else.

mod active_directory;
mod calls;
mod change;
mod create;
mod directory;
mod entry;
mod fault;
mod filter;
mod groups;
mod others;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod time;

pub use settings::Settings;

use self::directory::Directory;
use self::entry::Entry;
use self::server::Server;
use super::mark::{self, PREFIX, mark};
use super::naming::Naming;
use crate::account::{Actual, Candidate, Desired, Entitlement, Profile, Step};
use crate::provision::connector::{Abilities, By, Call, Connector, Fault, Key, Page, Refusal};
use crate::provision::pace::Pace;
use futures_util::future::BoxFuture;

/// The people of a directory.
pub struct Ldap {
    server: Server,
    directory: Directory,
    naming: Naming,
    /// Where entries are made.
    people: String,
    /// Where they are looked for.
    base: String,
    /// Where groups are looked for.
    groups: String,
    /// Who stays in a group that must not be empty.
    placeholder: String,
}

impl Ldap {
    /// A client for the directory of `settings`. Connects to nothing yet.
    pub fn new(settings: &Settings, pace: Pace) -> Self {
        let base = settings.base().to_owned();
        Self {
            server: Server::new(settings, pace),
            directory: settings.directory(),
            naming: settings.name.clone(),
            people: settings.people.clone(),
            groups: settings.groups.clone().unwrap_or_else(|| base.clone()),
            placeholder: settings.placeholder(),
            base,
        }
    }

    /// The entries below the base that `filter` finds, with the attributes that are ours to know and those of `profile`.
    async fn search(&self, filter: &str, profile: &Profile) -> Result<Vec<Entry>, Fault> {
        let mut wanted = self.directory.attributes();
        wanted.extend(profile.attributes.keys().map(String::as_str));
        self.server.search(&self.base, filter, &wanted).await
    }

    /// The entry that carries our mark.
    async fn find(&self, key: &Key, profile: &Profile) -> Result<Option<Entry>, Fault> {
        let mut either = filter::equals(&self.directory.mark, &mark(&key.external_id));
        if let Some(id) = &key.native_id {
            either = format!("(|{}{either})", self.directory.id_is(id)?);
        }
        let found = self.search(&either, profile).await?;
        mark::ours(found, |entry| self.is_ours(entry, key), |entry| format!("\"{}\"", entry.dn))
    }

    fn is_ours(&self, entry: &Entry, key: &Key) -> bool {
        entry.values(&self.directory.mark).any(|value| value == mark(&key.external_id))
    }

    /// The entry with this id, whosesoever.
    async fn by_id(&self, native_id: &str, profile: &Profile) -> Result<Option<Entry>, Fault> {
        let found = self.search(&self.directory.id_is(native_id)?, profile).await?;
        Ok(found.into_iter().next())
    }

    /// The entry with this id, if it is there and still ours. If it is not, the next look says so.
    async fn ours(&self, key: &Key, native_id: &str, profile: &Profile) -> Result<Option<Entry>, Fault> {
        let found = self.by_id(native_id, profile).await?;
        Ok(found.filter(|entry| self.is_ours(entry, key)))
    }
}

impl Connector for Ldap {
    fn abilities(&self) -> Abilities {
        Abilities { delete: true, link: true, list: true, ..Abilities::default() }
    }

    fn observe<'a>(&'a self, key: &'a Key, wanted: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>> {
        Box::pin(async move {
            let blank = Profile::default();
            let profile = if let Desired::Active(profile) = wanted { profile } else { &blank };
            let Some(entry) = self.find(key, profile).await? else { return Ok(Actual::Absent) };
            let mut seen = self.directory.seen(&entry, &self.naming, profile)?;
            // Of an account that is to be closed nobody asks what it may do.
            if let Desired::Active(_) = wanted {
                let groups = self.groups_of(&entry).await?;
                // Under the name that we know it by, as directories compare names without case.
                let ours =
                    || profile.entitlements.union(&profile.withdrawn).filter_map(Entitlement::as_group);
                let known = |name: &str| ours().find(|ours| ours.to_lowercase() == name.to_lowercase());
                let named = |group: &groups::Group| known(&group.name).unwrap_or(&group.name).to_owned();
                seen.entitlements = groups.iter().map(named).map(Entitlement::Group).collect();
            }
            Ok(Actual::Present(seen))
        })
    }

    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            match step {
                Step::Create(profile) => return self.create(key, profile).await,
                Step::Adopt { native_id } => self.adopt(key, native_id).await?,
                Step::Enable { native_id } => self.open(key, native_id).await?,
                Step::Disable { native_id } => self.close(key, native_id).await?,
                Step::Update { native_id, profile } => self.update(key, native_id, profile).await?,
                Step::Give { native_id, entitlement: Entitlement::Group(name) } => {
                    self.join(key, native_id, name).await?;
                }
                Step::Take { native_id, entitlement: Entitlement::Group(name) } => {
                    self.leave(key, native_id, name).await?;
                }
                Step::Give { entitlement: Entitlement::Role(name), .. }
                | Step::Take { entitlement: Entitlement::Role(name), .. } => {
                    let said = format!("a directory knows groups, and no role \"{name}\"");
                    return Err(Fault::refused(Refusal::Invalid, said));
                }
                Step::Delete { native_id } => self.delete(key, native_id).await?,
                Step::EndSessions { .. } | Step::HandOver { .. } => {}
            }
            Ok(None)
        })
    }

    fn calls(&self, step: &Step) -> Vec<Call> {
        calls::calls(step, &self.directory, &self.naming)
    }

    fn matching<'a>(&'a self, by: &'a By) -> BoxFuture<'a, Result<Vec<Candidate>, Fault>> {
        Box::pin(async move {
            let term = match by {
                By::UserName(name) => filter::equals(&self.directory.name, &self.naming.name(name)),
                By::Email(email) => filter::equals("mail", email),
                By::Attribute(name, value) => filter::equals(filter::attribute(name)?, value),
            };
            let filter = format!("(&{}{term})", self.directory.people());
            let found = self.search(&filter, &Profile::default()).await?;
            Ok(found.iter().filter_map(|entry| self.directory.candidate(entry)).collect())
        })
    }

    fn list<'a>(&'a self, after: Option<&'a str>) -> BoxFuture<'a, Result<Page, Fault>> {
        Box::pin(async move {
            let (people, wanted) = (self.directory.people(), self.directory.attributes());
            let (found, next) = self.server.page(&self.base, &people, &wanted, after).await?;
            let accounts = found.iter().filter_map(|entry| self.directory.candidate(entry)).collect();
            Ok(Page { accounts, next })
        })
    }
}
