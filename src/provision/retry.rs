//! After a fault: when to try again, and when to call an account stuck. Nothing is ever given up.

use super::connector::{Fault, RetryAfter};
use crate::store::Failure;
use jiff::{SignedDuration, Timestamp};

/// After a lost answer a write may still take effect for so long; only then is it worth looking.
pub const SETTLE: SignedDuration = SignedDuration::from_secs(2);
/// After so many failures in a row, a minute or so of them, an account is called stuck: a target that is started
/// anew is back by then.
const PATIENCE: u32 = 8;
/// The first and the longest span out of which the wait is drawn.
const FIRST: SignedDuration = SignedDuration::from_secs(1);
const CEILING: SignedDuration = SignedDuration::from_mins(5);
/// How often a target that does not know us is asked whether it does by now.
const PROBE: SignedDuration = SignedDuration::from_mins(1);
/// How often what was refused is tried again: somebody has to change something first.
const REFUSED: SignedDuration = SignedDuration::from_hours(1);
/// The longest that a target may ask us to stay away.
const LONGEST_ABSENCE: SignedDuration = SignedDuration::from_hours(24);

/// What `fault` means for an account that has failed `attempts` times in a row before, and was already called
/// stuck or not. `chance` in 0..1 spreads what would otherwise come all at once.
pub fn after(fault: &Fault, attempts: u32, stuck: bool, chance: f64, now: Timestamp) -> Failure {
    let failed = attempts.saturating_add(1);
    let tired = stuck || failed >= PATIENCE;
    let drawn = now + backoff(attempts).mul_f64(chance);
    let (attempts, next_due, stuck) = match fault {
        Fault::Transient { after, .. } => (failed, drawn.max(asked(*after, now)), tired),
        Fault::Throttled(Some(after)) => (attempts, asked(Some(*after), now) + FIRST.mul_f64(chance), stuck),
        // Without a word of when, a full second at the least.
        Fault::Throttled(None) => (attempts, drawn.max(now + FIRST), stuck),
        Fault::Unknown(_) => (failed, drawn.max(now + SETTLE), tired),
        Fault::AuthFailed(_) => (failed, now + PROBE, true),
        Fault::Refused { .. } | Fault::Undecided(_) => (failed, now + REFUSED, true),
    };
    let candidates = if let Fault::Undecided(found) = fault { found.clone() } else { Vec::new() };
    Failure {
        words: fault.to_string(),
        attempts,
        next_due,
        stuck,
        unsure: matches!(fault, Fault::Unknown(_)),
        candidates,
    }
}

/// Until when the whole target is left alone: its limits, its rest and our credentials are not one account's affair.
pub fn pause(fault: &Fault, failure: &Failure, now: Timestamp) -> Option<Timestamp> {
    match fault {
        Fault::Throttled(_) | Fault::AuthFailed(_) => Some(failure.next_due),
        Fault::Transient { after: Some(after), .. } => Some(asked(Some(*after), now)),
        _ => None,
    }
}

/// How long a target is left alone that has failed so often in a row, whichever the account.
pub fn rest(failures: u32) -> SignedDuration {
    backoff(failures.saturating_sub(PATIENCE))
}

fn backoff(attempts: u32) -> SignedDuration {
    FIRST.saturating_mul(1 << attempts.min(10)).min(CEILING)
}

fn asked(after: Option<RetryAfter>, now: Timestamp) -> Timestamp {
    let at = match after {
        Some(RetryAfter::In(span)) => now + span.clamp(SignedDuration::ZERO, LONGEST_ABSENCE),
        Some(RetryAfter::At(at)) => at,
        None => now,
    };
    at.clamp(now, now + LONGEST_ABSENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::connector::Refusal;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    fn wait(fault: &Fault, attempts: u32, chance: f64) -> SignedDuration {
        after(fault, attempts, false, chance, now()).next_due.duration_since(now())
    }

    proptest! {
        #[test]
        fn waits_grow_to_the_ceiling_and_never_end(attempts: u32, chance in 0.0..1.0) {
            let fault = Fault::transient("503");
            let failure = after(&fault, attempts, false, chance, now());
            prop_assert!(failure.next_due >= now() && failure.next_due <= now() + CEILING);
            prop_assert_eq!(failure.stuck, attempts >= PATIENCE - 1);
            prop_assert!(!failure.unsure);
        }

        #[test]
        fn nobody_calls_before_they_were_asked_to(secs in -10..100_000_i64, chance in 0.0..1.0) {
            let span = SignedDuration::from_secs(secs);
            for after in [RetryAfter::In(span), RetryAfter::At(now() + span)] {
                let least = span.clamp(SignedDuration::ZERO, LONGEST_ABSENCE);
                prop_assert!(wait(&Fault::Throttled(Some(after)), 0, chance) >= least);
                let busy = Fault::Transient { words: String::new(), after: Some(after) };
                prop_assert!(wait(&busy, 0, chance) >= least);
            }
        }
    }

    #[test]
    fn each_fault_has_its_pace() {
        let transient = Fault::transient("503");
        assert_eq!(wait(&transient, 0, 0.5), SignedDuration::from_millis(500));
        assert_eq!(wait(&transient, 3, 0.5), SignedDuration::from_secs(4));
        assert_eq!(wait(&transient, 40, 1.0), CEILING);
        let refused = Fault::refused(Refusal::Forbidden, "no");
        assert_eq!(wait(&refused, 0, 0.5), REFUSED);
        assert!(after(&refused, 0, false, 0.5, now()).stuck);
        let lost = after(&Fault::Unknown("reset".into()), 0, false, 0.0, now());
        assert_eq!((lost.next_due, lost.unsure, lost.stuck), (now() + SETTLE, true, false));
    }

    #[test]
    fn a_throttle_is_no_failure_and_holds_the_target() {
        let fault = Fault::Throttled(None);
        let failure = after(&fault, PATIENCE - 1, false, 0.0, now());
        assert_eq!((failure.attempts, failure.stuck), (PATIENCE - 1, false));
        assert_eq!(pause(&fault, &failure, now()), Some(now() + SignedDuration::from_secs(1)));
        let fault = Fault::transient("500");
        assert_eq!(pause(&fault, &after(&fault, 0, false, 0.0, now()), now()), None);
        // Back when it says; the account that has failed for long waits longer.
        let minute = SignedDuration::from_mins(1);
        let fault = Fault::Transient { words: "503".into(), after: Some(RetryAfter::In(minute)) };
        let failure = after(&fault, 20, true, 1.0, now());
        assert_eq!(
            (pause(&fault, &failure, now()), failure.next_due),
            (Some(now() + minute), now() + CEILING)
        );
    }
}
