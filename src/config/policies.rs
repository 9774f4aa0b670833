//! What `policy` commands need of a configuration: no secret is looked at, so they run where there is none.

use super::tell::Tell;
use super::{Files, check, default_lapse, folder, own_app, read};
use crate::document::{Document, Mistake, Mistakes};
use crate::identity::GroupsSettings;
use crate::names::{AppName, ProviderName};
use crate::policy::{Known, Policy};
use crate::span::Span;
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Policies, and what their configuration says of the world around them.
pub struct Policies {
    /// Who gets what.
    pub policy: Policy,
    /// How each provider tells groups.
    pub groups: BTreeMap<ProviderName, GroupsSettings>,
    /// The names that the configuration knows.
    pub known: Known,
    /// After how long without a sign-in access without a `ttl` ends.
    pub lapse: SignedDuration,
}

/// The settings that matter here.
#[derive(Deserialize)]
struct Named {
    providers: BTreeMap<ProviderName, Provider>,
    apps: BTreeMap<AppName, IgnoredAny>,
    policies: PathBuf,
    #[serde(default = "default_lapse")]
    lapse: Span,
}

#[derive(Deserialize)]
struct Provider {
    #[serde(default)]
    groups: GroupsSettings,
}

impl Policies {
    /// Reads the policies that the configuration at `path` names.
    ///
    /// # Errors
    /// Every mistake in the policies, and those of the configuration that keep them from being read.
    pub fn load(path: &Path, mistakes: &mut Mistakes) -> Option<Self> {
        Self::read(path, None, mistakes)
    }

    /// Reads the policy file or folder at `other` as if the configuration at `path` named it.
    ///
    /// # Errors
    /// As [`Policies::load`].
    pub fn load_other(path: &Path, other: &Path, mistakes: &mut Mistakes) -> Option<Self> {
        Self::read(path, Some(other), mistakes)
    }

    fn read(path: &Path, other: Option<&Path>, mistakes: &mut Mistakes) -> Option<Self> {
        let files = &mut Files::default();
        let (document, named) = named(path, files, mistakes)?;
        let known = Known {
            providers: named.providers.keys().cloned().collect(),
            apps: named.apps.into_keys().chain(own_app()).collect(),
        };
        let at = other.map_or_else(|| folder(path).join(named.policies), Path::to_owned);
        let policy = match files.read(&at) {
            Ok(text) if other.is_some() => {
                Policy::parse(&[(at.display().to_string(), text)], &known, mistakes)
            }
            _ => check::read_policies(&at, &known, files, &mut Tell { document: &document, mistakes }),
        };
        let groups = named.providers.into_iter().map(|(name, provider)| (name, provider.groups)).collect();
        Some(Self { policy: policy?, groups, known, lapse: named.lapse.length() })
    }
}

/// The policy files that the configuration at `path` names, whatever is in them.
///
/// # Errors
/// What keeps the configuration from being read, and its folder of policies from being listed.
pub fn policy_files(path: &Path, mistakes: &mut Mistakes) -> Option<Vec<PathBuf>> {
    let files = &mut Files::default();
    let at = folder(path).join(named(path, files, mistakes)?.1.policies);
    let wrong = |error| {
        mistakes.push(Mistake::of_file(&at.display().to_string(), format!("cannot be read: {error}")))
    };
    files.list(&at).map_err(wrong).ok()
}

fn named(path: &Path, files: &mut Files, mistakes: &mut Mistakes) -> Option<(Document, Named)> {
    let document = read(path, files, mistakes)?;
    let named = document.read::<Named>(mistakes)?;
    Some((document, named))
}
