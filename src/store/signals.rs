//! What providers say is over, and what of ours that is.

use super::users::identity;
use super::{Error, Identity, Tx, parsed, users};
use crate::identity::{Named, Whose};
use crate::names::SignInId;
use jiff::Timestamp;
use sqlx::{Row, query};

/// Sign-ins that live, of people of one issuer, begun until a moment; a macro, so that statements stay constants. Issuers
/// are kept as they name themselves, and only some end in a slash.
macro_rules! sign_ins {
    ($which:literal) => {
        concat!(
            "SELECT sign_ins.id, identities.subject, identities.email
             FROM sign_ins JOIN identities ON identities.id = sign_ins.identity
             WHERE identities.issuer IN ($1, $1 || '/') AND sign_ins.revoked IS NULL AND sign_ins.until > $3
                AND sign_ins.created <= $4 AND ",
            $which,
            " ORDER BY identities.owner, sign_ins.id"
        )
    };
}

impl Tx {
    /// Notes that a token was heard, and forgets those that need not be remembered any more; `false` where it was heard
    /// before.
    pub async fn hear(&mut self, token: &[u8; 32], until: Timestamp) -> Result<bool, Error> {
        query("DELETE FROM heard WHERE until <= $1")
            .bind(self.now.as_microsecond())
            .execute(&mut *self.inner)
            .await?;
        let noted = query("INSERT INTO heard (token, until) VALUES ($1, $2) ON CONFLICT (token) DO NOTHING")
            .bind(&token[..])
            .bind(until.as_microsecond())
            .execute(&mut *self.inner)
            .await?;
        Ok(noted.rows_affected() > 0)
    }

    /// The live sign-ins that hang on `whose`, at the issuer of this name without a slash at its end, begun until `before`.
    pub async fn sign_ins_of(
        &mut self,
        issuer: &str,
        whose: &Whose,
        before: Timestamp,
    ) -> Result<Vec<SignInId>, Error> {
        let (statement, name, of) = match whose {
            Whose::Session { sid, of } => (sign_ins!("sign_ins.sid = $2"), sid, of.as_ref()),
            Whose::Person(Named::Sub(sub)) => (sign_ins!("identities.subject = $2"), sub, None),
            Whose::Person(Named::Email(email)) => {
                (sign_ins!("lower(identities.email) = lower($2)"), email, None)
            }
        };
        let rows = query(statement)
            .bind(issuer)
            .bind(name)
            .bind(self.now.as_microsecond())
            .bind(before.as_microsecond())
            .fetch_all(&mut *self.inner)
            .await?;
        let mut found = Vec::new();
        for row in &rows {
            let (subject, email) =
                (row.try_get::<&str, _>("subject")?, row.try_get::<Option<&str>, _>("email")?);
            let theirs = match of {
                None => true,
                Some(Named::Sub(sub)) => sub == subject,
                Some(Named::Email(named)) => email.is_some_and(|email| email.eq_ignore_ascii_case(named)),
            };
            if theirs {
                found.push(parsed(row, "id")?);
            }
        }
        Ok(found)
    }

    /// The identities that the issuer of this name, without a slash at its end, calls so: one, unless it is an e-mail
    /// address.
    pub async fn identities_named(&mut self, issuer: &str, named: &Named) -> Result<Vec<Identity>, Error> {
        let (statement, name) = match named {
            Named::Sub(sub) => (users::IDENTITIES_BY_SUB, sub),
            Named::Email(email) => (users::IDENTITIES_BY_EMAIL, email),
        };
        let rows = query(statement).bind(issuer).bind(name).fetch_all(&mut *self.inner).await?;
        rows.iter().map(identity).collect()
    }
}
