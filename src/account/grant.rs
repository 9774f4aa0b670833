//! A role in an app, until a moment. A grant outlives its end: it is what makes an end an end.

use crate::names::{AppName, GrantId, IdentityId, RoleName};
use crate::span::{in_words, spoken};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What policy gives for one role in one app, evaluated for one person at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The role.
    pub role: RoleName,
    /// The app that the role opens.
    pub app: AppName,
    /// Groups in the app's target.
    pub groups: BTreeSet<String>,
    /// Attributes of the account, by their name in the target's words, templates filled in.
    pub attributes: BTreeMap<String, String>,
    /// How long it lasts from when it was first granted; `None` as long as the provider confirms it.
    pub ttl: Option<SignedDuration>,
    /// The end that a claim gives, and the claim's name.
    pub until: Option<(Timestamp, String)>,
}

/// Why an end is when it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// The time that policy gives ran out.
    Ttl(SignedDuration),
    /// The claim of this name said so.
    Claim(String),
    /// The provider has not confirmed it for so long: nothing rests on old claims for ever.
    Lapse(SignedDuration),
    /// An operator set this end.
    Operator,
    /// Policy no longer gives the role.
    Policy,
}

impl Because {
    /// One word or two for a table: `ttl 30d`, `contract_end`, `operator`.
    pub fn short(&self) -> String {
        match self {
            Self::Ttl(ttl) => format!("ttl {}", in_words(*ttl)),
            Self::Claim(claim) => claim.clone(),
            Self::Lapse(lapse) => format!("unconfirmed {}", in_words(*lapse)),
            Self::Operator => "operator".to_owned(),
            Self::Policy => "policy".to_owned(),
        }
    }

    /// A sentence for the person: why access ends, or ended.
    pub fn sentence(&self) -> String {
        match self {
            Self::Ttl(ttl) => format!("It was given for {}.", spoken(*ttl)),
            Self::Claim(claim) => {
                format!("It was given until the date that your organisation set ({claim}).")
            }
            Self::Lapse(lapse) => format!("You had not signed in for {}.", spoken(*lapse)),
            Self::Operator => "An operator set this end.".to_owned(),
            Self::Policy => "Your organisation no longer gives you this role.".to_owned(),
        }
    }

    /// Whether a sign-in that policy still grants opens access again. Time that ran out stays out: only an
    /// operator's extension starts it anew.
    fn reopens(&self) -> bool {
        matches!(self, Self::Lapse(_) | Self::Policy)
    }
}

/// A moment at which access ends or ended, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Half-open: at this moment it is over.
    pub at: Timestamp,
    /// Why then.
    pub because: Because,
}

/// A role that one identity holds, or held, in one app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Which grant: one for each (identity, role, app), for ever.
    pub id: GrantId,
    /// Whose.
    pub identity: IdentityId,
    /// What policy last gave.
    pub terms: Terms,
    /// When it was granted for the first time; `ttl` counts from here.
    pub first_granted: Timestamp,
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
        let end = end(&terms, now, now, None, lapse);
        (now < end.at).then(|| Self {
            id: GrantId::random(),
            identity,
            terms,
            first_granted: now,
            confirmed: now,
            extended_until: None,
            end,
            ended: false,
        })
    }

    /// The grant after the provider vouched anew and policy gave `terms`. Access that ran out of time stays ended.
    pub fn confirm(mut self, terms: Terms, now: Timestamp, lapse: SignedDuration) -> Self {
        if !self.is_live(now) && !self.end.because.reopens() {
            return self.close_if_over(now);
        }
        self.terms = terms;
        self.confirmed = now;
        self.ended = false;
        self.end = end(&self.terms, self.first_granted, now, self.extended_until, lapse);
        self.close_if_over(now)
    }

    /// The grant ended at `now`. One that has ended before keeps its end.
    pub fn finish(mut self, because: Because, now: Timestamp) -> Self {
        if self.is_live(now) {
            self.end = End { at: now, because };
        }
        self.ended = true;
        self
    }

    /// The grant with an end that an operator sets, open again if it had ended. It does not
    /// lapse before that end: the operator vouches for it.
    pub fn extend(mut self, until: Timestamp, now: Timestamp, lapse: SignedDuration) -> Self {
        self.extended_until = Some(until);
        self.confirmed = now;
        self.ended = false;
        self.end = end(&self.terms, self.first_granted, now, self.extended_until, lapse);
        self.close_if_over(now)
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
}

/// The earliest end that applies, and which one it is. Ends fall on whole seconds, the earlier one: that is how
/// tokens can say them (RFC 7519, `NumericDate`), and gate and app are to close together.
fn end(
    terms: &Terms,
    first_granted: Timestamp,
    confirmed: Timestamp,
    extended_until: Option<Timestamp>,
    lapse: SignedDuration,
) -> End {
    let whole = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
    let after = |start: Timestamp, span| start.checked_add(span).map_or(Timestamp::MAX, whole);
    if let Some(at) = extended_until {
        return End { at: whole(at), because: Because::Operator };
    }
    let ttl = terms.ttl.map(|ttl| End { at: after(first_granted, ttl), because: Because::Ttl(ttl) });
    let claim = terms
        .until
        .as_ref()
        .map(|(at, claim)| End { at: whole(*at), because: Because::Claim(claim.clone()) });
    // Only access without a ttl must be confirmed: the end of the other is already near.
    let lapsed =
        terms.ttl.is_none().then(|| End { at: after(confirmed, lapse), because: Because::Lapse(lapse) });
    // One of ttl and lapse is always there; between equals the first named wins.
    [ttl, claim, lapsed]
        .into_iter()
        .flatten()
        .min_by_key(|end| end.at)
        .unwrap_or(End { at: confirmed, because: Because::Lapse(lapse) })
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
            role: "contractor".parse().unwrap(),
            app: "wiki".parse().unwrap(),
            groups: BTreeSet::new(),
            attributes: BTreeMap::new(),
            ttl: ttl.map(SignedDuration::from_secs),
            until: until.map(|second| (at(second), "contract_end".to_owned())),
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

    proptest! {
        #[test]
        fn the_end_is_the_earliest_that_applies(ttl in prop::option::of(1i64..1000), until in prop::option::of(1i64..1000), lapse in 1i64..1000) {
            let lapse = SignedDuration::from_secs(lapse);
            let grant = Grant::first(IdentityId::random(), terms(ttl, until), at(0), lapse).unwrap();
            let lapse = ttl.is_none().then_some(lapse.as_secs());
            let earliest = [ttl, until, lapse].into_iter().flatten().min().unwrap();
            prop_assert_eq!(grant.end.at, at(earliest));
            prop_assert!(grant.is_live(at(earliest - 1)));
            prop_assert!(!grant.is_live(at(earliest)));
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
