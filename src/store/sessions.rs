//! Sign-ins and the sessions that hang on them.

use super::cache::{Mark, Unavailable};
use super::grants::grant;
use super::{Error, Store, Tx, json, maybe_time, parsed, time};
use crate::account::{Actual, Because, Desired};
use crate::names::{
    AppName, IdentityId, ProviderName, RoleName, SessionId, SignInId, TargetName, UserId, VaultId,
};
use crate::seal::sha256;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sqlx::{Row, query};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the store keeps of a cookie's value: enough to find it, not enough to use it.
pub type TokenHash = [u8; 32];

/// The hash under which the session with this cookie value is kept.
pub fn token_hash(token: &str) -> TokenHash {
    sha256(&[b"session", token.as_bytes()])
}

/// A live sign-in on one host, with all that the gate needs to judge a request without asking anybody.
#[derive(Debug)]
pub struct Session {
    /// Which session.
    pub id: SessionId,
    /// The sign-in it hangs on; revoking that ends all its sessions.
    pub sign_in: SignInId,
    /// Whose.
    pub user: UserId,
    /// The identity they signed in with: its grants are what the session opens.
    pub identity: IdentityId,
    /// The host whose cookie it is; it opens no other.
    pub host: Arc<str>,
    /// Who they are.
    pub person: Person,
    /// When the session itself ends.
    pub until: Timestamp,
    /// What they hold, and what they held, for each app.
    pub access: Vec<Access>,
    pub(crate) mark: Arc<Mark>,
}

impl Session {
    /// Whether what it says still holds; a commit that touched its person makes it stale.
    pub fn is_current(&self) -> bool {
        !self.mark.is_stale()
    }

    /// Waits until it no longer holds.
    pub async fn changed(&self) {
        self.mark.stale().await;
    }
}

/// A person as their identity provider names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The provider they signed in at, as the configuration calls it.
    pub provider: ProviderName,
    /// The provider's issuer.
    pub issuer: Arc<str>,
    /// The provider's subject.
    pub sub: String,
    /// What people call them.
    pub display_name: Option<String>,
    /// Their verified e-mail address.
    pub email: Option<String>,
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.sub, self.provider)
    }
}

/// What one person has in one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The app.
    pub app: AppName,
    /// Grants, ended ones too, so that a page can say when and why.
    pub held: Vec<Held>,
    /// The account behind it.
    pub account: Account,
}

/// A grant as the gate sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The role.
    pub role: RoleName,
    /// Half-open: at this moment it is over. Compared with the clock on every request.
    pub until: Timestamp,
    /// Why it ends, or ended, then.
    pub because: Because,
    /// Whether it was ended for good; then `until` is when. The clock cannot bring it back.
    pub ended: bool,
}

impl Held {
    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.ended && now < self.until
    }
}

/// How far the account in the app's target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// The app has no accounts of its own.
    NotNeeded,
    /// Being made, or made anew, or enabled; the person waits.
    Preparing,
    /// It exists and may be used; the target's own id.
    Ready(String),
    /// The target refused it; an operator sees why.
    Stuck,
}

