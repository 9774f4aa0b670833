//! A program has shown an access token that a provider vouches for: its first use on a host is a sign-in, by the same rules.

use super::Lifecycle;
use super::desire::Occasion;
use super::login::Arrival;
use super::refuse::Refused;
use super::renew::facts;
use crate::account::Strength;
use crate::audit::{Actor, Entry, Event};
use crate::identity::{Claims, Voucher};
use crate::names::{AppName, IdentityId, SignInId, UserId};
use crate::store::{Error, Identity, SignIn, TokenHash, Tx};
use jiff::Timestamp;
use serde_json::{Value, json};

/// An access token that was verified, and where it was shown.
pub struct Borne<'a> {
    /// What it says.
    pub claims: &'a Claims,
    /// Which token.
    pub token: TokenHash,
    /// Until when it is good.
    pub until: Timestamp,
    /// The app that it was shown to, which takes it.
    pub app: &'a AppName,
    /// The host of that.
    pub host: &'a str,
    /// The hash under which the session there is to be found.
    pub session: TokenHash,
}

impl Lifecycle {
    /// Lets in whoever shows this token; why not, where they are not let in at all. As with a sign-in, nobody is who is not
    /// known and gets no role. A token makes one sign-in; once that has ended, the token opens nothing any more.
    ///
    /// A machine, and a person of whom only such tokens tell, get and lose roles by what the token says. What a person has
    /// who signs in is decided there: a token says less of them, and what it leaves out takes nothing from them.
    pub async fn bear(&self, borne: &Borne<'_>) -> Result<Option<Refused>, Error> {
        let mut tx = self.inner().begin().await?;
        // Asked after that, since it may have waited: whom another policy has reached already, it does not miss.
        let inner = self.inner();
        let (now, claims) = (tx.now(), borne.claims);
        let subject = claims.subject();
        let known = tx.identity_of(subject).await?;
        match tx.sign_in_by(&borne.token).await? {
            Some((_, false)) => return Ok(Some(Refused::new("token_ended", None))),
            // Another replica was first.
            Some(_) if tx.has_session(&borne.session).await? => return Ok(None),
            Some((sign_in, _)) => return borne.carried_over(tx, sign_in).await,
            None => {}
        }
        // Whether it had ended is not known any more.
        let issued = claims.set().values().get("iat").and_then(Value::as_i64);
        let restored = tx.restored_at().await?.map(Timestamp::as_second);
        if issued.zip(restored).is_some_and(|(issued, restored)| issued < restored) {
            return Ok(Some(Refused::new("token_ended", None)));
        }
        let vault = tx.vault(&subject.issuer, &subject.sub).await?;
        let decision = inner.rules.policy.evaluate(claims.set(), now);
        let arrival = Arrival { claims, app: Some(borne.app), decision, vault };
        let refused = inner.why_not(&arrival, known.as_ref(), now);
        if let Some(refused) = refused.or_else(|| other_kind(claims, known.as_ref())) {
            tx.commit(&arrival.entry(arrival.refusal(&refused), "access_token", json!({}))).await?;
            return Ok(Some(refused));
        }

        let user = match &known {
            Some(known) => known.user,
            None => tx.add_user(vault).await?,
        };
        let before = tx.grants(user).await?;
        let signs_in = known.as_ref().filter(|known| known.voucher == Voucher::IdToken);
        let (identity, after) = match signs_in {
            Some(known) => (known.id, before.clone()),
            None => {
                let identity = tx.save_identity(user, claims).await?;
                let after = inner.renew(&mut tx, user, identity, &before, &arrival.decision).await?;
                inner.desire(&mut tx, user, Occasion::Change).await?;
                (identity, after)
            }
        };
        let length = inner.session_for(after.iter().filter(|grant| grant.identity == identity), now);
        let until = now.checked_add(length).map_or(borne.until, |end| end.min(borne.until));
        let sign_in = borne.begin(&mut tx, user, identity, until).await?;
        let event = if after.iter().any(|grant| grant.is_live(now)) {
            tracing::info!(person = arrival.person(), cause = "access_token", "signed in");
            Event::SignedIn { provider: claims.set().provider().clone(), sign_in, first: known.is_none() }
        } else {
            arrival.refusal(&Refused::nothing_left(&after))
        };
        let changes = json!({ "before": facts(&before), "after": facts(&after) });
        tx.commit(&arrival.entry(event, "access_token", changes)).await?;
        Ok(None)
    }
}

/// A client of whose name there is a person, or the other way round, is not let in as them (RFC 9068, section 5).
fn other_kind(claims: &Claims, known: Option<&Identity>) -> Option<Refused> {
    let is_machine = |voucher| voucher == Voucher::Machine;
    let known = known?;
    (is_machine(claims.voucher()) != is_machine(known.voucher)).then(|| Refused::new("other_kind", None))
}

impl Borne<'_> {
    /// Writes down that a token was shown for the first time.
    async fn begin(
        &self,
        tx: &mut Tx,
        user: UserId,
        identity: IdentityId,
        until: Timestamp,
    ) -> Result<SignInId, Error> {
        let sign_in = SignIn {
            id: SignInId::random(),
            identity,
            sid: self.claims.sid().map(str::to_owned),
            id_token: None,
            access_token: Some(self.token),
            strength: Strength::of(self.claims.set(), tx.now()),
            until,
        };
        tx.add_sign_in(user, &sign_in).await?;
        tx.add_session(sign_in.id, self.host, &self.session).await?;
        Ok(sign_in.id)
    }

    /// The token is shown on another host, or to another app.
    async fn carried_over(&self, mut tx: Tx, sign_in: SignInId) -> Result<Option<Refused>, Error> {
        let Some(vault) = tx.add_session(sign_in, self.host, &self.session).await? else {
            return Ok(Some(Refused::new("token_ended", None)));
        };
        let entry = Entry {
            event: Event::SessionOpened { app: self.app.clone(), sign_in },
            actor: Actor::Person,
            cause: "access_token".to_owned(),
            person: Some(vault),
            policy: None,
            personal: json!({}),
        };
        tx.commit(&entry).await?;
        Ok(None)
    }
}
