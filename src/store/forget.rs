//! People who have not been seen for long are forgotten: names, addresses, claims, sign-ins, and the key of their part of
//! the record. What stays is what makes an end an end: that somebody whose subject has this keyed hash had a role until
//! then. Should they come again, they are known by it, and begin no new life.

use super::users::Identity;
use super::{Error, Store, Tx, parsed};
use crate::account::Grant;
use crate::identity::Subject;
use crate::names::{IdentityId, UserId, VaultId};
use crate::seal::{random_bytes, sha256_text};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use sqlx::query;

impl Store {
    /// What stands in place of a subject that is forgotten. Whoever has nothing but the database cannot try who it was.
    fn pseudonym(&self, subject: &Subject) -> String {
        let key = self.instance().pseudonyms.expose_secret();
        format!("~{}", sha256_text(&[b"forgotten", key, subject.issuer.as_bytes(), subject.sub.as_bytes()]))
    }

    /// People of whom nothing was seen since `before`, who have no access, no account and no sign-in; at most `limit`.
    pub async fn people_to_forget(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<UserId>, Error> {
        let rows = query(
            "SELECT DISTINCT users.id FROM identities JOIN users ON users.id = identities.owner
             WHERE identities.forgotten IS NULL AND identities.confirmed < $1 AND coalesce(users.revoked, 0) < $1
                AND NOT EXISTS (SELECT 1 FROM identities AS others
                    WHERE others.owner = users.id AND others.forgotten IS NULL AND others.confirmed >= $1)
                AND NOT EXISTS (SELECT 1 FROM grants JOIN identities AS theirs ON theirs.id = grants.identity
                    WHERE theirs.owner = users.id
                        AND (grants.ended = 0 OR grants.until >= $1 OR grants.last_used >= $1))
                AND NOT EXISTS (SELECT 1 FROM sign_ins JOIN identities AS theirs ON theirs.id = sign_ins.identity
                    WHERE theirs.owner = users.id AND sign_ins.revoked IS NULL AND sign_ins.until > $2)
                AND NOT EXISTS (SELECT 1 FROM accounts
                    WHERE accounts.owner = users.id AND (native_id IS NOT NULL OR settled < version))
             ORDER BY users.id LIMIT $3",
        )
        .bind(before.as_microsecond())
        .bind(now.as_microsecond())
        .bind(i64::from(limit))
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    /// People who were never let in, and of whom the record speaks for the last time before `before`; at most `limit`.
    pub async fn strangers_to_forget(&self, before: Timestamp, limit: u32) -> Result<Vec<VaultId>, Error> {
        let rows = query(
            "SELECT id FROM vaults WHERE key IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM users WHERE users.vault = vaults.id)
                AND NOT EXISTS (SELECT 1 FROM events WHERE events.vault = vaults.id AND events.at >= $1)
             ORDER BY id LIMIT $2",
        )
        .bind(before.as_microsecond())
        .bind(i64::from(limit))
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }
}

/// Sign-ins that are over for so long that nobody asks for them; a macro, so that statements stay constants. What has
/// ended keeps an access token from being taken for a new one, for as long as that may be shown.
macro_rules! of_ended {
    ($statement:literal) => {
        concat!(
            $statement,
            " IN (SELECT id FROM sign_ins WHERE until < $1 AND (token IS NULL OR created < $2)
                ORDER BY until, id LIMIT $3)"
        )
    };
}

impl Tx {
    /// Takes away sign-ins that ended before `ended`, with all that hangs on them, at most `limit`: how many that were.
    /// Those by an access token stay if they are not older than `made`.
    pub async fn forget_sign_ins(
        &mut self,
        ended: Timestamp,
        made: Timestamp,
        limit: u32,
    ) -> Result<u64, Error> {
        let mut gone = 0;
        for statement in [
            of_ended!("DELETE FROM refreshes WHERE sign_in"),
            of_ended!("DELETE FROM handovers WHERE sign_in"),
            of_ended!("DELETE FROM sessions WHERE sign_in"),
            of_ended!("DELETE FROM sign_ins WHERE id"),
        ] {
            let done = query(statement)
                .bind(ended.as_microsecond())
                .bind(made.as_microsecond())
                .bind(i64::from(limit))
                .execute(&mut *self.inner)
                .await?;
            gone = done.rows_affected();
        }
        Ok(gone)
    }

