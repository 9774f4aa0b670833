//! People and their identities.

use super::{Error, Store, Tx, json, maybe_time, parsed, time};
use crate::identity::{Claims, Subject, Voucher};
use crate::names::{IdentityId, ProviderName, UserId, VaultId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::any::AnyRow;
use sqlx::{Row, query};

/// A person.
#[derive(Debug, Clone, Serialize)]
pub struct User {
    /// Which person.
    pub id: UserId,
    /// The key for their part of the record.
    pub vault: VaultId,
    /// When an operator shut them out.
    pub revoked: Option<Timestamp>,
}

/// One identity of a person.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Identity {
    /// Which identity.
    pub id: IdentityId,
    /// Whose.
    pub user: UserId,
    /// The provider, as the configuration calls it.
    pub provider: ProviderName,
    /// Issuer and subject.
    #[serde(flatten)]
    pub subject: Subject,
    /// What people call them.
    pub display_name: Option<String>,
    /// Their verified e-mail address.
    pub email: Option<String>,
    /// The claims as last verified.
    #[serde(skip)]
    pub claims: Map<String, Value>,
    /// When that was.
    pub confirmed: Timestamp,
    /// By what the provider vouches for it.
    #[serde(skip)]
    pub voucher: Voucher,
    /// When an operator shut the person out.
    pub revoked: Option<Timestamp>,
}

/// An identity that is not forgotten, with what concerns its person; a macro, so that statements stay constants.
macro_rules! identity {
    ($rest:literal) => {
        concat!(
            "SELECT identities.id, identities.owner, identities.provider, identities.issuer, identities.subject,
                identities.display_name, identities.email, identities.claims, identities.confirmed,
                identities.voucher, users.revoked
             FROM identities JOIN users ON users.id = identities.owner WHERE identities.forgotten IS NULL",
            $rest
        )
    };
}

/// All identities of the people from one id to another, oldest first.
pub(super) const IDENTITIES_BETWEEN: &str =
    identity!(" AND identities.owner BETWEEN $1 AND $2 ORDER BY identities.id");

/// The identities that an issuer calls so, which may end in a slash.
pub(super) const IDENTITIES_BY_SUB: &str = identity!(
    " AND identities.issuer IN ($1, $1 || '/') AND identities.subject = $2 ORDER BY identities.owner, identities.id"
);

/// The same by their verified addresses.
pub(super) const IDENTITIES_BY_EMAIL: &str = identity!(
    " AND identities.issuer IN ($1, $1 || '/') AND lower(identities.email) = lower($2)
      ORDER BY identities.owner, identities.id"
);

pub(super) fn identity(row: &AnyRow) -> Result<Identity, Error> {
    Ok(Identity {
        id: parsed(row, "id")?,
        user: parsed(row, "owner")?,
        provider: parsed(row, "provider")?,
        subject: Subject { issuer: row.try_get("issuer")?, sub: row.try_get("subject")? },
        display_name: row.try_get("display_name")?,
        email: row.try_get("email")?,
        claims: json(row, "claims")?,
        confirmed: time(row, "confirmed")?,
        voucher: parsed(row, "voucher")?,
        revoked: maybe_time(row, "revoked")?,
    })
}

impl Tx {
    /// The person with this id.
    pub async fn user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        self.lock(id).await?;
        let row = query("SELECT id, vault, revoked FROM users WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *self.inner)
            .await?;
        row.map(|row| {
            Ok(User {
                id: parsed(&row, "id")?,
                vault: parsed(&row, "vault")?,
                revoked: maybe_time(&row, "revoked")?,
            })
        })
        .transpose()
    }

    /// The identity of `subject`, if anybody came with it before.
    pub async fn identity_of(&mut self, subject: &Subject) -> Result<Option<Identity>, Error> {
        // Whoever comes for the first time has no row yet that could be locked.
        let name = format!("identity {} {}", subject.issuer, subject.sub);
        self.store.lock(&mut self.inner, &name).await?;
        let found = match self.read_identity(subject).await? {
            // What was read before the lock may be old.
            Some(found) if self.lock(found.user).await? => self.read_identity(subject).await?,
            found => found,
        };
        match found {
            None if self.remember(subject).await? => self.read_identity(subject).await,
            found => Ok(found),
        }
    }

