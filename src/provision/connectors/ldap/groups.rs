//! Groups: who is in them is written at the group, in one of three ways.
//!
//! A group is never read for its members: it is asked which groups have one. So it does not matter how many members a
//! group has, nor that Active Directory tells at most 1,500 at a time.
//!
//! An entry's own name is nobody else's. What somebody signs in with may be: a `posixGroup` lists that alone, and who of
//! several is meant it does not say. What was never ours is not taken away there, and nobody gets it by being called so.

use super::entry::Entry;
use super::others::Others;
use super::{Ldap, fault, filter};
use crate::account::Profile;
use crate::provision::connector::{Fault, Key, Refusal};
use ldap3::Mod;
use std::collections::HashSet;

/// The object classes of groups, and the attribute in which each keeps its members. What is of two of them is taken for the
/// first.
const KINDS: [(&str, &str); 4] = [
    ("groupOfNames", "member"),
    ("groupOfUniqueNames", "uniqueMember"),
    ("group", "member"),
    ("posixGroup", BY_NAME),
];
const BY_NAME: &str = "memberUid";

/// A group.
pub(super) struct Group {
    dn: String,
    pub(super) name: String,
    /// The attribute in which it keeps its members.
    attribute: &'static str,
}

/// How somebody is written in groups: by the name of their entry, or by the name that they sign in with.
pub(super) struct Member {
    pub(super) dn: String,
    pub(super) name: String,
}

/// What is done with the values of an attribute.
pub(super) type Modify = fn(Vec<u8>, HashSet<Vec<u8>>) -> Mod<Vec<u8>>;

impl Group {
    fn of(entry: Entry) -> Option<Self> {
        let (_, attribute) = KINDS.iter().find(|(class, _)| entry.is_a(class))?;
        Some(Self { name: entry.first("cn")?.to_owned(), dn: entry.dn, attribute })
    }

    /// `member` as it writes them.
    fn value<'a>(&self, member: &'a Member) -> &'a str {
        if self.lists_names() { &member.name } else { &member.dn }
    }

    /// Whether it knows its members by what they sign in with alone.
    fn lists_names(&self) -> bool {
        self.attribute == BY_NAME
    }

    fn change(&self, with: Modify, value: &str) -> Mod<Vec<u8>> {
        with(self.attribute.into(), [value.as_bytes().to_vec()].into())
    }
}

impl Ldap {
    pub(super) fn member(&self, entry: &Entry) -> Member {
        let name = entry.first(&self.directory.name).unwrap_or_default().to_owned();
        Member { dn: entry.dn.clone(), name }
    }

    /// The groups that `entry` is in by itself, not by way of another group.
    pub(super) async fn groups_of(&self, entry: &Entry) -> Result<Vec<Group>, Fault> {
        self.groups_with(&self.member(entry)).await
    }

    async fn groups_with(&self, member: &Member) -> Result<Vec<Group>, Fault> {
        let by_dn =
            ["member", "uniqueMember"].map(|attribute| filter::equals(attribute, &member.dn)).concat();
        let by_name = filter::equals(BY_NAME, &member.name);
        self.groups_that(&format!("(|{by_dn}{by_name})")).await
    }

    async fn groups_that(&self, term: &str) -> Result<Vec<Group>, Fault> {
        let kinds = KINDS.map(|(class, _)| filter::equals("objectClass", class)).concat();
        let filter = format!("(&(|{kinds}){term})");
        let found = self.server.search(&self.groups, &filter, &["cn", "objectClass"]).await?;
        Ok(found.into_iter().filter_map(Group::of).collect())
    }

    async fn group(&self, name: &str) -> Result<Option<Group>, Fault> {
        let mut found = self.groups_that(&filter::equals("cn", name)).await?;
        if found.len() > 1 {
            let said = format!("{} groups are called \"{name}\"", found.len());
            return Err(Fault::refused(Refusal::Conflict, said));
        }
        Ok(found.pop())
    }

