//! Membership, which SCIM keeps at the group.

use super::{Scim, wire};
use crate::account::Profile;
use crate::provision::connector::Fault;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Scim {
    /// The groups that `user` is in, at least those that `profile` names: from the user where the server tells them
    /// there by name, else from the groups.
    pub(super) async fn groups_of(
        &self,
        user: &Value,
        id: &str,
        profile: &Profile,
    ) -> Result<BTreeSet<String>, Fault> {
        let ours = || profile.groups.union(&profile.withdrawn);
        let told = wire::list(user, "groups");
        if let Some(told) = told {
            let names = told.iter().map(|group| wire::text(group, "display")).collect::<Option<Vec<_>>>();
            if let Some(names) = names {
                // Under the name that we know it by, as servers compare names without case.
                let known =
                    |name: &str| ours().find(|ours| ours.to_lowercase() == name.to_lowercase()).cloned();
                return Ok(names
                    .into_iter()
                    .map(|name| known(name).unwrap_or_else(|| name.to_owned()))
                    .collect());
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
                groups.insert(name.clone());
            }
        }
        Ok(groups)
    }

    /// Adds the account to the group, which is created if there is none of that name.
    pub(super) async fn join(&self, id: &str, name: &str) -> Result<(), Fault> {
        let group = self.group_to_join(name).await?;
        let operations = json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]);
        let reply = self.http.write(Method::PATCH, &["Groups", &group], &wire::patch(operations)).await?;
        // A conflict says that it is a member already.
        if reply.status == StatusCode::CONFLICT { Ok(()) } else { reply.done().map(drop) }
    }

    /// Takes the account out of the group; the group stays, even if empty.
    pub(super) async fn leave(&self, id: &str, name: &str) -> Result<(), Fault> {
        let group = self.search("Groups", "displayName", name).await?;
        let Some(group) = group.as_ref().and_then(wire::id) else { return Ok(()) };
        let path = format!("members[value eq {}]", wire::quoted(id));
        let operations = json!([{ "op": "remove", "path": path }]);
        let reply = self.http.write(Method::PATCH, &["Groups", &group], &wire::patch(operations)).await?;
        if reply.status == StatusCode::NOT_FOUND || reply.says("noTarget") {
            Ok(())
        } else {
            reply.done().map(drop)
        }
    }

    async fn group_to_join(&self, name: &str) -> Result<String, Fault> {
        let _one_at_a_time = self.creating_group.lock().await;
        let found = match self.search("Groups", "displayName", name).await? {
            Some(group) => Some(group),
            None => self.http.write(Method::POST, &["Groups"], &wire::group(name)).await?.done()?,
        };
        found
            .as_ref()
            .and_then(wire::id)
            .ok_or_else(|| Fault::transient(format!("group \"{name}\" has no id yet")))
    }
}