    /// Forgets a person whose part of the record is in `vault`.
    pub async fn forget(&mut self, user: UserId, vault: VaultId) -> Result<(), Error> {
        for grant in self.grants(user).await? {
            self.save_grant(user, &without_names(grant), None).await?;
        }
        for identity in self.identities(user).await? {
            // Who was another person once has a vault of before.
            let other = self.vault(&identity.subject.issuer, &identity.subject.sub).await?;
            self.destroy(other).await?;
            self.forget_identity(&identity).await?;
        }
        self.destroy(vault).await?;
        for statement in [
            "DELETE FROM refreshes WHERE sign_in IN (SELECT sign_ins.id FROM sign_ins
                JOIN identities ON identities.id = sign_ins.identity WHERE owner = $1)",
            "DELETE FROM handovers WHERE sign_in IN (SELECT sign_ins.id FROM sign_ins
                JOIN identities ON identities.id = sign_ins.identity WHERE owner = $1)",
            "DELETE FROM sessions WHERE sign_in IN (SELECT sign_ins.id FROM sign_ins
                JOIN identities ON identities.id = sign_ins.identity WHERE owner = $1)",
            "DELETE FROM sign_ins WHERE identity IN (SELECT id FROM identities WHERE owner = $1)",
            "DELETE FROM promises WHERE account IN (SELECT id FROM accounts WHERE owner = $1)",
            "DELETE FROM accounts WHERE owner = $1",
        ] {
            query(statement).bind(user.to_string()).execute(&mut *self.inner).await?;
        }
        self.touch(user);
        Ok(())
    }

    /// Destroys the key of a part of the record: nobody opens it any more, nor finds it by whom it is about.
    pub async fn destroy(&mut self, vault: VaultId) -> Result<(), Error> {
        query("UPDATE vaults SET key = NULL, lookup = $2 WHERE id = $1")
            .bind(vault.to_string())
            .bind(&random_bytes()[..])
            .execute(&mut *self.inner)
            .await?;
        Ok(())
    }

    async fn forget_identity(&mut self, identity: &Identity) -> Result<(), Error> {
        query(
            "UPDATE identities SET subject = $2, display_name = NULL, email = NULL, claims = '{}', forgotten = $3
             WHERE id = $1",
        )
        .bind(identity.id.to_string())
        .bind(self.store.pseudonym(&identity.subject))
        .bind(self.now.as_microsecond())
        .execute(&mut *self.inner)
        .await?;
        Ok(())
    }

    /// Knows `subject` again if they were forgotten; `false` if they were not. Their part of the record begins anew.
    pub(super) async fn remember(&mut self, subject: &Subject) -> Result<bool, Error> {
        let row = query(
            "SELECT id, owner FROM identities WHERE issuer = $1 AND subject = $2 AND forgotten IS NOT NULL",
        )
        .bind(&subject.issuer)
        .bind(self.store.pseudonym(subject))
        .fetch_optional(&mut *self.inner)
        .await?;
        let Some(row) = row else { return Ok(false) };
        let (identity, user): (IdentityId, UserId) = (parsed(&row, "id")?, parsed(&row, "owner")?);
        self.lock(user).await?;
        query("UPDATE identities SET subject = $2, forgotten = NULL WHERE id = $1")
            .bind(identity.to_string())
            .bind(&subject.sub)
            .execute(&mut *self.inner)
            .await?;
        let vault = self.vault(&subject.issuer, &subject.sub).await?;
        query("UPDATE users SET vault = $2 WHERE id = $1")
            .bind(user.to_string())
            .bind(vault.to_string())
            .execute(&mut *self.inner)
            .await?;
        self.touch(user);
        Ok(true)
    }
}

/// The grant without what policy took from claims, or says of other people.
fn without_names(mut grant: Grant) -> Grant {
    grant.terms.attributes.clear();
    (grant.terms.sponsor, grant.terms.heir) = (None, None);
    grant
}