    pub(super) async fn join(&self, key: &Key, native_id: &str, name: &str) -> Result<(), Fault> {
        let Some(entry) = self.ours(key, native_id, &Profile::default()).await? else { return Ok(()) };
        let group = self.group(name).await?.ok_or_else(|| {
            Fault::refused(
                Refusal::Invalid,
                format!("there is no group \"{name}\" below \"{}\"", self.groups),
            )
        })?;
        let member = self.member(&entry);
        if group.lists_names()
            && let Others::One(other) = self.others(&member.name, Some(&member.dn)).await?
        {
            let said =
                format!("\"{other}\" is called \"{}\", too, and \"{name}\" would have both", member.name);
            return Err(Fault::refused(Refusal::Conflict, said));
        }
        self.enter(&group, &member).await
    }

    pub(super) async fn leave(&self, key: &Key, native_id: &str, name: &str) -> Result<(), Fault> {
        let Some(entry) = self.ours(key, native_id, &Profile::default()).await? else { return Ok(()) };
        match self.group(name).await? {
            Some(group) => self.exit(&group, &self.member(&entry)).await,
            None => Ok(()),
        }
    }

    async fn enter(&self, group: &Group, member: &Member) -> Result<(), Fault> {
        let add = group.change(Mod::Add, group.value(member));
        self.server.modify(&group.dn, vec![add]).await?.done_or(&[fault::ATTRIBUTE_OR_VALUE_EXISTS])
    }

    async fn exit(&self, group: &Group, member: &Member) -> Result<(), Fault> {
        let delete = || group.change(Mod::Delete, group.value(member));
        let answer = self.server.modify(&group.dn, vec![delete()]).await?;
        if answer.code() == fault::OBJECT_CLASS_VIOLATION && !group.lists_names() {
            // The last member: such a group must not be empty (RFC 4519, section 3.5).
            let stay = group.change(Mod::Add, &self.placeholder);
            return self.server.modify(&group.dn, vec![stay, delete()]).await?.done_or(&[]);
        }
        answer.done_or(&[fault::NO_SUCH_ATTRIBUTE, fault::NO_SUCH_OBJECT])
    }

    /// Takes `member`, who is about to be deleted, out of all groups that are theirs.
    pub(super) async fn leave_all(&self, member: &Member) -> Result<(), Fault> {
        for group in self.groups_of_alone(member).await? {
            self.exit(&group, member).await?;
        }
        Ok(())
    }

    /// Takes `member`, who is about to be called so, out of all groups in which somebody was left who had the name before:
    /// nobody is to inherit what another had. Where it may be somebody who has it still, it is refused.
    pub(super) async fn vacate(&self, member: &Member) -> Result<(), Fault> {
        let groups = self.groups_with(member).await?;
        if let Some(group) = groups.iter().find(|group| group.lists_names()) {
            let (group, name) = (&group.name, &member.name);
            let who = match self.others(name, None).await? {
                Others::None => None,
                Others::One(other) => Some(format!("who is \"{other}\"")),
                Others::Unseen => Some("who may be somebody whom we may not see".to_owned()),
            };
            if let Some(who) = who {
                let said = format!(
                    "group \"{group}\" has a member \"{name}\", {who}: it knows people by that alone"
                );
                return Err(Fault::refused(Refusal::Conflict, said));
            }
        }
        for group in &groups {
            self.exit(group, member).await?;
        }
        Ok(())
    }

    /// Writes `after` for `before`, who is the same, in all groups that are theirs.
    pub(super) async fn follow(&self, before: &Member, after: &Member) -> Result<(), Fault> {
        for group in self.groups_of_alone(before).await? {
            self.enter(&group, after).await?;
            self.exit(&group, before).await?;
        }
        Ok(())
    }

    /// The groups that `member` is in, without those that may mean somebody else of the same name.
    async fn groups_of_alone(&self, member: &Member) -> Result<Vec<Group>, Fault> {
        let mut groups = self.groups_with(member).await?;
        if groups.iter().any(Group::lists_names)
            && let Others::One(_) = self.others(&member.name, Some(&member.dn)).await?
        {
            groups.retain(|group| !group.lists_names());
        }
        Ok(groups)
    }
}
