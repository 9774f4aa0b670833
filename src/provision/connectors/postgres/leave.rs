//! What is left of a role that is closed: its sessions, what it owns, and in the end the role itself.

use super::server::Session;
use super::{Postgres, sql};
use crate::provision::connector::{Fault, Key};

impl Postgres {
    pub(super) async fn end_sessions(&self, key: &Key, native_id: &str) -> Result<(), Fault> {
        let Some((mut session, role)) = self.ours(key, native_id).await? else { return Ok(()) };
        session.terminate(role.oid).await
    }

    /// Gives what it owns to role `heir`, in every database that the settings name.
    pub(super) async fn hand_over(&self, key: &Key, native_id: &str, heir: &str) -> Result<(), Fault> {
        let Some((_session, role)) = self.ours(key, native_id).await? else { return Ok(()) };
        let (name, heir) = (sql::identifier(&role.name)?, sql::identifier(heir)?);
        for database in &self.databases {
            let mut session = self.server.session_in(database).await?;
            let statement = format!("REASSIGN OWNED BY {name} TO {heir}");
            session.speaking_for(&role.name, vec![statement]).await?;
        }
        Ok(())
    }

    /// Gives what it owns to the owner that the settings name, takes away what it was granted, and drops it. What it has in
    /// a database that they do not name stops this, and the server says where that is.
    pub(super) async fn delete(&self, key: &Key, native_id: &str) -> Result<(), Fault> {
        let Some((mut session, role)) = self.ours(key, native_id).await? else { return Ok(()) };
        let name = sql::identifier(&role.name)?;
        if let Some(owner) = &self.owner {
            let owner = sql::identifier(owner)?;
            for database in &self.databases {
                let reassign = format!("REASSIGN OWNED BY {name} TO {owner}");
                let drop = format!("DROP OWNED BY {name}");
                let mut session = self.server.session_in(database).await?;
                session.speaking_for(&role.name, vec![reassign, drop]).await?;
            }
        }
        session.change(&[format!("DROP ROLE {name}")]).await
    }
}

impl Session<'_> {
    /// Changes something that only who is a member of role `name` may, or who is a superuser.
    async fn speaking_for(&mut self, name: &str, mut statements: Vec<String>) -> Result<(), Fault> {
        if !self.speaks_for(name).await? {
            let options = if self.has_grant_options() { " WITH INHERIT TRUE, SET FALSE" } else { "" };
            let (grant, revoke) = (sql::identifier(name)?, sql::identifier(name)?);
            statements.insert(0, format!("GRANT {grant} TO CURRENT_USER{options}"));
            statements.push(format!("REVOKE {revoke} FROM CURRENT_USER"));
        }
        self.change(&statements).await
    }
}
