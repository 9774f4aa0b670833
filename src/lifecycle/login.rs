//! A provider has vouched for somebody: who they are, what they get, and that they are here.

use super::desire::Occasion;
use super::refuse::Refused;
use super::renew::facts;
use super::{Inner, Lifecycle};
use crate::account::{Grant, Strength};
use crate::audit::{Actor, Entry, Event};
use crate::identity::Claims;
use crate::issuer::Refreshable;
use crate::names::{AppName, IdentityId, SignInId, UserId, VaultId};
use crate::policy::{Decision, Found};
use crate::seal::random_text;
use crate::store::{Error, SignIn, Tx, token_hash};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};

/// What comes of a sign-in.
#[derive(Debug)]
pub enum Admission {
    /// They are here. What that opens, the gate says on each request; it may be nothing.
    Admitted {
        /// The sign-in.
        sign_in: SignInId,
        /// The value of the cookie for our own pages.
        token: String,
    },
    /// They are not let in at all, and nothing is remembered but the record.
    Refused(Refused),
}

/// Somebody at the door: what is known of them before they are let in or not.
pub(super) struct Arrival<'a> {
    pub(super) claims: &'a Claims,
    pub(super) app: Option<&'a AppName>,
    pub(super) decision: Decision,
    pub(super) vault: VaultId,
}

impl Lifecycle {
    /// Lets in whom `claims` speak of, on the way to `app` or to our own pages. `id_token` is kept as a hint
    /// for signing out at the provider, where there is one, `refresh` for asking it again.
    ///
    /// A person without any role is not let in. One who is known is, even if nothing is left to them: the session
    /// says who is there, so that a page can say when and why access ended.
    pub async fn login(
        &self,
        claims: &Claims,
        id_token: Option<&SecretString>,
        refresh: Option<&Refreshable>,
        app: Option<&AppName>,
    ) -> Result<Admission, Error> {
        let mut tx = self.inner().begin().await?;
        // Asked after that, since it may have waited: whom another policy has reached already, it does not miss.
        let inner = self.inner();
        let now = tx.now();
        let subject = claims.subject();
        let known = tx.identity_of(subject).await?;
        let vault = tx.vault(&subject.issuer, &subject.sub).await?;
        let decision = inner.rules.policy.evaluate(claims.set(), now);
        let arrival = Arrival { claims, app, decision, vault };
        if let Some(refused) = inner.why_not(&arrival, known.as_ref(), now) {
            tx.commit(&arrival.entry(arrival.refusal(&refused), "login", json!({}))).await?;
            return Ok(Admission::Refused(refused));
        }

        let (user, cause) = match &known {
            Some(known) => (known.user, "login"),
            None => (tx.add_user(vault).await?, "first_login"),
        };
        let identity = tx.save_identity(user, claims).await?;
        let before = tx.grants(user).await?;
        let after = inner.renew(&mut tx, user, identity, &before, &arrival.decision).await?;
        inner.desire(&mut tx, user, Occasion::Change).await?;
        let length = inner.session_for(after.iter().filter(|grant| grant.identity == identity), now);
        let (sign_in, token) = inner.begin_sign_in(&mut tx, user, identity, claims, id_token, length).await?;

        if let Some(Refreshable { token, every }) = refresh {
            tx.add_refresh(sign_in, token, now + *every).await?;
        }
        let event = if after.iter().any(|grant| grant.is_live(now)) {
            tracing::info!(person = arrival.person(), cause, "signed in");
            Event::SignedIn { provider: claims.set().provider().clone(), sign_in, first: known.is_none() }
        } else {
            arrival.refusal(&Refused::nothing_left(&after))
        };
        let changes = json!({ "before": facts(&before), "after": facts(&after) });
        tx.commit(&arrival.entry(event, cause, changes)).await?;
        Ok(Admission::Admitted { sign_in, token })
    }
}

impl Inner {
    /// How long somebody may stay signed in to what these grants open: the shortest that they say, or what holds for
    /// everybody.
    pub(super) fn session_for<'a>(
        &self,
        grants: impl Iterator<Item = &'a Grant>,
        now: Timestamp,
    ) -> SignedDuration {
        let live = grants.filter(|grant| grant.is_live(now));
        live.filter_map(|grant| grant.terms.session).fold(self.rules.settings.session, SignedDuration::min)
    }

    /// Writes down that somebody is here for `length`, with a session on our own host; returns the value of its cookie.
    async fn begin_sign_in(
        &self,
        tx: &mut Tx,
        user: UserId,
        identity: IdentityId,
        claims: &Claims,
        id_token: Option<&SecretString>,
        length: SignedDuration,
    ) -> Result<(SignInId, String), Error> {
        let sign_in = SignIn {
            id: SignInId::random(),
            identity,
            sid: claims.sid().map(str::to_owned),
            id_token: id_token.cloned(),
            access_token: None,
            strength: Strength::of(claims.set(), tx.now()),
            until: tx.now().checked_add(length).unwrap_or(tx.now()),
        };
        tx.add_sign_in(user, &sign_in).await?;
        let token = random_text();
        tx.add_session(sign_in.id, &self.own_host, &token_hash(&token)).await?;
        Ok((sign_in.id, token))
    }
}

/// What policy said of one role in one app, as the record shows it.
fn said(found: &Found) -> Value {
    json!({ "role": found.role, "app": found.app, "outcome": found.outcome.to_string() })
}

impl Arrival<'_> {
    /// Who it is, as `subject@provider`.
    pub(super) fn person(&self) -> String {
        format!("{}@{}", self.claims.subject().sub, self.claims.set().provider())
    }

    /// The entry for what came of it, with the claims that decided.
    pub(super) fn entry(&self, event: Event, cause: &str, mut personal: Value) -> Entry {
        personal["subject"] = json!(self.claims.subject());
        personal["claims"] = json!(self.claims.set().values());
        personal["decision"] = self.decision.found.iter().map(said).collect();
        Entry {
            event,
            actor: Actor::Person,
            cause: cause.to_owned(),
            person: Some(self.vault),
            policy: Some(self.decision.policy.to_string()),
            personal,
        }
    }
}
