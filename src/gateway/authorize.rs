//! Session, app, rule, moment and address to a permit, or why not. Nothing reaches an app without a [`Permit`], and
//! only this file makes one.

use super::app::{App, Route, Rule};
use crate::account::{Because, Circumstances, Limit};
use crate::names::RoleName;
use crate::session::{Access, Account, Held, Session};
use jiff::Timestamp;
use std::net::IpAddr;
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
    overlooked: Option<Overlooked>,
}

/// That a request would have been kept out of an app that is observed, not enforced.
#[derive(Debug, Clone)]
pub struct Overlooked {
    /// Why, in a word.
    pub reason: &'static str,
    /// Whose session was looked at. The app does not learn of them.
    pub session: Option<Arc<Session>>,
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
    /// The path, canonical: some roles open a part of their app only.
    pub path: &'a str,
    /// From where: some roles open from certain networks only.
    pub address: IpAddr,
}

/// The person behind a permit, and how long it lasts.
#[derive(Debug, Clone)]
pub struct Guest {
    session: Arc<Session>,
    until: Timestamp,
    at: Timestamp,
    address: IpAddr,
    /// Whether something that they hold in the app has conditions.
    limited: bool,
    /// Whether a role that fits opens a part of the app only.
    partial: bool,
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
    /// What would open it does not under these circumstances.
    Limited(Limit),
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
    let Wanted { app, route, rule, host, path, address } = wanted;
    let permit = |guest| {
        let (app, route, rule) = (app.clone(), route.clone(), rule.clone());
        Permit(Arc::new(Granted { app, route, rule, guest, overlooked: None }))
    };
    if **rule == Rule::Public {
        return Ok(permit(None));
    }
    let here = |session: &Arc<Session>| session.is_current() && now < session.until && *session.host == *host;
    let session = session.filter(here).ok_or(Refusal::SignIn)?;
    let access = access(&session, app);
    let held = access.map_or(&[][..], |access| &access.held);
    let limited = held.iter().any(|held| !held.opening.only.is_empty());
    let guest = |session: Arc<Session>, until: Timestamp, partial| {
        let until = until.min(session.until);
        permit(Some(Guest { session, until, at: now, address, limited, partial }))
    };
    let circumstances = Circumstances { now, address, strength: session.strength() };
    let signed_in = || match &route.limits {
        Some(limits) => limits.judge(&circumstances).map_err(Refusal::Limited),
        None => Ok(Timestamp::MAX),
    };
    if **rule == Rule::SignedIn {
        let until = signed_in()?;
        return Ok(guest(session, until, false));
    }
    let fitting = || held.iter().filter(|held| opens(rule, held.role()));
    let until = open_until(fitting().filter(|held| held.opening.reaches(path)), &circumstances)?;
    // Whoever lacks a role is not sent to sign in more strongly for nothing.
    let until = until.min(signed_in()?);
    let partial = fitting().any(|held| held.opening.is_partial());
    match access.map(|access| &access.account) {
        Some(Account::NotNeeded | Account::Ready(_)) => Ok(guest(session, until, partial)),
        Some(Account::Preparing) => Err(Refusal::Preparing),
        Some(Account::Stuck) => Err(Refusal::Stuck),
        None => Err(Refusal::NoRole),
    }
}

/// A permit for a request that is to be kept out: for nobody in particular, whoever it is. `None` where the app is
/// enforced.
pub(super) fn overlook(wanted: Wanted<'_>, overlooked: Overlooked) -> Option<Permit> {
    let Wanted { app, route, rule, .. } = wanted;
    let (app, route, rule) = (app.clone(), route.clone(), rule.clone());
    let permit = || Permit(Arc::new(Granted { app, route, rule, guest: None, overlooked: Some(overlooked) }));
    (!wanted.app.enforce).then(permit)
}

