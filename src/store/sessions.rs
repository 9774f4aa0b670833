//! Sign-ins and the sessions that hang on them.

use super::cache::Unavailable;
use super::grants::{GRANTS_OF, grant};
use super::session::{Access, Account, Held, Person, Session};
use super::uses::Noted;
use super::{Error, Store, Tx, flag, json, maybe_time, parsed, time};
use crate::account::{Actual, Desired, Opening, Strength};
use crate::names::{AppName, IdentityId, SessionId, SignInId, TargetName, UserId, VaultId};
use crate::seal::sha256;
use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{Row, query};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::timeout;

/// What the store keeps of a cookie's value: enough to find it, not enough to use it.
pub type TokenHash = [u8; 32];

/// The hash under which the session with this cookie value is kept.
pub fn token_hash(token: &str) -> TokenHash {
    sha256(&[b"session", token.as_bytes()])
}

/// The hash under which the sign-in of this access token is kept.
pub fn access_token_hash(token: &str) -> TokenHash {
    sha256(&[b"access token", token.as_bytes()])
}

/// A sign-in to be written down.
pub struct SignIn {
    /// Which.
    pub id: SignInId,
    /// Whose.
    pub identity: IdentityId,
    /// The provider's own session.
    pub sid: Option<String>,
    /// The ID token: a hint for signing out at the provider, where people are sent there for that. Kept sealed.
    pub id_token: Option<SecretString>,
    /// The access token that it rests on, where it rests on one.
    pub access_token: Option<TokenHash>,
    /// How strongly the person signed in.
    pub strength: Strength,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// A sign-in as operators see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
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

pub(super) fn id_token_purpose(id: SignInId) -> String {
    format!("id token {id}")
}

impl Tx {
    /// Writes a sign-in down.
    pub async fn add_sign_in(&mut self, user: UserId, sign_in: &SignIn) -> Result<(), Error> {
        let (sealer, purpose) = (self.store.sealer(), id_token_purpose(sign_in.id));
        let seal = |token: &SecretString| sealer.seal(&purpose, token.expose_secret().as_bytes());
        let id_token = sign_in.id_token.as_ref().map(seal).transpose()?;
        let Strength { acr, amr, auth_time } = &sign_in.strength;
        query(
            "INSERT INTO sign_ins (id, identity, sid, id_token, created, until, acr, amr, auth_time, token)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(sign_in.id.to_string())
        .bind(sign_in.identity.to_string())
        .bind(&sign_in.sid)
        .bind(id_token)
        .bind(self.now.as_microsecond())
        .bind(sign_in.until.as_microsecond())
        .bind(acr)
        .bind(serde_json::to_string(amr)?)
        .bind(auth_time.map(Timestamp::as_microsecond))
        .bind(sign_in.access_token.as_ref().map(|hash| hash.to_vec()))
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
                JOIN users ON users.id = identities.owner
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

    /// The sign-in that rests on this access token, if it was shown before, and whether it lives.
    pub async fn sign_in_by(&mut self, access_token: &TokenHash) -> Result<Option<(SignInId, bool)>, Error> {
        let row = query("SELECT id, until, revoked FROM sign_ins WHERE token = $1")
            .bind(&access_token[..])
            .fetch_optional(&mut *self.inner)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let is_live = maybe_time(&row, "revoked")?.is_none() && self.now < time(&row, "until")?;
        Ok(Some((parsed(&row, "id")?, is_live)))
    }

    /// Whether there is a session under this hash.
    pub async fn has_session(&mut self, token: &TokenHash) -> Result<bool, Error> {
        let row = query("SELECT 1 FROM sessions WHERE token = $1")
            .bind(&token[..])
            .fetch_optional(&mut *self.inner)
            .await?;
        Ok(row.is_some())
    }

    /// Ends a sign-in and with it all its sessions. Whose it was, or `None` where there is no such sign-in, or it
    /// has ended already.
    pub async fn revoke_sign_in(&mut self, id: SignInId) -> Result<Option<VaultId>, Error> {
        let row = query(
            "SELECT identities.owner FROM sign_ins JOIN identities ON identities.id = sign_ins.identity
             WHERE sign_ins.id = $1",
        )
        .bind(id.to_string())
        .fetch_optional(&mut *self.inner)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let user = parsed(&row, "owner")?;
        self.lock(user).await?;
        let done =
            query("UPDATE sign_ins SET revoked = $2, id_token = NULL WHERE id = $1 AND revoked IS NULL")
                .bind(id.to_string())
                .bind(self.now.as_microsecond())
                .execute(&mut *self.inner)
                .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        self.touch(user);
        Ok(self.user(user).await?.map(|user| user.vault))
    }

    /// Ends all sign-ins of a person.
    pub async fn revoke_sign_ins(&mut self, user: UserId) -> Result<(), Error> {
        query(
            "UPDATE sign_ins SET revoked = $2, id_token = NULL
             WHERE revoked IS NULL AND identity IN (SELECT id FROM identities WHERE owner = $1)",
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
            let read = timeout(self.patience(), self.read_session(token, before)).await;
            let read = read.unwrap_or(Err(sqlx::Error::PoolTimedOut.into())).map_err(|error| {
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
            "SELECT sessions.id, sessions.sign_in, sessions.host, sign_ins.until, sign_ins.acr, sign_ins.amr,
                sign_ins.auth_time, identities.id AS identity, identities.owner, identities.provider,
                identities.issuer, identities.subject, identities.display_name, identities.email
             FROM sessions JOIN sign_ins ON sign_ins.id = sessions.sign_in
                JOIN identities ON identities.id = sign_ins.identity JOIN users ON users.id = identities.owner
             WHERE sessions.token = $1 AND sign_ins.revoked IS NULL AND users.revoked IS NULL",
        )
        .bind(&token[..])
        .fetch_optional(&self.0.reader)
        .await?;
        let Some(row) = row else { return Ok(Read::Nobody) };
        let (user, identity) = (parsed(&row, "owner")?, parsed(&row, "identity")?);
        let access = self.access(user, identity).await?;
        let mut held = access.iter().flat_map(|access| &access.held);
        let asked =
            self.0.keeps_strength.load(Ordering::Acquire) || held.any(|held| held.opening.asks_strength());
        let strength = asked.then(|| strength(&row)).transpose()?;
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
                sub: row.try_get::<&str, _>("subject")?.into(),
                display_name: row.try_get::<Option<&str>, _>("display_name")?.map(Box::from),
                email: row.try_get::<Option<&str>, _>("email")?.map(Box::from),
            },
            until: time(&row, "until")?,
            strength: strength.map(Box::new),
            noted: Noted::never(&access),
            access,
            mark,
        })))
    }

