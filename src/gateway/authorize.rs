//! Session, app, rule and moment to a permit, or why not. Nothing reaches an app without a [`Permit`], and only
//! this file makes one.

use super::settings::{App, Rule};
use crate::account::Because;
use crate::names::RoleName;
use crate::session::{Access, Account, Held, Session};
use jiff::Timestamp;
use std::sync::Arc;

/// Proof that a request may go on to an app.
#[derive(Debug, Clone)]
pub struct Permit {
    app: Arc<App>,
    rule: Arc<Rule>,
    guest: Option<Guest>,
}

/// The person behind a permit, and how long it lasts.
#[derive(Debug, Clone)]
pub struct Guest {
    session: Arc<Session>,
    until: Timestamp,
    at: Timestamp,
}

/// Why a request may not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody is signed in here, or no longer.
    SignIn,
    /// None of their roles opens this.
    NoRole,
    /// What would have opened it is over.
    Ended {
        /// Since when.
        at: Timestamp,
        /// Why.
        because: Because,
    },
    /// Their account is being prepared.
    Preparing,
    /// Their account could not be prepared.
    Stuck,
}

/// Whether the person of `session` may go where `rule` holds in `app` at `now`. Public places need nobody, and
/// the permit for them names nobody.
pub fn authorize(
    session: Option<Arc<Session>>,
    app: &Arc<App>,
    rule: &Arc<Rule>,
    now: Timestamp,
) -> Result<Permit, Refusal> {
    let permit = |guest| Permit { app: app.clone(), rule: rule.clone(), guest };
    if **rule == Rule::Public {
        return Ok(permit(None));
    }
    let here = |session: &Arc<Session>| {
        session.is_current() && now < session.until && *session.host == *app.host.as_str()
    };
    let session = session.filter(here).ok_or(Refusal::SignIn)?;
    let access = access(&session, app).ok_or(Refusal::NoRole)?;
    let fitting = || access.held.iter().filter(|held| opens(rule, &held.role));
    let Some(until) = fitting().filter(|held| held.is_live(now)).map(|held| held.until).max() else {
        let last = fitting().max_by_key(|held| held.until).ok_or(Refusal::NoRole)?;
        return Err(Refusal::Ended { at: last.until, because: last.because.clone() });
    };
    match access.account {
        Account::NotNeeded | Account::Ready(_) => {
            let until = until.min(session.until);
            Ok(permit(Some(Guest { session, until, at: now })))
        }
        Account::Preparing => Err(Refusal::Preparing),
        Account::Stuck => Err(Refusal::Stuck),
    }
}

fn access<'a>(session: &'a Session, app: &App) -> Option<&'a Access> {
    session.access.iter().find(|access| access.app == app.name)
}

fn opens(rule: &Rule, role: &RoleName) -> bool {
    match rule {
        Rule::Public | Rule::AnyRole => true,
        Rule::Roles(roles) => roles.contains(role),
    }
}

impl Permit {
    /// The app it opens.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The same question again, with the session as it is now.
    pub fn renew(&self, session: Option<Arc<Session>>, now: Timestamp) -> Result<Self, Refusal> {
        authorize(session, &self.app, &self.rule, now)
    }

    /// Whom it is for; nobody in particular where a place is public.
    pub fn guest(&self) -> Option<&Guest> {
        self.guest.as_ref()
    }
}

