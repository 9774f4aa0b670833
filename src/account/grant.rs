//! A role in an app, until a moment. A grant outlives its end: it is what makes an end an end.

use super::end::{Because, End};
use super::terms::{Renew, Terms};
use crate::names::{GrantId, IdentityId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A day, in seconds.
const DAY: i64 = 24 * 60 * 60;

/// A role that one identity holds, or held, in one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Which grant: one for each (identity, role, app), for ever.
    pub id: GrantId,
    /// Whose.
    pub identity: IdentityId,
    /// What policy last gave.
    pub terms: Terms,
    /// When it was granted for the first time; the longest life counts from here, and `ttl` where nothing renews it.
    pub first_granted: Timestamp,
    /// When a sign-in or a request last let `ttl` count anew.
    pub renewed: Timestamp,
    /// When it was last opened: granted, or opened again. Idleness counts from here until it is used.
    pub opened: Timestamp,
    /// When it was last used, as far as that was counted.
    pub last_used: Option<Timestamp>,
    /// When the provider last vouched for the claims behind it.
    pub confirmed: Timestamp,
    /// The end that an operator set instead of policy's.
    pub extended_until: Option<Timestamp>,
    /// When it ends, or ended.
    pub end: End,
    /// Whether the end has been recorded; then the clock alone cannot bring it back.
    pub ended: bool,
}

impl Grant {
    /// A grant that `terms` give for the first time; `None` where their end has already come.
    pub fn first(identity: IdentityId, terms: Terms, now: Timestamp, lapse: SignedDuration) -> Option<Self> {
        let grant = Self {
            id: GrantId::random(),
            identity,
            terms,
            first_granted: now,
            renewed: now,
            opened: now,
            last_used: None,
            confirmed: now,
            extended_until: None,
            end: End { at: now, because: Because::Policy },
            ended: false,
        };
        Some(grant.with_its_end(lapse)).filter(|grant| grant.is_live(now))
    }

    /// The grant after the provider vouched anew and policy gave `terms`. Access that ran out of time stays ended.
    pub fn confirm(mut self, terms: Terms, now: Timestamp, lapse: SignedDuration) -> Self {
        let live = self.is_live(now);
        if !live && !self.end.because.reopens() {
            return self.close_if_over(now);
        }
        self.terms = terms;
        self.confirmed = now;
        self.ended = false;
        // What is opened again goes on where it was: time in which it was not renewed has run all the same.
        match live {
            true if self.terms.renew != Renew::Never => self.renewed = now,
            true => {}
            false => self.opened = now,
        }
        self.with_its_end(lapse).close_if_over(now)
    }

    /// The same while nobody has signed in: what signing in renews is not renewed.
    pub fn refresh(self, terms: Terms, now: Timestamp, lapse: SignedDuration) -> Self {
        let renewed = self.renewed;
        let confirmed = self.confirm(terms, now, lapse);
        if !confirmed.is_live(now) {
            return confirmed;
        }
        Self { renewed, ..confirmed }.with_its_end(lapse).close_if_over(now)
    }

    /// The grant after policy gives other `terms` for the claims that are known. That vouches for nobody and opens
    /// nothing; where the end that they give has passed, it is over now, since policy no longer gives it.
    pub fn revise(mut self, terms: Terms, now: Timestamp, lapse: SignedDuration) -> Self {
        if !self.is_live(now) || self.terms == terms {
            return self;
        }
        let before = self.end.clone();
        self.terms = terms;
        let revised = self.with_its_end(lapse);
        if revised.is_live(now) {
            return revised;
        }
        Self { end: before, ..revised }.finish(Because::Policy, now)
    }

    /// The grant after a request at `at`, while it lived. A use that comes sooner after the last than
    /// [`Terms::use_counts_every`] changes nothing.
    pub fn used(mut self, at: Timestamp, lapse: SignedDuration) -> Self {
        let every = self.terms.use_counts_every().unwrap_or_default();
        let soon = self.last_used.is_some_and(|last| at.duration_since(last) < every);
        if soon || !self.is_live(at) {
            return self;
        }
        self.last_used = Some(at);
        if self.terms.renew == Renew::Request {
            self.renewed = self.renewed.max(at);
        }
        self.with_its_end(lapse)
    }

    /// The grant ended at `now`. One that has ended before keeps its end.
    pub fn finish(mut self, because: Because, now: Timestamp) -> Self {
        if self.is_live(now) {
            self.end = End { at: now, because };
        }
        self.ended = true;
        self
    }

