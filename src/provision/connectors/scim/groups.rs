//! Roles, which SCIM keeps at the user, and membership, which it keeps at the group.

use super::dialect::Membership;
use super::edit::Edit;
use super::{Scim, server, wire};
use crate::account::{Entitlement, Profile};
use crate::provision::connector::{Fault, Refusal};
use reqwest::StatusCode;
use serde_json::Value;
use std::collections::BTreeSet;

impl Scim {
    /// What `user` may do, at least as much of it as `profile` names.
    pub(super) async fn entitlements_of(
        &self,
        user: &Value,
        id: &str,
        profile: &Profile,
    ) -> Result<BTreeSet<Entitlement>, Fault> {
        let groups = self.groups_of(user, id, profile).await?;
        let roles = wire::roles(user).into_iter().map(Entitlement::Role);
        Ok(groups.into_iter().map(Entitlement::Group).chain(roles).collect())
    }

    /// The groups that `user` is in: from the user where the server tells them there by name, else from the groups.
    async fn groups_of(&self, user: &Value, id: &str, profile: &Profile) -> Result<BTreeSet<String>, Fault> {
        let manner = self.server.known();
        if !manner.groups {
            return Ok(BTreeSet::new());
        }
        let ours = || profile.entitlements.union(&profile.withdrawn).filter_map(Entitlement::as_group);
        let told = wire::list(user, "groups");
        if let Some(told) = told {
            let names = told.iter().map(|group| wire::text(group, "display")).collect::<Option<Vec<_>>>();
            if let Some(names) = names {
                // Under the name that we know it by, as servers compare names without case.
                let known = |name: &str| ours().find(|ours| ours.to_lowercase() == name.to_lowercase());
                return Ok(names.into_iter().map(|name| known(name).unwrap_or(name).to_owned()).collect());
            }
        }
        let mut groups = BTreeSet::new();
        for name in ours() {
            let Some(group) = self.group(name).await? else { continue };
            let is_member = match told {
                Some(told) => told.iter().any(|one| wire::is_entry(one, &group)),
                None => self.has_member(&group, id, manner.membership).await?,
            };
            if is_member {
                groups.insert(name.to_owned());
            }
        }
        Ok(groups)
    }

    /// The id of the group of this name, if there is one.
    async fn group(&self, name: &str) -> Result<Option<String>, Fault> {
        match self.search("Groups", "displayName", name).await? {
            Some(group) => wire::id(&group).map(Some).ok_or_else(|| without_id(name)),
            None => Ok(None),
        }
    }

    /// Whether the group says that the user is in it.
    async fn has_member(&self, group: &str, id: &str, membership: Membership) -> Result<bool, Fault> {
        if membership == Membership::Asked {
            let filter = format!("id eq {} and members eq {}", wire::quoted(group), wire::quoted(id));
            return self.server.has("Groups", &filter).await;
        }
        let reply = self.server.get(&["Groups", group]).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Ok(false);
        }
        let group = server::resource(reply)?;
        Ok(wire::list(&group, "members").unwrap_or_default().iter().any(|one| wire::is_entry(one, id)))
    }

    /// Adds the account to the group, which is created if there is none of that name.
    pub(super) async fn join(&self, id: &str, name: &str) -> Result<(), Fault> {
        if !self.server.known().groups {
            let said = format!("the server has no groups, and so none called \"{name}\"");
            return Err(Fault::refused(Refusal::Invalid, said));
        }
        let group = self.group_to_join(name).await?;
        let reply = self.server.edit("Groups", &group, &[Edit::Add("members", id.to_owned())]).await?;
        // A conflict says that it is a member already.
        if reply.status == StatusCode::CONFLICT { Ok(()) } else { reply.done().map(drop) }
    }

    /// Takes the account out of the group; the group stays, even if empty.
    pub(super) async fn leave(&self, id: &str, name: &str) -> Result<(), Fault> {
        if !self.server.known().groups {
            return Ok(());
        }
        let Some(group) = self.group(name).await? else { return Ok(()) };
        let reply = self.server.edit("Groups", &group, &[Edit::Remove("members", id.to_owned())]).await?;
        if reply.status == StatusCode::NOT_FOUND || server::says(&reply, "noTarget") {
            Ok(())
        } else {
            reply.done().map(drop)
        }
    }

    async fn group_to_join(&self, name: &str) -> Result<String, Fault> {
        let _one_at_a_time = self.creating_group.lock().await;
        if let Some(group) = self.group(name).await? {
            return Ok(group);
        }
        let made = self.server.post(&["Groups"], &wire::group(name)).await?.done()?;
        made.as_ref().and_then(wire::id).ok_or_else(|| without_id(name))
    }
}

fn without_id(group: &str) -> Fault {
    Fault::transient(format!("group \"{group}\" has no id yet"))
}
