//! Roles, which SCIM keeps at the user, and membership, which it keeps at the group.

use super::{Scim, server, wire};
use crate::account::{Entitlement, Profile};
use crate::provision::connector::Fault;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
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
            let Some(group) = self.search("Groups", "displayName", name).await? else { continue };
            let (members, member) = match told {
                Some(told) => (told, wire::id(&group)),
                None => (wire::list(&group, "members").unwrap_or_default(), Some(id.to_owned())),
            };
            if members.iter().any(|entry| wire::text(entry, "value") == member.as_deref()) {
                groups.insert(name.to_owned());
            }
        }
        Ok(groups)
    }

    /// Adds the account to the group, which is created if there is none of that name.
    pub(super) async fn join(&self, id: &str, name: &str) -> Result<(), Fault> {
        let group = self.group_to_join(name).await?;
        let operations = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
        let reply = self.server.write(Method::PATCH, &["Groups", &group], &wire::patch(operations)).await?;
        // A conflict says that it is a member already.
        if reply.status == StatusCode::CONFLICT { Ok(()) } else { reply.done().map(drop) }
    }

    /// Takes the account out of the group; the group stays, even if empty.
    pub(super) async fn leave(&self, id: &str, name: &str) -> Result<(), Fault> {
        let group = self.search("Groups", "displayName", name).await?;
        let Some(group) = group.as_ref().and_then(wire::id) else { return Ok(()) };
        let path = format!("members[value eq {}]", wire::quoted(id));
        let operations = json!([{ "op": "remove", "path": path }]);
        let reply = self.server.write(Method::PATCH, &["Groups", &group], &wire::patch(operations)).await?;
        if reply.status == StatusCode::NOT_FOUND || server::says(&reply, "noTarget") {
            Ok(())
        } else {
            reply.done().map(drop)
        }
    }

    async fn group_to_join(&self, name: &str) -> Result<String, Fault> {
        let _one_at_a_time = self.creating_group.lock().await;
        let found = match self.search("Groups", "displayName", name).await? {
            Some(group) => Some(group),
            None => self.server.write(Method::POST, &["Groups"], &wire::group(name)).await?.done()?,
        };
        found
            .as_ref()
            .and_then(wire::id)
            .ok_or_else(|| Fault::transient(format!("group \"{name}\" has no id yet")))
    }
}