    async fn read_identity(&mut self, subject: &Subject) -> Result<Option<Identity>, Error> {
        let row = query(identity!(" AND identities.issuer = $1 AND identities.subject = $2"))
            .bind(&subject.issuer)
            .bind(&subject.sub)
            .fetch_optional(&mut *self.inner)
            .await?;
        row.as_ref().map(identity).transpose()
    }

    /// All identities of a person, oldest first.
    pub async fn identities(&mut self, user: UserId) -> Result<Vec<Identity>, Error> {
        self.lock(user).await?;
        let rows = query(identity!(" AND identities.owner = $1 ORDER BY identities.id"))
            .bind(user.to_string())
            .fetch_all(&mut *self.inner)
            .await?;
        rows.iter().map(identity).collect()
    }

    /// Writes down a person who comes for the first time.
    pub async fn add_user(&mut self, vault: VaultId) -> Result<UserId, Error> {
        let id = UserId::random();
        query("INSERT INTO users (id, vault, created) VALUES ($1, $2, $3)")
            .bind(id.to_string())
            .bind(vault.to_string())
            .bind(self.now.as_microsecond())
            .execute(&mut *self.inner)
            .await?;
        self.touch(id);
        Ok(id)
    }

    /// Writes down what the provider says now of an identity, new or known.
    pub async fn save_identity(&mut self, user: UserId, claims: &Claims) -> Result<IdentityId, Error> {
        let set = claims.set();
        let row = query(
            "INSERT INTO identities (id, owner, provider, issuer, subject, display_name, email, claims, confirmed, voucher)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (issuer, subject) DO UPDATE SET
                provider = $3, display_name = $6, email = $7, claims = $8, confirmed = $9, voucher = $10
             RETURNING id",
        )
        .bind(IdentityId::random().to_string())
        .bind(user.to_string())
        .bind(set.provider().as_str())
        .bind(&claims.subject().issuer)
        .bind(&claims.subject().sub)
        .bind(set.text("name"))
        .bind(set.verified_email())
        .bind(serde_json::to_string(set.values())?)
        .bind(self.now.as_microsecond())
        .bind(claims.voucher().to_string())
        .fetch_one(&mut *self.inner)
        .await?;
        self.touch(user);
        parsed(&row, "id")
    }

    /// Shuts a person out, or lets them in again.
    pub async fn set_revoked(&mut self, user: UserId, revoked: bool) -> Result<(), Error> {
        query("UPDATE users SET revoked = $2 WHERE id = $1")
            .bind(user.to_string())
            .bind(revoked.then_some(self.now.as_microsecond()))
            .execute(&mut *self.inner)
            .await?;
        self.touch(user);
        Ok(())
    }
}

impl Store {
    /// Everybody who was ever let in, in the order in which they came: those after `after`, at most `limit`.
    pub async fn people(&self, after: Option<IdentityId>, limit: u32) -> Result<Vec<Identity>, Error> {
        let rows = query(identity!(" AND identities.id > $1 ORDER BY identities.id LIMIT $2"))
            .bind(after.map(|identity| identity.to_string()).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(&self.0.reader)
            .await?;
        rows.iter().map(identity).collect()
    }

    /// The identities of one person, oldest first.
    pub async fn identities(&self, user: UserId) -> Result<Vec<Identity>, Error> {
        let rows = query(identity!(" AND identities.owner = $1 ORDER BY identities.id"))
            .bind(user.to_string())
            .fetch_all(&self.0.reader)
            .await?;
        rows.iter().map(identity).collect()
    }

    /// The identities that `provider` (as the configuration calls it) calls `sub`: more than one where it had another
    /// issuer once.
    pub async fn find_identities(&self, provider: &str, sub: &str) -> Result<Vec<Identity>, Error> {
        let rows = query(identity!(
            " AND identities.provider = $1 AND identities.subject = $2 ORDER BY identities.id"
        ))
        .bind(provider)
        .bind(sub)
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter().map(identity).collect()
    }
}