/// Until when the last of these grants opens what they open; or why none does, what its person can mend first.
fn open_until<'a>(
    fitting: impl Iterator<Item = &'a Held>,
    circumstances: &Circumstances<'_>,
) -> Result<Timestamp, Refusal> {
    let (mut until, mut limit, mut last) = (None, None, None::<&Held>);
    for held in fitting {
        if !held.is_live(circumstances.now) {
            last = Some(last.map_or(held, |last| if last.until > held.until { last } else { held }));
            continue;
        }
        match held.judge(circumstances) {
            Ok(end) => until = until.max(Some(end)),
            Err(one) => limit = Some(limit.map_or(one, |limit| easier(limit, one))),
        }
    }
    match (until, limit, last) {
        (Some(until), ..) => Ok(until),
        (None, Some(limit), _) => Err(Refusal::Limited(limit)),
        (None, None, Some(held)) => Err(Refusal::Ended { at: held.until, because: held.because.clone() }),
        (None, None, None) => Err(Refusal::NoRole),
    }
}

/// Of two limits, each of which is all that keeps somebody out, the one that they can do more about; of hours, those
/// that come first.
fn easier(one: Limit, other: Limit) -> Limit {
    match (one, other) {
        (Limit::OutsideHours { next: Some(one) }, Limit::OutsideHours { next: Some(other) }) => {
            Limit::OutsideHours { next: Some(one.min(other)) }
        }
        _ => one.max(other),
    }
}

fn access<'a>(session: &'a Session, app: &App) -> Option<&'a Access> {
    session.access.iter().find(|access| access.app == app.name)
}

/// Whether `rule` lets somebody in who holds this role.
pub(super) fn opens(rule: &Rule, role: &RoleName) -> bool {
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

    /// Whom it is for; nobody in particular where a place is public, or what is wrong was overlooked.
    pub fn guest(&self) -> Option<&Guest> {
        self.0.guest.as_ref()
    }

    /// What was overlooked to give it.
    pub fn overlooked(&self) -> Option<&Overlooked> {
        self.0.overlooked.as_ref()
    }
}