    /// What an identity has, and had, in each app.
    async fn access(&self, user: UserId, identity: IdentityId) -> Result<Box<[Access]>, Error> {
        let accounts = self.accounts_of(user).await?;
        let rows = query(GRANTS_OF).bind(identity.to_string()).fetch_all(&self.0.reader).await?;
        let mut apps: BTreeMap<AppName, Vec<Held>> = BTreeMap::new();
        for row in &rows {
            let (grant, policy) = (grant(row)?, row.try_get::<&str, _>("policy")?);
            let held = Held {
                opening: self.0.shared.openings.of(Arc::new(Opening::new(&grant.terms, policy))),
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
        let rows = query("SELECT target, seen, desired, open, stuck FROM accounts WHERE owner = $1")
            .bind(user.to_string())
            .fetch_all(&self.0.reader)
            .await?;
        rows.iter()
            .map(|row| {
                let active = matches!(json::<Desired>(row, "desired")?, Desired::Active(_));
                let account = match json::<Actual>(row, "seen")? {
                    Actual::Present(seen) if active && flag(row, "open")? => {
                        Account::Ready(seen.native_id.into())
                    }
                    _ if flag(row, "stuck")? => Account::Stuck,
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

    /// The session at the provider (`sid`) that a sign-in hangs on, where that has named one.
    pub async fn sid(&self, id: SignInId) -> Result<Option<String>, Error> {
        let row = query("SELECT sid FROM sign_ins WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.reader)
            .await?;
        Ok(row.map(|row| row.try_get("sid")).transpose()?.flatten())
    }

    /// The sign-ins that were live at `now` or ended in the day before, newest first: those after `after`, at most `limit`.
    pub async fn session_rows(
        &self,
        now: Timestamp,
        after: Option<SignInId>,
        limit: u32,
    ) -> Result<Vec<SessionRow>, Error> {
        let rows = query(
            "SELECT sign_ins.id, sign_ins.created, sign_ins.until, sign_ins.revoked,
                identities.subject || '@' || identities.provider AS person,
                (SELECT string_agg(host, ' ' ORDER BY host) FROM sessions WHERE sessions.sign_in = sign_ins.id) AS hosts
             FROM sign_ins JOIN identities ON identities.id = sign_ins.identity
             WHERE sign_ins.until > $1 AND coalesce(sign_ins.revoked, sign_ins.until) > $1
                AND sign_ins.id < $2
             ORDER BY sign_ins.id DESC LIMIT $3",
        )
        .bind((now - jiff::SignedDuration::from_hours(24)).as_microsecond())
        // Ids grow with time, and every one of them is before this.
        .bind(after.map_or("g".to_owned(), |sign_in| sign_in.to_string()))
        .bind(i64::from(limit))
        .fetch_all(&self.0.reader)
        .await?;
        rows.iter()
            .map(|row| {
                let hosts: Option<String> = row.try_get("hosts")?;
                Ok(SessionRow {
                    id: parsed(row, "id")?,
                    person: row.try_get("person")?,
                    hosts: hosts.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
                    created: time(row, "created")?,
                    until: time(row, "until")?,
                    revoked: maybe_time(row, "revoked")?,
                })
            })
            .collect()
    }
}

fn strength(row: &AnyRow) -> Result<Strength, Error> {
    let acr: Option<String> = row.try_get("acr")?;
    Ok(Strength { acr, amr: json(row, "amr")?, auth_time: maybe_time(row, "auth_time")? })
}

/// The same without room to spare: a session lies in memory for long, and there may be a million. Not by shrinking,
/// after which an allocator may keep the block as it was.
fn exact<T>(items: Vec<T>) -> Box<[T]> {
    let mut exact = Vec::with_capacity(items.len());
    exact.extend(items);
    exact.into_boxed_slice()
}

enum Read {
    Nobody,
    Overtaken,
    Session(Box<Session>),
}