    /// The grant with an end that an operator sets, open again if it had ended. It does not lapse before that end, for
    /// the operator vouches for it; but it lives no longer than it may at the most.
    pub fn extend(mut self, until: Timestamp, now: Timestamp, lapse: SignedDuration) -> Self {
        if !self.is_live(now) {
            self.opened = now;
        }
        self.extended_until = Some(until);
        self.confirmed = now;
        self.ended = false;
        self.with_its_end(lapse).close_if_over(now)
    }

    /// Records the end if it has come.
    pub fn close_if_over(mut self, now: Timestamp) -> Self {
        self.ended |= now >= self.end.at;
        self
    }

    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.ended && now < self.end.at
    }

    /// When a target may close the account by itself: at the end, if that is fixed. One that sign-ins or requests put
    /// off is told in whole days (UTC), so that the target hears of it once a day at most.
    pub fn second_lock(&self) -> Timestamp {
        let renewed = matches!(self.end.because, Because::Ttl(_)) && self.terms.renew != Renew::Never;
        if !renewed && !self.end.because.is_put_off() {
            return self.end.at;
        }
        let day = self.end.at.as_second().saturating_add(DAY - 1).div_euclid(DAY);
        Timestamp::from_second(day * DAY).unwrap_or(self.end.at)
    }

    fn with_its_end(self, lapse: SignedDuration) -> Self {
        Self { end: self.earliest_end(lapse), ..self }
    }

    /// The earliest end that applies, and which one it is; between equals the first named here.
    fn earliest_end(&self, lapse: SignedDuration) -> End {
        let Terms { ttl, until, at_most, idle, renew, .. } = &self.terms;
        let at_most = at_most.map(|span| End::after(self.first_granted, span, Because::AtMost));
        if let Some(at) = self.extended_until {
            let set = End::at(at, Because::Operator);
            return at_most.filter(|most| most.at < set.at).unwrap_or(set);
        }
        let counted = if *renew == Renew::Never { self.first_granted } else { self.renewed };
        let used = self.last_used.map_or(self.opened, |used| used.max(self.opened));
        let lapsed = End::after(self.confirmed, lapse, Because::Lapse);
        let ends = [
            ttl.map(|ttl| End::after(counted, ttl, Because::Ttl)),
            until.as_ref().map(|(at, claim)| End::at(*at, Because::Claim(claim.clone()))),
            at_most,
            idle.map(|idle| End::after(used, idle, Because::Idle)),
            ttl.is_none().then(|| lapsed.clone()),
        ];
        // One of ttl and lapse is always there.
        ends.into_iter().flatten().min_by_key(|end| end.at).unwrap_or(lapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LAPSE: SignedDuration = SignedDuration::from_hours(30 * 24);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn terms(ttl: Option<i64>, until: Option<i64>) -> Terms {
        Terms {
            ttl: ttl.map(SignedDuration::from_secs),
            until: until.map(|second| (at(second), "contract_end".to_owned())),
            ..Terms::plain("contractor".parse().unwrap(), "wiki".parse().unwrap())
        }
    }

    #[test]
    fn a_second_sign_in_starts_no_new_life() {
        let first = Grant::first(IdentityId::random(), terms(Some(60), None), at(0), LAPSE).unwrap();
        let again = first.clone().confirm(terms(Some(60), None), at(30), LAPSE);
        assert_eq!(again.end, End { at: at(60), because: Because::Ttl(SignedDuration::from_secs(60)) });
        let late = again.confirm(terms(Some(3600), None), at(60), LAPSE);
        assert!(late.ended, "an edited policy reopened what had ended");
        assert!(!late.is_live(at(61)));
        let extended = late.extend(at(500), at(61), LAPSE);
        assert!(extended.is_live(at(499)) && !extended.is_live(at(500)));
    }

    #[test]
    fn ends_fall_on_whole_seconds_and_never_on_now() {
        for micros in [0, 1, 500_000, 999_999] {
            let now = at(10) + SignedDuration::from_micros(micros);
            let grant = Grant::first(IdentityId::random(), terms(Some(1), None), now, LAPSE).unwrap();
            assert_eq!(grant.end.at, at(11));
        }
    }

    #[test]
    fn what_lapsed_or_was_withdrawn_comes_back_with_the_claims() {
        let grant = Grant::first(IdentityId::random(), terms(None, None), at(0), LAPSE).unwrap();
        let lapsed = grant.close_if_over(at(0) + LAPSE);
        assert!(lapsed.ended);
        let back = lapsed.confirm(terms(None, None), at(0) + LAPSE, LAPSE);
        assert!(back.is_live(at(0) + LAPSE));
        let withdrawn = back.finish(Because::Policy, at(0) + LAPSE);
        assert!(!withdrawn.is_live(at(0) + LAPSE));
        assert!(withdrawn.confirm(terms(None, None), at(0) + LAPSE * 2, LAPSE).is_live(at(0) + LAPSE * 2));
    }

    const SECOND: SignedDuration = SignedDuration::from_secs(1);

    fn first(terms: Terms) -> Grant {
        Grant::first(IdentityId::random(), terms, at(0), LAPSE).unwrap()
    }

    #[test]
    fn a_sign_in_renews_what_says_so_while_it_lives_and_never_beyond_the_longest_life() {
        let terms = Terms { renew: Renew::Login, at_most: Some(SECOND * 100), ..terms(Some(60), None) };
        let renewed = first(terms.clone()).confirm(terms.clone(), at(50), LAPSE);
        assert_eq!(renewed.end, End { at: at(100), because: Because::AtMost(SECOND * 100) });
        let late = first(terms.clone()).confirm(terms.clone(), at(60), LAPSE);
        assert!(late.ended, "what ran out was renewed");
        assert_eq!(first(terms.clone()).used(at(50), LAPSE).end.at, at(60), "a request renewed it");
        let refreshed = first(terms.clone()).refresh(terms.clone(), at(50), LAPSE);
        assert_eq!((refreshed.end.at, refreshed.confirmed), (at(60), at(50)), "nobody has signed in");
        // Withdrawn and given again, it goes on where it was; only the sign-in after that renews it.
        let withdrawn = first(terms.clone()).finish(Because::Policy, at(10));
        let again = withdrawn.clone().confirm(terms.clone(), at(40), LAPSE);
        assert_eq!(again.end.at, at(60));
        assert_eq!(again.confirm(terms.clone(), at(41), LAPSE).end.at, at(100));
        assert!(withdrawn.confirm(terms, at(70), LAPSE).ended, "time stood still while it was withdrawn");
    }

    #[test]
    fn an_operator_goes_beyond_every_end_but_the_longest_life() {
        let terms = Terms { at_most: Some(SECOND * 100), idle: Some(SECOND * 20), ..terms(Some(60), None) };
        assert_eq!(
            first(terms.clone()).extend(at(90), at(50), LAPSE).end,
            End { at: at(90), because: Because::Operator }
        );
        let most = End { at: at(100), because: Because::AtMost(SECOND * 100) };
        assert_eq!(first(terms.clone()).extend(at(500), at(50), LAPSE).end, most);
        assert!(first(terms).extend(at(500), at(100), LAPSE).ended);
    }

    #[test]
    fn what_nobody_uses_ends_and_a_sign_in_opens_it_again() {
        let terms = Terms { idle: Some(SECOND * 240), ..terms(None, None) };
        let unused = first(terms.clone());
        assert_eq!(unused.end, End { at: at(240), because: Because::Idle(SECOND * 240) });
        let used = unused.clone().used(at(100), LAPSE);
        assert_eq!(used.end.at, at(340));
        assert_eq!(used.clone().used(at(109), LAPSE).end.at, at(340), "each use was written");
        assert_eq!(used.clone().used(at(110), LAPSE).end.at, at(350));
        assert_eq!(
            used.clone().confirm(terms.clone(), at(300), LAPSE).end.at,
            at(340),
            "a sign-in is no use of it"
        );
        let over = used.close_if_over(at(340));
        assert!(over.ended && !over.clone().used(at(341), LAPSE).is_live(at(341)));
        assert_eq!(over.confirm(terms, at(400), LAPSE).end.at, at(640));
    }

    #[test]
    fn another_policy_ends_what_it_gives_no_longer_and_a_sign_in_opens_it_under_a_third() {
        let grant = first(terms(Some(100), None));
        let shorter = grant.clone().revise(terms(Some(50), None), at(20), LAPSE);
        assert_eq!((shorter.end.at, shorter.confirmed, shorter.ended), (at(50), at(0), false));
        let over = grant.revise(terms(Some(50), None), at(70), LAPSE);
        assert_eq!((&over.end, over.ended), (&End { at: at(70), because: Because::Policy }, true));
        assert_eq!(
            over.clone().revise(terms(Some(200), None), at(71), LAPSE),
            over,
            "a policy opened something"
        );
        assert!(over.clone().confirm(terms(Some(50), None), at(72), LAPSE).ended);
        assert_eq!(over.confirm(terms(Some(200), None), at(72), LAPSE).end.at, at(200));
    }

    prop_compose! {
        fn any_terms()(
            ttl in prop::option::of(1i64..1000),
            until in prop::option::of(1i64..1000),
            at_most in prop::option::of(1i64..1000),
            idle in prop::option::of(1i64..1000),
            renew in prop::sample::select(vec![Renew::Never, Renew::Login, Renew::Request]),
        ) -> Terms {
            let at_most = at_most.map(SignedDuration::from_secs);
            Terms { at_most, idle: idle.map(SignedDuration::from_secs), renew, ..terms(ttl, until) }
        }
    }

    proptest! {
        #[test]
        fn the_end_is_the_earliest_that_applies(terms in any_terms(), lapse in 1i64..1000) {
            let lapse = SignedDuration::from_secs(lapse);
            let Terms { ttl, idle, at_most, ref until, .. } = terms;
            let until = until.as_ref().map(|(at, _)| at.duration_since(self::at(0)));
            let ends = [ttl, until, at_most, idle, ttl.is_none().then_some(lapse)];
            let earliest = ends.into_iter().flatten().min().unwrap().as_secs();
            let grant = Grant::first(IdentityId::random(), terms, at(0), lapse).unwrap();
            prop_assert_eq!(grant.end.at, at(earliest));
            prop_assert!(grant.is_live(at(earliest - 1)));
            prop_assert!(!grant.is_live(at(earliest)));
        }

        /// Whatever happens to it, each end that applies is kept: none is later than what it counts from allows.
        #[test]
        fn no_end_is_later_than_any_that_applies(
            terms in any_terms(),
            steps in prop::collection::vec((0i64..200, 0u8..6), 1..30),
        ) {
            let mut now = 0;
            let mut grant = first(terms.clone());
            for (wait, step) in steps {
                now += wait;
                let (before, moment) = (grant.clone(), at(now));
                grant = match step {
                    0 => grant.confirm(terms.clone(), moment, LAPSE),
                    1 => grant.used(moment, LAPSE),
                    2 => grant.finish(Because::Policy, moment),
                    3 => grant.extend(moment + SECOND * 300, moment, LAPSE),
                    4 => grant.revise(terms.clone(), moment, LAPSE),
                    _ => grant.close_if_over(moment),
                };
                let ends = |span: Option<SignedDuration>, from: Timestamp| span.map_or(Timestamp::MAX, |span| from + span);
                prop_assert!(grant.end.at <= ends(terms.at_most, at(0)));
                if step == 1 && !before.is_live(moment) {
                    prop_assert_eq!(&grant, &before, "a use opened something");
                }
                if grant.extended_until.is_none() && grant.is_live(moment) {
                    let claim = terms.until.as_ref().map_or(Timestamp::MAX, |(at, _)| *at);
                    prop_assert!(grant.end.at <= claim);
                    let counted = if terms.renew == Renew::Never { at(0) } else { grant.renewed };
                    prop_assert!(grant.end.at <= ends(terms.ttl, counted));
                    let used = grant.last_used.unwrap_or(grant.opened).max(grant.opened);
                    prop_assert!(grant.end.at <= ends(terms.idle, used));
                    prop_assert!(counted <= moment && used <= moment);
                    // What renewed it came while it lived, so that no gap was bridged.
                    let renewed = grant.renewed != before.renewed;
                    prop_assert!(!renewed || before.is_live(moment));
                }
            }
        }

        /// Whatever happens to it, time that ran out is out until an operator says otherwise.
        #[test]
        fn only_an_operator_reopens_what_ran_out(steps in prop::collection::vec((0i64..50, 0u8..4), 1..40)) {
            let mut now = 0;
            let mut grant = Grant::first(IdentityId::random(), terms(Some(60), Some(90)), at(0), LAPSE).unwrap();
            for (wait, step) in steps {
                now += wait;
                grant = match step {
                    0 => grant.confirm(terms(Some(1000), None), at(now), LAPSE),
                    1 => grant.close_if_over(at(now)),
                    2 => grant.finish(Because::Policy, at(now)),
                    _ => grant,
                };
                // The first policy gave 60 s, an edit while it lived at most 1000 s.
                prop_assert!(!grant.is_live(at(1000)));
            }
        }
    }
}
