//! A provider has vouched for somebody: who they are, what they get, and that they are here.

use super::Lifecycle;
use crate::account::{Because, End, Grant, Terms};
use crate::audit::{Actor, Entry, Event};
use crate::identity::Claims;
use crate::names::{AppName, IdentityId, ProviderName, SignInId, UserId};
use crate::page;
use crate::policy::Decision;
use crate::seal::random_text;
use crate::store::{Error, SignIn, Tx, token_hash};
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

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// `no_role`, `claims_unknown`, `policy_failed`, `ended` or `revoked`.
    pub reason: &'static str,
    /// Finds this refusal in the record.
    pub reference: String,
    /// When and why access ended, if that is why.
    pub end: Option<End>,
}

impl Lifecycle {
    /// Lets in whom `claims` speak of, on the way to `app` or to our own pages. `id_token` is kept as a hint
    /// for signing out at the provider.
    ///
    /// A person without any role is not let in. One who is known is, even if nothing is left to them: the session
    /// says who is there, so that a page can say when and why access ended.
    pub async fn login(
        &self,
        claims: &Claims,
        id_token: &SecretString,
        app: Option<&AppName>,
    ) -> Result<Admission, Error> {
        let inner = &self.0;
        let now = inner.clock.now();
        let decision = inner.policy.evaluate(claims.set(), now);
        let mut tx = inner.store.begin(now).await?;
        let subject = claims.subject();
        let vault = tx.vault(&subject.issuer, &subject.sub).await?;
        let known = tx.identity_of(subject).await?;
        let refuse = |reason, end| Refused { reason, reference: page::reference(), end };
        let entry = |event, cause: &str, personal| Entry {
            event,
            actor: Actor::Person,
            cause: cause.to_owned(),
            person: Some(vault),
            policy: Some(decision.policy.to_string()),
            personal,
        };
        let refused_event = |refused: &Refused| Event::SignInRefused {
            provider: claims.set().provider().clone(),
            app: app.cloned(),
            reason: refused.reason.to_owned(),
            reference: refused.reference.clone(),
        };
        let shut_out = known.as_ref().is_some_and(|known| known.revoked.is_some());
        let opens_something =
            decision.granted().any(|terms| inner.first_grant(IdentityId::random(), terms, now).is_some());
        if shut_out || (known.is_none() && !opens_something) {
            let refused = if shut_out { refuse("revoked", None) } else { why_not(&decision, refuse) };
            let personal = json!({ "subject": subject, "claims": claims.set().values() });
            tx.commit(&entry(refused_event(&refused), "login", personal)).await?;
            tracing::info!(
                person = %format_args!("{}@{}", subject.sub, claims.set().provider()),
                reason = refused.reason, reference = refused.reference, "sign-in refused"
            );
            return Ok(Admission::Refused(refused));
        }

        let first = known.is_none();
        let user = match &known {
            Some(known) => known.user,
            None => tx.add_user(vault).await?,
        };
        let identity = tx.save_identity(user, claims).await?;
        let before = tx.grants(user).await?;
        let after = self.renew(&mut tx, user, identity, &before, &decision).await?;
        inner.desire(&mut tx, user).await?;

        let sign_in = SignInId::random();
        let until = now.checked_add(inner.settings.session).unwrap_or(now);
        let row = SignIn {
            id: sign_in,
            identity,
            sid: claims.sid().map(str::to_owned),
            id_token: id_token.clone(),
            until,
        };
        tx.add_sign_in(user, &row).await?;
        let token = random_text();
        tx.add_session(sign_in, &inner.own_host, &token_hash(&token)).await?;

        let person = format!("{}@{}", subject.sub, claims.set().provider());
        let personal = json!({
            "subject": subject,
            "claims": claims.set().values(),
            "before": facts(&before),
            "after": facts(&after),
        });
        let cause = if first { "first_login" } else { "login" };
        if after.iter().any(|grant| grant.is_live(now)) {
            let event = Event::SignedIn { provider: claims.set().provider().clone(), sign_in, first };
            tx.commit(&entry(event, cause, personal)).await?;
            tracing::info!(person, cause, "signed in");
        } else {
            let last = after.iter().map(|grant| &grant.end).max_by_key(|end| end.at).cloned();
            let refused = refuse(if last.is_some() { "ended" } else { "no_role" }, last);
            tx.commit(&entry(refused_event(&refused), cause, personal)).await?;
            tracing::info!(person, reason = refused.reason, reference = refused.reference, "sign-in refused");
        }
        Ok(Admission::Admitted { sign_in, token })
    }

