//! Descriptions that come with the program against fakes of what they describe, and the language against a small
//! application of our own.

mod checks;
mod gitea;
mod gitlab;
mod grafana;
mod jira;
mod language;
mod secrets;
mod tokens;

use super::super::counterpart::in_words;
use super::*;
use crate::account::{Entitlement, Profile, next_step};
use crate::document::{Document, Mistakes};
use crate::provision::probe::{Outcome, Wishes, probe};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// The settings of `accounts`, which is YAML; every mistake in them otherwise. There are no files besides.
pub(super) fn connector(accounts: &str) -> Result<Settings, Mistakes> {
    connector_with(accounts, "")
}

/// The same, where every file holds `description`.
fn connector_with(accounts: &str, description: &str) -> Result<Settings, Mistakes> {
    let mut mistakes = Mistakes::default();
    let document = Document::parse("guestpass.yaml", accounts).unwrap();
    let mut open = |path: &Path| (path.to_owned(), io::Result::Ok(description.to_owned()));
    let settings = Settings::read(&document, &mut open, &mut mistakes);
    settings.filter(|_| mistakes.errors() == 0).ok_or(mistakes)
}

fn key() -> Key {
    Key { external_id: "gp-1_Az".into(), native_id: None }
}

fn knows(id: &str) -> Key {
    Key { native_id: Some(id.to_owned()), ..key() }
}

fn profile(entitlements: &[Entitlement]) -> Profile {
    Profile {
        user_name: "ada@x.example".into(),
        display_name: Some("Ada L".into()),
        email: Some("ada@x.example".into()),
        entitlements: entitlements.iter().cloned().collect(),
        ..Profile::default()
    }
}

fn group(name: &str) -> Entitlement {
    Entitlement::Group(name.to_owned())
}

fn role(name: &str) -> Entitlement {
    Entitlement::Role(name.to_owned())
}

/// Looks and steps until no step is left; returns the steps by name, and the account's id.
async fn settle(rest: &Rest, key: &Key, desired: &Desired) -> (Vec<String>, Key) {
    let (mut key, mut steps) = (key.clone(), Vec::new());
    loop {
        let seen = rest.observe(&key, desired).await.unwrap();
        if let Actual::Present(seen) = &seen {
            key.native_id = Some(seen.native_id.clone());
        }
        let Some(step) = next_step(desired, &seen) else { return (steps, key) };
        if let Some(id) = rest.apply(&key, &step).await.unwrap() {
            key.native_id = Some(id);
        }
        steps.push(in_words(&step));
        assert!(steps.len() < 20, "no end: {steps:?}");
    }
}

/// Walks the connector through the life of an account of its own.
async fn proves(rest: &Rest, entitlements: &[Entitlement]) {
    let wishes =
        Wishes { entitlements: entitlements.iter().cloned().collect::<BTreeSet<_>>(), ..Wishes::default() };
    let mut findings = Vec::new();
    let now = "2026-03-02T09:00:00Z".parse().unwrap();
    let good = probe(rest, &wishes, now, &mut |finding| findings.push(finding)).await;
    let failed: Vec<_> = findings.iter().filter(|one| matches!(one.outcome, Outcome::Fails(_))).collect();
    assert!(good, "{failed:#?}");
}
