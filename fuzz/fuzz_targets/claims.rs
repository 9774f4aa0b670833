//! Whatever a provider says, policy has an answer, and always the same one.
//!
//! Input: claims, as JSON.
#![no_main]

use guestpass::document::Mistakes;
use guestpass::identity::{ClaimSet, GroupsSettings};
use guestpass::policy::{Known, Policy};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

macro_rules! examples {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../policies/examples/", $name, ".yaml")))),*]
    };
}

/// Each by itself: names of roles are taken by one alone.
static POLICIES: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let known = Known {
        providers: ["staff", "partners"].map(|name| name.parse().unwrap()).into(),
        apps: ["wiki", "notes", "dashboard"].map(|name| name.parse().unwrap()).into(),
    };
    let files = examples!(
        "auditors",
        "break-glass",
        "contractors",
        "departments",
        "employees",
        "finance-step-up",
        "partner-provider",
        "service-accounts",
        "staged-pilot",
        "weekend-on-call"
    );
    let policy = |(name, text): (&str, &str)| {
        Policy::parse(&[(name.to_owned(), text.to_owned())], &known, &mut Mistakes::default()).unwrap()
    };
    files.map(policy).into()
});

fuzz_target!(|data: &[u8]| {
    let Ok(values) = serde_json::from_slice::<serde_json::Map<_, _>>(data) else { return };
    for provider in ["staff", "partners"] {
        let claims = ClaimSet::new(provider.parse().unwrap(), values.clone(), &GroupsSettings::default());
        for policy in &*POLICIES {
            let now = "2026-03-02T09:00:00Z".parse().unwrap();
            assert_eq!(policy.evaluate(&claims, now), policy.evaluate(&claims, now));
        }
    }
});
