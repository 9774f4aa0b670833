//! PostgreSQL's roles as accounts. A role is ours if its comment has the line `guestpass:<external id>`; other lines stay,
//! and so do roles, memberships and options that no policy names. Groups and roles of a policy are both roles that ours
//! is made a member of; they are not made, as what they may do is not ours to say.
//!
//! Closed means `NOLOGIN` and no session left: `VALID UNTIL`, which is written as well, ends passwords alone. No password
//! is ever set, as there is nobody to tell it to: people sign in by certificate, Kerberos, LDAP or what else `pg_hba.conf`
//! says, or have a password that somebody else gave them.

mod calls;
mod change;
mod fault;
mod leave;
mod role;
mod server;
mod settings;
mod sql;
#[cfg(test)]
mod tests;

pub use settings::Settings;

use self::role::{Options, Role};
use self::server::{Server, Session};
use super::mark::{self, mark};
use super::naming::Naming;
use crate::account::{Actual, Candidate, Desired, Profile, Step};
use crate::provision::connector::{Abilities, By, Call, Connector, Fault, Key, Page, Refusal};
use crate::provision::pace::Pace;
use futures_util::future::BoxFuture;

/// The roles of a PostgreSQL server.
pub struct Postgres {
    server: Server,
    naming: Naming,
    /// Who takes what a deleted role owned.
    owner: Option<String>,
    /// Where a role may own something, or may have been granted something.
    databases: Vec<String>,
}

impl Postgres {
    /// A client for the server of `settings`. Connects to nothing yet.
    pub fn new(settings: &Settings, pace: Pace) -> Self {
        Self {
            server: Server::new(settings, pace),
            naming: settings.name.clone(),
            owner: settings.owner.clone(),
            databases: settings.databases(),
        }
    }

    /// The role that carries our mark.
    async fn find(&self, key: &Key) -> Result<Option<Role>, Fault> {
        let oid = key.native_id.as_deref().map(role::oid).transpose()?;
        let found = self.server.session().await?.roles(oid, &mark(&key.external_id)).await?;
        let is_ours = |role: &Role| role.external_id() == Some(&key.external_id);
        mark::ours(found, is_ours, |role| format!("role \"{}\"", role.name))
    }

    async fn create(&self, key: &Key, profile: &Profile) -> Result<Option<String>, Fault> {
        let name = self.naming.name(&profile.user_name);
        let (role, mark) = (sql::identifier(&name)?, mark(&key.external_id));
        let statements = [
            format!("CREATE ROLE {role} LOGIN{}", Options::of(profile)?),
            format!("COMMENT ON ROLE {role} IS {}", sql::literal(&mark)?),
        ];
        let mut session = self.server.session().await?;
        let created = session.change(&statements).await;
        if !matches!(created, Ok(()) | Err(Fault::Refused { why: Refusal::Conflict, .. })) {
            return created.map(|()| None);
        }
        // Made just now, or by a call whose answer was lost, or by another worker.
        match session.roles(None, &mark).await?.first() {
            Some(role) => Ok(Some(role.oid.to_string())),
            None => {
                let said =
                    format!("a role \"{name}\" exists that does not carry our mark; it is not taken over");
                Err(Fault::refused(Refusal::Conflict, said))
            }
        }
    }

    /// The role with this id, if it is there and still ours, and a session to change it in.
    async fn ours(&self, key: &Key, native_id: &str) -> Result<Option<(Session<'_>, Role)>, Fault> {
        let (oid, mut session) = (role::oid(native_id)?, self.server.session().await?);
        let found = session.roles(Some(oid), &mark(&key.external_id)).await?;
        let ours = |role: &Role| role.oid == oid && role.external_id() == Some(&key.external_id);
        // If it is not, the next look says so.
        Ok(found.into_iter().find(ours).map(|role| (session, role)))
    }
}

impl Connector for Postgres {
    fn abilities(&self) -> Abilities {
        Abilities {
            // Without somebody to take what it owns, a role that owns something cannot go.
            delete: self.owner.is_some(),
            sessions: true,
            hand_over: true,
            link: true,
            list: true,
            unmarked: false,
            only_by_id: false,
        }
    }

    fn observe<'a>(&'a self, key: &'a Key, wanted: &'a Desired) -> BoxFuture<'a, Result<Actual, Fault>> {
        Box::pin(async move {
            let profile = if let Desired::Active(profile) = wanted { Some(profile) } else { None };
            let found = self.find(key).await?;
            Ok(found.map_or(Actual::Absent, |role| Actual::Present(role.seen(&self.naming, profile))))
        })
    }

    fn apply<'a>(&'a self, key: &'a Key, step: &'a Step) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async move {
            match step {
                Step::Create(profile) => return self.create(key, profile).await,
                Step::Adopt { native_id } => self.adopt(key, native_id).await?,
                Step::Enable { native_id } => self.let_in(key, native_id).await?,
                Step::Disable { native_id } => self.shut_out(key, native_id).await?,
                Step::Update { native_id, profile } => self.update(key, native_id, profile).await?,
                Step::Give { native_id, entitlement } => {
                    self.give(key, native_id, entitlement.name()).await?;
                }
                Step::Take { native_id, entitlement } => {
                    self.take(key, native_id, entitlement.name()).await?;
                }
                Step::EndSessions { native_id } => self.end_sessions(key, native_id).await?,
                Step::HandOver { native_id, heir } => self.hand_over(key, native_id, heir).await?,
                Step::Delete { native_id } => self.delete(key, native_id).await?,
            }
            Ok(None)
        })
    }

    fn calls(&self, step: &Step) -> Vec<Call> {
        calls::calls(step, &self.naming)
    }

    fn matching<'a>(&'a self, by: &'a By) -> BoxFuture<'a, Result<Vec<Candidate>, Fault>> {
        Box::pin(async move {
            let name = match by {
                By::UserName(name) => self.naming.name(name),
                // A role has no address.
                By::Email(_) => return Ok(Vec::new()),
                By::Attribute(name, _) => {
                    let said = format!("roles cannot be searched by \"{name}\"");
                    return Err(Fault::refused(Refusal::Invalid, said));
                }
            };
            let found = self.server.session().await?.named(&name).await?;
            Ok(found.iter().map(Role::candidate).collect())
        })
    }

    fn list<'a>(&'a self, after: Option<&'a str>) -> BoxFuture<'a, Result<Page, Fault>> {
        Box::pin(async move {
            let after = after.map(role::oid).transpose()?;
            let found = self.server.session().await?.page(after.unwrap_or_default()).await?;
            let next = found.last().filter(|_| found.len() >= server::PAGE);
            Ok(Page {
                next: next.map(|role| role.oid.to_string()),
                accounts: found.iter().map(Role::candidate).collect(),
            })
        })
    }
}
