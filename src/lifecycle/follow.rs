//! What follows from what policy says, as values: the grants of one identity before and after. Nothing here is written,
//! so whoever only wants to know asks here, too.

use crate::account::{Because, Grant, Terms};
use crate::identity::ClaimSet;
use crate::names::IdentityId;
use crate::policy::{Decision, Policy};
use jiff::{SignedDuration, Timestamp};

/// The grants of `identity` after the provider vouched for it and policy decided. `before` are those that it holds and
/// held; they come first, in their order.
pub fn after_sign_in(
    identity: IdentityId,
    before: &[Grant],
    decision: &Decision,
    now: Timestamp,
    lapse: SignedDuration,
) -> Vec<Grant> {
    vouched(identity, before, decision, now, lapse, Grant::confirm)
}

/// The same after the provider vouched for it while nobody signed in.
pub fn after_refresh(
    identity: IdentityId,
    before: &[Grant],
    decision: &Decision,
    now: Timestamp,
    lapse: SignedDuration,
) -> Vec<Grant> {
    vouched(identity, before, decision, now, lapse, Grant::refresh)
}

fn vouched(
    identity: IdentityId,
    before: &[Grant],
    decision: &Decision,
    now: Timestamp,
    lapse: SignedDuration,
    confirm: fn(Grant, Terms, Timestamp, SignedDuration) -> Grant,
) -> Vec<Grant> {
    let known = before.iter().cloned().map(|grant| match verdict(&grant, decision) {
        Verdict::Given(terms) => confirm(grant, terms.clone(), now, lapse),
        // Unknown is neither empty nor unchanged: it keeps its end, and is not confirmed.
        Verdict::Undecided => grant.close_if_over(now),
        Verdict::Withdrawn => grant.finish(Because::Policy, now),
    });
    let held = |terms: &&Terms| before.iter().any(|grant| is_for(grant, terms));
    let new = decision.granted().filter(|terms| !held(terms));
    known.chain(new.filter_map(|terms| Grant::first(identity, terms.clone(), now, lapse))).collect()
}

/// The grants of an identity after `policy` came to hold, by the `claims` that are known of it. What is no longer given
/// ends, what is still given has other terms; nothing is confirmed, and nothing opened, for that takes the provider's
/// word. What has ended stays as it is.
pub fn after_reload(
    claims: &ClaimSet,
    before: &[Grant],
    policy: &Policy,
    now: Timestamp,
    lapse: SignedDuration,
) -> Vec<Grant> {
    if before.iter().all(|grant| !grant.is_live(now)) {
        return before.to_vec();
    }
    let decision = policy.evaluate(claims, now);
    let revised = before.iter().cloned().map(|grant| match verdict(&grant, &decision) {
        _ if !grant.is_live(now) => grant,
        Verdict::Given(terms) => grant.revise(terms.clone(), now, lapse),
        Verdict::Undecided => grant,
        Verdict::Withdrawn => grant.finish(Because::Policy, now),
    });
    revised.collect()
}

/// What a decision says of a grant that is there.
enum Verdict<'a> {
    Given(&'a Terms),
    Undecided,
    Withdrawn,
}

fn verdict<'a>(grant: &Grant, decision: &'a Decision) -> Verdict<'a> {
    match decision.granted().find(|terms| is_for(grant, terms)) {
        Some(terms) => Verdict::Given(terms),
        None if decision.is_undecided(&grant.terms.role, &grant.terms.app) => Verdict::Undecided,
        None => Verdict::Withdrawn,
    }
}

fn is_for(grant: &Grant, terms: &Terms) -> bool {
    terms.role == grant.terms.role && terms.app == grant.terms.app
}
