//! What targets speak, one file each. To add one: a file here, and a line in each list below.

#[cfg(test)]
mod counterpart;
mod expiry;
pub mod ldap;
mod mark;
mod naming;
pub mod postgres;
pub mod rest;
mod schema;
pub mod scim;
pub mod webhook;

use super::pace::Pace;
use super::target::{Target, Treatment};
use super::{Budget, Connector};
use crate::document::{Document, Mistakes};
use ldap::Ldap;
use postgres::Postgres;
use rest::Rest;
pub use schema::Written;
use scim::Scim;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;
use webhook::Webhook;

/// What a target speaks, by the key that says where it is.
pub const KINDS: [&str; 5] = ["ldap", "postgres", "rest", "scim", "webhook"];

/// The keys that mean the same whatever a target speaks.
pub const COMMON: [&str; 6] = ["link", "guard", "parallel", "privileged", "seat", "pace"];

/// A target as it is configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What it speaks, where it is, and what opens it.
    pub speaks: Speaks,
    /// How it is treated.
    pub treatment: Treatment,
}

/// What a target speaks.
#[derive(Debug, Clone, PartialEq)]
pub enum Speaks {
    /// LDAP, whose people are the accounts.
    Ldap(ldap::Settings),
    /// PostgreSQL, whose roles are the accounts.
    Postgres(postgres::Settings),
    /// What a description says.
    Rest(rest::Settings),
    /// SCIM 2.0.
    Scim(scim::Settings),
    /// Our own, for what speaks nothing else.
    Webhook(webhook::Settings),
}

/// Opens a file that settings name, by its path from the configuration's folder, and watches it from then on: where it is,
/// and its text.
pub type Open<'a> = &'a mut dyn FnMut(&Path) -> (PathBuf, io::Result<String>);

/// What is to be said of a target's settings that can be read, by whoever checks them.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    /// Addresses that are called, by the path of their keys.
    pub addresses: Vec<(&'static [&'static str], &'a Url)>,
    /// Secrets that are shown, by the path of their keys.
    pub secrets: Vec<(&'static [&'static str], &'a secrecy::SecretString)>,
}

impl Settings {
    /// Reads what is `own` to the kind, which `kind` names, and what is `common`.
    pub fn read(
        kind: &str,
        own: &Document,
        common: &Document,
        open: Open<'_>,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let treatment = common.read(mistakes);
        // Read anew at each connection: here it matters where it is, and that it is watched.
        let mut place = |file: &mut Option<PathBuf>| *file = file.take().map(|path| open(&path).0);
        let speaks = match kind {
            "ldap" => own.read(mistakes).map(|mut settings: ldap::Settings| {
                place(&mut settings.ca);
                Speaks::Ldap(settings)
            }),
            "postgres" => own.read(mistakes).map(|mut settings: postgres::Settings| {
                place(&mut settings.ca);
                Speaks::Postgres(settings)
            }),
            "rest" => rest::Settings::read(own, open, mistakes).map(Speaks::Rest),
            "scim" => own.read(mistakes).map(Speaks::Scim),
            "webhook" => own.read(mistakes).map(Speaks::Webhook),
            _ => None,
        };
        Some(Self { speaks: speaks?, treatment: treatment? })
    }

    /// What is to be checked besides.
    pub fn facts(&self) -> Facts<'_> {
        match &self.speaks {
            Speaks::Ldap(settings) => settings.facts(),
            Speaks::Postgres(settings) => settings.facts(),
            Speaks::Rest(settings) => settings.facts(),
            Speaks::Scim(settings) => settings.facts(),
            Speaks::Webhook(settings) => settings.facts(),
        }
    }

    /// The target, whose requests of a day `budget` counts. Connects to nothing yet.
    ///
    /// # Errors
    /// Where a client cannot be made, as without any root certificates.
    pub fn build(&self, budget: Option<Budget>) -> anyhow::Result<Target> {
        let pace = Pace::new(self.treatment.pace.per_second, budget);
        let connector: Arc<dyn Connector> = match &self.speaks {
            Speaks::Ldap(settings) => Arc::new(Ldap::new(settings, pace)),
            Speaks::Postgres(settings) => Arc::new(Postgres::new(settings, pace)),
            Speaks::Rest(settings) => Arc::new(Rest::new(settings, pace)?),
            Speaks::Scim(settings) => Arc::new(Scim::new(settings, pace)?),
            Speaks::Webhook(settings) => Arc::new(Webhook::new(settings, pace)?),
        };
        Ok(Target::new(connector, self.treatment.clone()))
    }
}