/// A sign-in to be written down.
pub struct SignIn {
    /// Which.
    pub id: SignInId,
    /// Whose.
    pub identity: IdentityId,
    /// The provider's own session.
    pub sid: Option<String>,
    /// The ID token: a hint for signing out at the provider. Kept sealed.
    pub id_token: SecretString,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// A sign-in as operators see it.
#[derive(Debug, Clone, Serialize)]
pub struct SessionRow {
    /// The sign-in.
    pub id: SignInId,
    /// Whose, as `subject@provider`.
    pub person: String,
    /// The hosts it was carried to.
    pub hosts: Vec<String>,
    /// When the person signed in.
    pub created: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// When it was ended before that.
    pub revoked: Option<Timestamp>,
}

fn id_token_purpose(id: SignInId) -> String {
    format!("id token {id}")
}

impl Tx {
    /// Writes a sign-in down.
    pub async fn add_sign_in(&mut self, user: UserId, sign_in: &SignIn) -> Result<(), Error> {
        let id_token = sign_in.id_token.expose_secret().as_bytes();
        let id_token = self.store.sealer().seal(&id_token_purpose(sign_in.id), id_token)?;
        query("INSERT INTO sign_ins (id, identity, sid, id_token, created, until) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(sign_in.id.to_string())
            .bind(sign_in.identity.to_string())
            .bind(&sign_in.sid)
            .bind(id_token)
            .bind(self.now.as_microsecond())
            .bind(sign_in.until.as_microsecond())
            .execute(&mut *self.inner)
            .await?;
        self.touch(user);
        Ok(())
    }

    /// Opens a session of a sign-in on one host. The sign-in's person, or `None` where it has ended meanwhile.
    pub async fn add_session(
        &mut self,
        sign_in: SignInId,
        host: &str,
        token: &TokenHash,
    ) -> Result<Option<VaultId>, Error> {
        let row = query(
            "SELECT users.vault FROM sign_ins JOIN identities ON identities.id = sign_ins.identity
                JOIN users ON users.id = identities.user
             WHERE sign_ins.id = $1 AND sign_ins.revoked IS NULL AND sign_ins.until > $2 AND users.revoked IS NULL",
        )
        .bind(sign_in.to_string())
        .bind(self.now.as_microsecond())
        .fetch_optional(&mut *self.inner)
        .await?;
        let Some(row) = row else { return Ok(None) };
        query("INSERT INTO sessions (id, sign_in, host, token, created) VALUES ($1, $2, $3, $4, $5)")
            .bind(SessionId::random().to_string())
            .bind(sign_in.to_string())
            .bind(host)
            .bind(&token[..])
            .bind(self.now.as_microsecond())
            .execute(&mut *self.inner)
            .await?;
        Ok(Some(parsed(&row, "vault")?))
    }

    /// Ends a sign-in and with it all its sessions. Whose it was, or `None` where there is no such sign-in, or it
    /// has ended already.
    pub async fn revoke_sign_in(&mut self, id: SignInId) -> Result<Option<VaultId>, Error> {
        let row = query(
            "UPDATE sign_ins SET revoked = $2, id_token = NULL WHERE id = $1 AND revoked IS NULL
             RETURNING (SELECT user FROM identities WHERE identities.id = sign_ins.identity) AS user",
        )
        .bind(id.to_string())
        .bind(self.now.as_microsecond())
        .fetch_optional(&mut *self.inner)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let user = parsed(&row, "user")?;
        self.touch(user);
        Ok(self.user(user).await?.map(|user| user.vault))
    }

    /// Ends all sign-ins of a person.
    pub async fn revoke_sign_ins(&mut self, user: UserId) -> Result<(), Error> {
        query(
            "UPDATE sign_ins SET revoked = $2, id_token = NULL
             WHERE revoked IS NULL AND identity IN (SELECT id FROM identities WHERE user = $1)",
        )
        .bind(user.to_string())
        .bind(self.now.as_microsecond())
        .execute(&mut *self.inner)
        .await?;
        self.touch(user);
        Ok(())
    }
}

impl Store {
    /// The session under `token`, if it is in memory and still holds.
    pub fn cached_session(&self, token: &TokenHash) -> Option<Arc<Session>> {
        self.0.cache.get(token)
    }

    /// The session under `token`, from memory or else from the database; `None` where there is none, or its sign-in
    /// or person was revoked. Ends by time are the reader's to judge.
    ///
    /// Whoever asks for the same session at the same time waits for one reading: when somebody is shut out, all that
    /// they have open asks at once.
    pub async fn session(&self, token: &TokenHash) -> Result<Option<Arc<Session>>, Unavailable> {
        if let Some(session) = self.cached_session(token) {
            return Ok(Some(session));
        }
        let flight = self.0.cache.flight(*token);
        flight.get_or_try_init(|| self.fresh_session(token)).await.cloned()
    }

    async fn fresh_session(&self, token: &TokenHash) -> Result<Option<Arc<Session>>, Unavailable> {
        loop {
            let before = self.0.cache.evictions();
            let read = self.read_session(token, before).await.map_err(|error| {
                tracing::error!(%error, "session not read");
                Unavailable
            })?;
            match read {
                Read::Nobody => return Ok(None),
                // Somebody's access changed while we read; perhaps this one's.
                Read::Overtaken => {}
                Read::Session(session) => {
                    let session = Arc::new(*session);
                    self.0.cache.insert(*token, session.clone());
                    return Ok(Some(session));
                }
            }
        }
    }

    async fn read_session(&self, token: &TokenHash, before: u64) -> Result<Read, Error> {
        let row = query(
            "SELECT sessions.id, sessions.sign_in, sessions.host, sign_ins.until, identities.id AS identity,
                identities.user, identities.provider, identities.issuer, identities.subject, identities.display_name,
                identities.email
             FROM sessions JOIN sign_ins ON sign_ins.id = sessions.sign_in
                JOIN identities ON identities.id = sign_ins.identity JOIN users ON users.id = identities.user
             WHERE sessions.token = $1 AND sign_ins.revoked IS NULL AND users.revoked IS NULL",
        )
        .bind(&token[..])
        .fetch_optional(&self.0.reader)
        .await?;
        let Some(row) = row else { return Ok(Read::Nobody) };
        let (user, identity) = (parsed(&row, "user")?, parsed(&row, "identity")?);
        let access = self.access(user, identity).await?;
        let Some(mark) = self.0.cache.mark(user, before) else { return Ok(Read::Overtaken) };
        let shared = &self.0.shared;
        Ok(Read::Session(Box::new(Session {
            id: parsed(&row, "id")?,
            sign_in: parsed(&row, "sign_in")?,
            user,
            identity,
            host: shared.hosts.of(row.try_get::<&str, _>("host")?.into()),
            person: Person {
                provider: shared.providers.of(parsed(&row, "provider")?),
                issuer: shared.issuers.of(row.try_get::<&str, _>("issuer")?.into()),
                sub: row.try_get("subject")?,
                display_name: row.try_get("display_name")?,
                email: row.try_get("email")?,
            },
            until: time(&row, "until")?,
            access,
            mark,
        })))
    }