    /// Records that a provider vouched for nobody, and why. Returns the reference under which that is found.
    pub async fn refuse(
        &self,
        provider: ProviderName,
        app: Option<&AppName>,
        reason: &str,
        why: &str,
    ) -> Result<String, Error> {
        let tx = self.0.store.begin(self.0.clock.now()).await?;
        let reference = page::reference();
        tracing::info!(%provider, reason, reference, why, "sign-in refused");
        let event = Event::SignInRefused {
            provider,
            app: app.cloned(),
            reason: reason.to_owned(),
            reference: reference.clone(),
        };
        let entry = Entry {
            event,
            actor: Actor::Person,
            cause: why.to_owned(),
            person: None,
            policy: None,
            personal: json!({}),
        };
        tx.commit(&entry).await?;
        Ok(reference)
    }

    /// Brings the grants of `identity` to what policy decided, and returns all grants of the person as they are then.
    async fn renew(
        &self,
        tx: &mut Tx,
        user: UserId,
        identity: IdentityId,
        before: &[Grant],
        decision: &Decision,
    ) -> Result<Vec<Grant>, Error> {
        let (inner, now) = (&self.0, tx.now());
        let policy = decision.policy.to_string();
        let mut after = Vec::new();
        for grant in before {
            let is = |terms: &&Terms| terms.role == grant.terms.role && terms.app == grant.terms.app;
            let renewed = if grant.identity != identity {
                grant.clone()
            } else if let Some(terms) = decision.granted().find(is) {
                grant.clone().confirm(terms.clone(), now, inner.settings.lapse)
            } else if decision.is_undecided(&grant.terms.role) {
                // Unknown is neither empty nor unchanged: it keeps its end, and is not confirmed.
                grant.clone().close_if_over(now)
            } else {
                grant.clone().finish(Because::Policy, now)
            };
            if renewed != *grant {
                tx.save_grant(user, &renewed, Some(&policy)).await?;
            }
            after.push(renewed);
        }
        for terms in decision.granted() {
            let held = |grant: &Grant| {
                grant.identity == identity && grant.terms.role == terms.role && grant.terms.app == terms.app
            };
            if before.iter().any(held) {
                continue;
            }
            if let Some(grant) = inner.first_grant(identity, terms, now) {
                tx.save_grant(user, &grant, Some(&policy)).await?;
                after.push(grant);
            }
        }
        Ok(after)
    }
}

impl super::Inner {
    fn first_grant(&self, identity: IdentityId, terms: &Terms, now: jiff::Timestamp) -> Option<Grant> {
        Grant::first(identity, terms.clone(), now, self.settings.lapse)
    }
}

/// Why a person whom nobody knows gets nothing: the answer that helps most.
fn why_not(decision: &Decision, refuse: impl Fn(&'static str, Option<End>) -> Refused) -> Refused {
    let over = decision.granted().filter_map(|terms| terms.until.clone()).max_by_key(|(at, _)| *at);
    match over {
        Some((at, claim)) => refuse("ended", Some(End { at, because: Because::Claim(claim) })),
        None if decision.has_unknown() => refuse("claims_unknown", None),
        None if decision.has_failed() => refuse("policy_failed", None),
        None => refuse("no_role", None),
    }
}

/// Grants as the record shows them before and after a change.
pub(super) fn facts(grants: &[Grant]) -> Vec<Value> {
    let fact = |grant: &Grant| {
        json!({
            "grant": grant.id,
            "app": grant.terms.app,
            "role": grant.terms.role,
            "groups": grant.terms.groups,
            "until": grant.end.at,
            "because": grant.end.because,
            "ended": grant.ended,
        })
    };
    grants.iter().map(fact).collect()
}
