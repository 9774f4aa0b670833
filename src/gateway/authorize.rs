//! Session, app, rule and moment to a permit, or why not. Nothing reaches an app without a [`Permit`], and only
//! this file makes one.

use super::app::{App, Route, Rule};
use crate::account::Because;
use crate::names::RoleName;
use crate::session::{Access, Account, Held, Session};
use jiff::Timestamp;
use std::sync::Arc;

/// Proof that a request may go on to an app. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Permit(Arc<Granted>);

#[derive(Debug)]
struct Granted {
    app: Arc<App>,
    route: Arc<Route>,
    rule: Arc<Rule>,
    guest: Option<Guest>,
}

/// Where somebody wants to go.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The app.
    pub app: &'a Arc<App>,
    /// The part of it.
    pub route: &'a Arc<Route>,
    /// The rule that holds there for the method.
    pub rule: &'a Arc<Rule>,
    /// The host, as sessions are bound to it.
    pub host: &'a str,
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

/// Whether the person of `session` may go where they want at `now`. Public places need nobody, and the permit for
/// them names nobody.
pub fn authorize(
    session: Option<Arc<Session>>,
    wanted: Wanted<'_>,
    now: Timestamp,
) -> Result<Permit, Refusal> {
    let Wanted { app, route, rule, host } = wanted;
    let permit = |guest| {
        let (app, route, rule) = (app.clone(), route.clone(), rule.clone());
        Permit(Arc::new(Granted { app, route, rule, guest }))
    };
    if **rule == Rule::Public {
        return Ok(permit(None));
    }
    let here = |session: &Arc<Session>| session.is_current() && now < session.until && *session.host == *host;
    let session = session.filter(here).ok_or(Refusal::SignIn)?;
    if **rule == Rule::SignedIn {
        let until = session.until;
        return Ok(permit(Some(Guest { session, until, at: now })));
    }
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
        Rule::Public | Rule::SignedIn | Rule::AnyRole => true,
        Rule::Roles(roles) => roles.contains(role),
    }
}

impl Permit {
    /// The app it opens.
    pub fn app(&self) -> &Arc<App> {
        &self.0.app
    }

    /// The part of the app it opens.
    pub fn route(&self) -> &Arc<Route> {
        &self.0.route
    }

    /// The rule that gave it.
    pub fn rule(&self) -> &Arc<Rule> {
        &self.0.rule
    }

    /// Whom it is for; nobody in particular where a place is public.
    pub fn guest(&self) -> Option<&Guest> {
        self.0.guest.as_ref()
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
    use crate::gateway::testing::{HOST, app, at, held, outdate, session};
    use proptest::prelude::*;
    use serde_json::json;

    fn rule(roles: &[&str]) -> Rule {
        Rule::Roles(roles.iter().map(|role| role.parse().unwrap()).collect())
    }

    fn judge(session: Option<Session>, rule: Rule, now: i64) -> Result<Permit, Refusal> {
        let (app, rule) = (&app(json!({})), &Arc::new(rule));
        let wanted = Wanted { app, route: app.route("/"), rule, host: HOST };
        authorize(session.map(Arc::new), wanted, at(now))
    }

    fn refusal(session: Session, rule: &Rule, now: i64) -> Option<Refusal> {
        judge(Some(session), rule.clone(), now).err()
    }

    #[test]
    fn each_refusal_has_its_reason() {
        let mut guest = session(vec![held("reader", 10), held("editor", 20)], Account::NotNeeded);
        guest.until = at(30);
        let editors = rule(&["editor"]);
        assert_eq!(self::judge(None, Rule::AnyRole, 0).unwrap_err(), Refusal::SignIn);
        assert_eq!(self::judge(None, Rule::SignedIn, 0).unwrap_err(), Refusal::SignIn);
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
        assert_eq!(judge(&Rule::SignedIn, 29), None);
        assert_eq!(judge(&Rule::SignedIn, 30), Some(Refusal::SignIn));
        assert_eq!(refusal(session(vec![], Account::NotNeeded), &Rule::SignedIn, 0), None);
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
            let rule = if wanted.is_empty() { Rule::AnyRole } else { rule(&wanted) };
            let judged = judge(Some(guest), rule, now);
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
