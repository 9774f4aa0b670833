//! What an account is by the events that were written of it.

use crate::account::{Actual, Change, Desired};
use crate::provision::ledger::Event;
use std::collections::BTreeSet;

/// Every change has one event: told in order, they make an account that is as the target's.
pub(super) fn told(events: &[Event], desired: &Desired, actual: &Actual) {
    let (mut exists, mut active, mut stuck, mut held) = (false, false, false, BTreeSet::new());
    for event in events {
        let news = match event {
            Event::Stuck => !std::mem::replace(&mut stuck, true),
            Event::Unstuck => std::mem::replace(&mut stuck, false),
            Event::Changed(Change::Created) => {
                active = true;
                !std::mem::replace(&mut exists, true)
            }
            Event::Changed(Change::Gone) => {
                held.clear();
                std::mem::replace(&mut exists, false)
            }
            Event::Changed(Change::Enabled) => exists && !std::mem::replace(&mut active, true),
            Event::Changed(Change::Disabled) => exists && std::mem::replace(&mut active, false),
            Event::Changed(Change::Updated) => exists,
            Event::Changed(Change::Given(entitlement)) => exists && held.insert(entitlement),
            Event::Changed(Change::Taken(entitlement)) => exists && held.remove(entitlement),
        };
        assert!(news, "{event:?} told, but it was so already: {events:?}");
    }
    match actual {
        Actual::Absent => assert!(!exists, "it is gone, and nobody was told: {events:?}"),
        Actual::Present(seen) => {
            assert_eq!((exists, active), (true, seen.active));
            // Nobody looks at what an account may do that is to be disabled; it is told once it opens again.
            if let Desired::Active(profile) = desired {
                let ours = seen.entitlements.iter().filter(|one| profile.entitlements.contains(*one));
                assert_eq!(held, ours.collect(), "{events:?}");
            }
        }
    }
}