impl Guest {
    /// Their session.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// When the permit ends: when the last of the grants that open the place does not open it any more, or with the
    /// session.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// When it was given.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// All their grants in `app` that are live and whose conditions hold, those that did not open the place too, each
    /// with the moment until which that is so.
    pub fn live<'a>(&'a self, app: &App) -> impl Iterator<Item = (&'a Held, Timestamp)> + use<'a> {
        let circumstances =
            Circumstances { now: self.at, address: self.address, strength: self.session.strength() };
        let held = access(&self.session, app).into_iter().flat_map(|access| &access.held);
        let live = held.filter(move |held| held.is_live(circumstances.now));
        live.filter_map(move |held| held.judge(&circumstances).ok().map(|until| (held, until)))
    }

    /// Their address, where what they hold in the app may hang on it: then the permit is for no other.
    pub fn address_matters(&self) -> Option<IpAddr> {
        self.limited.then_some(self.address)
    }

    /// Whether the permit is for its path alone, and says nothing of others under the same rule.
    pub fn is_partial(&self) -> bool {
        self.partial
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
    use crate::account::Strength;
    use crate::gateway::testing::{HERE, HOST, app, at, held, limited, outdate, partial, session};
    use proptest::prelude::*;
    use serde_json::json;

    fn rule(roles: &[&str]) -> Rule {
        Rule::Roles(roles.iter().map(|role| role.parse().unwrap()).collect())
    }

    fn judge(session: Option<Session>, rule: Rule, now: i64) -> Result<Permit, Refusal> {
        judge_at("/", HERE, session, rule, now)
    }

    fn judge_at(
        path: &str,
        address: IpAddr,
        session: Option<Session>,
        rule: Rule,
        now: i64,
    ) -> Result<Permit, Refusal> {
        let (app, rule) = (&app(json!({})), &Arc::new(rule));
        let wanted = Wanted { app, route: app.route(path), rule, host: HOST, path, address };
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
            (Account::Ready("n1".into()), None),
        ] {
            assert_eq!(refusal(session(vec![held("reader", 10)], account), &Rule::AnyRole, 0), expected);
        }
        let mut stopped = held("reader", 50);
        stopped.ended = true;
        assert_eq!(refusal(session(vec![stopped], Account::NotNeeded), &Rule::AnyRole, 0), ended(50));
        assert_eq!(refusal(session(vec![], Account::NotNeeded), &Rule::AnyRole, 0), Some(Refusal::NoRole));
    }

    fn copy(of: &Session) -> Session {
        let mut copy = session(of.access[0].held.to_vec(), of.access[0].account.clone());
        copy.until = of.until;
        copy
    }

    fn until(permit: Result<Permit, Refusal>) -> Result<Timestamp, Refusal> {
        permit.map(|permit| permit.guest().unwrap().until())
    }

    #[test]
    fn conditions_are_judged_for_each_request_and_end_its_permit() {
        // The test's time begins on 15 January 2027, a Friday, at 08:00 UTC.
        let office = json!({ "hours": ["07:00:00", "09:00:00"], "networks": ["10.0.0.0/8"] });
        let strong = json!({ "acr": ["gold"], "max_age": "PT10M" });
        let (inside, outside): (IpAddr, _) = ("10.1.2.3".parse().unwrap(), HERE);
        let mut in_office = limited("reader", 10_000, office.clone());
        let judge = |held: &[&Held], strength: Option<Strength>, address, now| {
            let mut guest = session(held.iter().copied().cloned().collect(), Account::NotNeeded);
            guest.strength = strength.map(Box::new);
            until(judge_at("/", address, Some(guest), Rule::AnyRole, now))
        };
        let limit = |limit| Err(Refusal::Limited(limit));
        assert_eq!(judge(&[&in_office], None, inside, 0), Ok(at(3600)));
        assert_eq!(judge(&[&in_office], None, outside, 0), limit(Limit::Network));
        let next = Some(at(23 * 3600));
        assert_eq!(judge(&[&in_office], None, inside, 3600), limit(Limit::OutsideHours { next }));
        in_office.until = at(100);
        assert_eq!(judge(&[&in_office], None, inside, 0), Ok(at(100)));

        let gold = |seconds| {
            let auth_time = Some(at(seconds));
            Some(Strength { acr: Some("gold".to_owned()), auth_time, ..Strength::default() })
        };
        let step_up = limited("editor", 10_000, strong);
        assert_eq!(judge(&[&step_up], gold(-60), outside, 0), Ok(at(540)));
        assert_eq!(judge(&[&step_up], gold(-600), outside, 0), limit(Limit::TooLongAgo));
        assert_eq!(judge(&[&step_up], None, outside, 0), limit(Limit::Acr));
        // Whichever holds longer counts; of what keeps them out, what they can mend.
        assert_eq!(judge(&[&in_office, &step_up], gold(0), inside, 0), Ok(at(600)));
        assert_eq!(
            judge(&[&step_up, &in_office, &held("owner", -1)], gold(-600), outside, 0),
            limit(Limit::TooLongAgo)
        );
        assert_eq!(judge(&[&limited("reader", 0, office), &held("owner", 50)], None, outside, 0), Ok(at(50)));
    }

    #[test]
    fn a_role_with_routes_opens_those_and_never_what_a_rule_keeps_for_others() {
        let auditor = partial("auditor", 50, &["/reports", "/admin/log"]);
        let judge = |held: &[&Held], rule: &Rule, path| {
            let guest = session(held.iter().copied().cloned().collect(), Account::NotNeeded);
            until(judge_at(path, HERE, Some(guest), rule.clone(), 0))
        };
        let (any, editors) = (Rule::AnyRole, rule(&["editor"]));
        assert_eq!(judge(&[&auditor], &any, "/reports/2026"), Ok(at(50)));
        assert_eq!(judge(&[&auditor], &any, "/"), Err(Refusal::NoRole));
        assert_eq!(judge(&[&auditor], &editors, "/admin/log"), Err(Refusal::NoRole));
        assert_eq!(judge(&[&auditor, &held("reader", 10)], &any, "/"), Ok(at(10)));
        assert_eq!(judge(&[&auditor, &held("reader", 10)], &any, "/reports"), Ok(at(50)));
        let over = Err(Refusal::Ended { at: at(-1), because: Because::Policy });
        assert_eq!(judge(&[&auditor, &held("reader", -1)], &any, "/"), over);
        assert_eq!(judge(&[&auditor], &Rule::SignedIn, "/"), Ok(at(1_000_000)));
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