impl Guest {
    /// Their session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// When the permit ends: with the last of the grants that open the place, or with the session.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// When it was given.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// All their live grants in `app`, those that did not open the place too.
    pub fn live<'a>(&'a self, app: &App) -> impl Iterator<Item = &'a Held> + use<'a> {
        let at = self.at;
        let held = access(&self.session, app).into_iter().flat_map(|access| &access.held);
        held.filter(move |held| held.is_live(at))
    }

    /// The id of their account in the app's target, where it has accounts.
    pub fn account<'a>(&'a self, app: &App) -> Option<&'a str> {
        match &access(&self.session, app)?.account {
            Account::Ready(native_id) => Some(native_id),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::testing::{app, at, held, outdate, session};
    use proptest::prelude::*;
    use serde_json::json;

    fn rule(roles: &[&str]) -> Rule {
        Rule::Roles(roles.iter().map(|role| role.parse().unwrap()).collect())
    }

    fn refusal(session: Session, rule: &Rule, now: i64) -> Option<Refusal> {
        authorize(Some(Arc::new(session)), &app(json!({})), &Arc::new(rule.clone()), at(now)).err()
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let mut guest = session(vec![held("reader", 10), held("editor", 20)], Account::NotNeeded);
        guest.until = at(30);
        let editors = rule(&["editor"]);
        let nobody = authorize(None, &app(json!({})), &Arc::new(Rule::AnyRole), at(0));
        assert_eq!(nobody.unwrap_err(), Refusal::SignIn);
        let ended = |seconds| Some(Refusal::Ended { at: at(seconds), because: Because::Policy });
        let judge = |rule: &Rule, now| refusal(copy(&guest), rule, now);
        assert_eq!(judge(&Rule::AnyRole, 19), None);
        assert_eq!(judge(&Rule::AnyRole, 20), ended(20));
        assert_eq!(judge(&rule(&["reader"]), 9), None);
        assert_eq!(judge(&rule(&["reader"]), 10), ended(10));
        assert_eq!(judge(&editors, 10), None);
        assert_eq!(judge(&rule(&["owner"]), 0), Some(Refusal::NoRole));
        assert_eq!(judge(&Rule::AnyRole, 30), Some(Refusal::SignIn));
        assert_eq!(judge(&Rule::Public, 99), None);
        let outdated = copy(&guest);
        outdate(&outdated);
        assert_eq!(refusal(outdated, &editors, 0), Some(Refusal::SignIn));
        let mut elsewhere = copy(&guest);
        elsewhere.host = "notes.example.com".into();
        assert_eq!(refusal(elsewhere, &editors, 0), Some(Refusal::SignIn));
        for (account, expected) in [
            (Account::Preparing, Some(Refusal::Preparing)),
            (Account::Stuck, Some(Refusal::Stuck)),
            (Account::Ready("n1".to_owned()), None),
        ] {
            assert_eq!(refusal(session(vec![held("reader", 10)], account), &Rule::AnyRole, 0), expected);
        }
        let mut stopped = held("reader", 50);
        stopped.ended = true;
        assert_eq!(refusal(session(vec![stopped], Account::NotNeeded), &Rule::AnyRole, 0), ended(50));
        assert_eq!(refusal(session(vec![], Account::NotNeeded), &Rule::AnyRole, 0), Some(Refusal::NoRole));
    }

    fn copy(of: &Session) -> Session {
        let mut copy = session(of.access[0].held.clone(), of.access[0].account.clone());
        copy.until = of.until;
        copy
    }

    proptest! {
        #[test]
        fn a_permit_never_outlives_what_it_rests_on(
            grants in proptest::collection::vec((0_usize..3, 0_i64..20, any::<bool>()), 0..5),
            wanted in proptest::collection::btree_set(0_usize..3, 0..3),
            (session_ends, now, here, current) in (0_i64..20, 0_i64..20, any::<bool>(), any::<bool>()),
        ) {
            const ROLES: [&str; 3] = ["reader", "editor", "owner"];
            let given = grants.iter().map(|(role, until, ended)| {
                let mut given = held(ROLES[*role], *until);
                given.ended = *ended;
                given
            });
            let mut guest = session(given.collect(), Account::NotNeeded);
            guest.until = at(session_ends);
            if !current {
                outdate(&guest);
            }
            if !here {
                guest.host = "notes.example.com".into();
            }
            let wanted: Vec<&str> = wanted.iter().map(|role| ROLES[*role]).collect();
            let rule = Arc::new(if wanted.is_empty() { Rule::AnyRole } else { rule(&wanted) });
            let judged = authorize(Some(Arc::new(guest)), &app(json!({})), &rule, at(now));
            let end = grants
                .iter()
                .filter(|(role, until, ended)| {
                    !ended && now < *until && (wanted.is_empty() || wanted.contains(&ROLES[*role]))
                })
                .map(|(_, until, _)| (*until).min(session_ends))
                .max()
                .filter(|_| here && current && now < session_ends);
            let until = judged.ok().map(|permit| permit.guest().unwrap().until());
            prop_assert_eq!(until, end.map(at));
        }
    }
}