    /// What an identity has, and had, in each app.
    async fn access(&self, user: UserId, identity: IdentityId) -> Result<Vec<Access>, Error> {
        let accounts = self.accounts_of(user).await?;
        let rows = query("SELECT * FROM grants WHERE identity = $1 ORDER BY app, until")
            .bind(identity.to_string())
            .fetch_all(&self.0.reader)
            .await?;
        let mut apps: BTreeMap<AppName, Vec<Held>> = BTreeMap::new();
        for row in &rows {
            let grant = grant(row)?;
            let held = Held {
                role: self.0.shared.roles.of(grant.terms.role),
                until: grant.end.at,
                because: grant.end.because,
                ended: grant.ended,
            };
            apps.entry(grant.terms.app).or_default().push(held);
        }
        let access = |(app, held): (AppName, Vec<Held>)| {
            // `accounts:` inside an app defines a target of the app's name.
            let account = accounts.get(app.as_str()).cloned().unwrap_or(Account::NotNeeded);
            Access { app: self.0.shared.apps.of(app), held: exact(held), account }
        };
        Ok(exact(apps.into_iter().map(access).collect()))
    }

    async fn accounts_of(&self, user: UserId) -> Result<BTreeMap<TargetName, Account>, Error> {
        let rows = query("SELECT target, seen, desired, open, stuck FROM accounts WHERE user = $1")
            .bind(user.to_string())
            .fetch_all(&self.0.reader)
            .await?;
        rows.iter()
            .map(|row| {
                let active = matches!(json::<Desired>(row, "desired")?, Desired::Active(_));
                let account = match json::<Actual>(row, "seen")? {
                    Actual::Present(seen) if active && row.try_get("open")? => Account::Ready(seen.native_id),
                    _ if row.try_get("stuck")? => Account::Stuck,
                    _ => Account::Preparing,
                };
                Ok((parsed(row, "target")?, account))
            })
            .collect()
    }

    /// The ID token of a sign-in, while that lives.
    pub async fn id_token(&self, id: SignInId) -> Result<Option<SecretString>, Error> {
        let row = query("SELECT id_token FROM sign_ins WHERE id = $1 AND id_token IS NOT NULL")
            .bind(id.to_string())
            .fetch_optional(&self.0.reader)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let token = self.sealer().open(&id_token_purpose(id), row.try_get("id_token")?)?;
        Ok(String::from_utf8(token).ok().map(SecretString::from))
    }

    /// The sign-ins that were live at `now` or ended in the day before, newest first.
    pub async fn all_sessions(&self, now: Timestamp) -> Result<Vec<SessionRow>, Error> {
        let rows = query(
            "SELECT sign_ins.id, sign_ins.created, sign_ins.until, sign_ins.revoked,
                identities.subject || '@' || identities.provider AS person,
                (SELECT json_group_array(host) FROM sessions WHERE sessions.sign_in = sign_ins.id) AS hosts
             FROM sign_ins JOIN identities ON identities.id = sign_ins.identity
             WHERE sign_ins.until > $1 AND coalesce(sign_ins.revoked, sign_ins.until) > $1
             ORDER BY sign_ins.created DESC",
        )
        .bind((now - jiff::SignedDuration::from_hours(24)).as_microsecond())
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(SessionRow {
                    id: parsed(row, "id")?,
                    person: row.try_get("person")?,
                    hosts: json(row, "hosts")?,
                    created: time(row, "created")?,
                    until: time(row, "until")?,
                    revoked: maybe_time(row, "revoked")?,
                })
            })
            .collect()
    }
}

/// The same in a vector without room to spare: a session lies in memory for long, and there may be a million. Not
/// `shrink_to_fit`, after which an allocator may keep the block as it was.
fn exact<T>(items: Vec<T>) -> Vec<T> {
    let mut exact = Vec::with_capacity(items.len());
    exact.extend(items);
    exact
}

enum Read {
    Nobody,
    Overtaken,
    Session(Box<Session>),
}
