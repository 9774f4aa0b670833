//! Changes to a role that is ours, and to what it is a member of.

use super::role::Options;
use super::{Postgres, mark, role, sql};
use crate::account::Profile;
use crate::provision::connector::{Fault, Key, Refusal};

impl Postgres {
    /// Puts our mark on a role that was there before us. Superusers are not taken, nor is the role that we are.
    pub(super) async fn adopt(&self, key: &Key, native_id: &str) -> Result<(), Fault> {
        let (oid, mark, mut session) =
            (role::oid(native_id)?, mark(&key.external_id), self.server.session().await?);
        let found = session.roles(Some(oid), &mark).await?;
        // Gone meanwhile: the next look sees that.
        let Some(role) = found.into_iter().find(|role| role.oid == oid) else { return Ok(()) };
        if role.superuser || role.name == self.server.user() {
            let said = format!("role \"{}\" is a superuser or our own, and so not to be managed", role.name);
            return Err(Fault::refused(Refusal::Forbidden, said));
        }
        let (name, comment) = (sql::identifier(&role.name)?, sql::literal(&role.marked(&mark))?);
        session.change(&[format!("COMMENT ON ROLE {name} IS {comment}")]).await
    }

    pub(super) async fn let_in(&self, key: &Key, native_id: &str) -> Result<(), Fault> {
        let Some((mut session, role)) = self.ours(key, native_id).await? else { return Ok(()) };
        session.change(&[format!("ALTER ROLE {} LOGIN", sql::identifier(&role.name)?)]).await
    }

    /// Lets nobody in any more, and ends the sessions that are open: those outlive the right to log in.
    pub(super) async fn shut_out(&self, key: &Key, native_id: &str) -> Result<(), Fault> {
        let Some((mut session, role)) = self.ours(key, native_id).await? else { return Ok(()) };
        session.change(&[format!("ALTER ROLE {} NOLOGIN", sql::identifier(&role.name)?)]).await?;
        session.terminate(role.oid).await
    }

    pub(super) async fn update(&self, key: &Key, native_id: &str, profile: &Profile) -> Result<(), Fault> {
        let Some((mut session, role)) = self.ours(key, native_id).await? else { return Ok(()) };
        let (named, options) = (sql::identifier(&role.name)?, Options::of(profile)?);
        let wanted = sql::identifier(&self.naming.name(&profile.user_name))?;
        let rename = (named != wanted).then(|| format!("ALTER ROLE {named} RENAME TO {wanted}"));
        let statements: Vec<String> =
            rename.into_iter().chain([format!("ALTER ROLE {wanted}{options}")]).collect();
        session.change(&statements).await
    }

    /// Makes it a member of role `group`, which is there already: with what that may do, and without becoming it, so that
    /// whatever it makes is its own.
    pub(super) async fn give(&self, key: &Key, native_id: &str, group: &str) -> Result<(), Fault> {
        let Some((mut session, role)) = self.ours(key, native_id).await? else { return Ok(()) };
        let options = if session.has_grant_options() { " WITH INHERIT TRUE, SET FALSE" } else { "" };
        let (group, name) = (sql::identifier(group)?, sql::identifier(&role.name)?);
        session.change(&[format!("GRANT {group} TO {name}{options}")]).await
    }

    /// Takes its membership of role `group` away, whoever gave it.
    pub(super) async fn take(&self, key: &Key, native_id: &str, group: &str) -> Result<(), Fault> {
        let Some((mut session, role)) = self.ours(key, native_id).await? else { return Ok(()) };
        let revoke = format!("REVOKE {} FROM {}", sql::identifier(group)?, sql::identifier(&role.name)?);
        let mut statements = Vec::new();
        for grantor in session.grantors(group, role.oid).await? {
            // Before PostgreSQL 16 there is one membership, whoever is written beside it.
            let by = match session.has_grant_options() {
                true => format!(" GRANTED BY {}", sql::identifier(&grantor)?),
                false => String::new(),
            };
            statements.push(format!("{revoke}{by}"));
        }
        if statements.is_empty() { Ok(()) } else { session.change(&statements).await }
    }
}
