//! A policy file as it is written. Its meaning, in canonical order, is what serializing it again gives; the JSON
//! Schema for editors comes from the same types, and their descriptions are what editors show.

mod idle;
mod lasts;
mod only;
mod who;

pub(super) use idle::Idle;
pub(super) use lasts::Lasts;
pub(super) use only::Only;
pub(super) use who::{Glob, Groups, Matcher, OneOf, Pattern, Several, Tests, Who};

use super::case::Expect;
use super::template::Template;
use crate::document::Version;
use crate::names::{AppName, ProviderName, RoleName, RuleName};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Who gets what in which app, for how long and under which conditions. The files of a folder are read as one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "guestpass policy")]
pub(super) struct File {
    /// The version of the format.
    #[serde(rename = "version")]
    _version: Version,
    /// Roles by name: who has them, and what they give.
    #[serde(default)]
    pub(super) roles: BTreeMap<RoleName, Role>,
    /// Rules that take away what roles give, by name. They win over every role.
    #[serde(default)]
    pub(super) deny: BTreeMap<RuleName, Deny>,
    /// Separation of duties, by name: roles of which nobody may hold two.
    #[serde(default)]
    pub(super) separate: BTreeMap<RuleName, Separate>,
    /// Claims, and what should come of them: the policy's own tests.
    #[serde(default)]
    pub(super) examples: Vec<Example>,
}

/// A role: who has it, what it gives, for how long, and under which conditions.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    /// What it is for, in a sentence. Has no effect.
    #[serde(default, rename = "description", skip_serializing)]
    _description: Option<String>,
    /// Who has it: all of this must hold. Without it, only another role that includes this one gives it.
    pub(super) who: Option<Who>,
    /// Who does not have it, all the same: whoever all of this holds for.
    pub(super) unless: Option<Who>,
    /// Roles that come with it, on their own terms and never for longer than it.
    #[serde(default)]
    pub(super) includes: BTreeSet<RoleName>,
    /// What it gives, by app.
    #[serde(default)]
    pub(super) gets: BTreeMap<AppName, Access>,
    /// How long it lasts. Of several ends, the earliest counts.
    #[serde(default, rename = "for")]
    pub(super) lasts: Lasts,
    /// When, from where and how strongly signed in it opens anything; judged at every request.
    pub(super) only: Option<Only>,
    /// That it is for guests, for whom somebody answers.
    pub(super) guest: Option<Guest>,
    /// That somebody has to approve it.
    pub(super) approval: Option<Approval>,
}

/// What a role gives in one app: a place in it, and an account where the app has accounts.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    /// Groups of the account.
    #[serde(default)]
    pub(super) groups: BTreeSet<String>,
    /// Roles that the target itself gives, by its own names, such as `admin`.
    #[serde(default)]
    pub(super) roles: BTreeSet<String>,
    /// Attributes of the account, by their name in the target's words. `${claims.NAME}` stands for a claim.
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Template>,
    /// Path prefixes that it opens; all of the app where none are named.
    #[serde(default)]
    pub(super) routes: BTreeSet<Prefix>,
    /// Who takes over the work when the account is closed, by their name in the target. `${claims.NAME}` stands for a
    /// claim. Where the target can.
    pub(super) heir: Option<Template>,
}

/// A path prefix, such as `/reports`; it ends at a slash or with the path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^/"))]
pub(super) struct Prefix(pub(super) String);

impl TryFrom<String> for Prefix {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let clear = |part: &str| !part.is_empty() && part != "." && part != "..";
        let inner = text.strip_prefix('/').map(|inner| inner.strip_suffix('/').unwrap_or(inner));
        match inner {
            Some(inner)
                if inner.is_empty() || inner.split('/').all(clear) && !inner.contains(['?', '#', '%']) =>
            {
                Ok(Self(format!("/{inner}")))
            }
            _ => Err(format!("\"{text}\" is not a path prefix, write it like /reports")),
        }
    }
}

impl From<Prefix> for String {
    fn from(prefix: Prefix) -> Self {
        prefix.0
    }
}

/// A role for guests.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Guest {
    /// The claim that names who answers for them, as `claims.NAME`. Without one the role is not given.
    pub(super) sponsor: ClaimName,
}

/// An approval that is needed.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    /// The role whose holders may approve.
    pub(super) by: RoleName,
}

/// The path of a claim, written `claims.PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^claims\\."))]
pub(super) struct ClaimName(pub(super) String);

impl TryFrom<String> for ClaimName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix("claims.") {
            Some(path) if !path.is_empty() => Ok(Self(path.to_owned())),
            _ => Err(format!("\"{text}\" is not a claim, write claims.NAME")),
        }
    }
}

impl From<ClaimName> for String {
    fn from(name: ClaimName) -> Self {
        format!("claims.{}", name.0)
    }
}

/// A rule that takes away.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deny {
    /// Whom it is about: all of this must hold.
    pub(super) who: Who,
    /// Who is spared: whoever all of this holds for.
    pub(super) unless: Option<Who>,
    /// The roles it takes away; all where none are named.
    #[serde(default)]
    pub(super) roles: BTreeSet<RoleName>,
    /// The apps it shuts; all where none are named.
    #[serde(default)]
    pub(super) apps: BTreeSet<AppName>,
    /// Why, in a sentence; operators read it.
    #[serde(default, skip_serializing)]
    pub(super) because: Option<String>,
}

/// Roles that may not meet in one person. Whoever would hold two of them holds none of them.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Separate {
    /// The roles, at least two.
    #[schemars(extend("minItems" = 2))]
    pub(super) roles: BTreeSet<RoleName>,
    /// Why, in a sentence; operators read it.
    #[serde(default, skip_serializing)]
    pub(super) because: Option<String>,
}

/// A test of the policy.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    /// Who arrives, and when.
    pub(super) when: When,
    /// What should come of it.
    pub(super) expect: Expect,
}

/// Who arrives, and when.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    /// The moment; now where it does not matter.
    #[schemars(with = "Option<String>")]
    pub(super) at: Option<Timestamp>,
    /// The provider that vouches.
    pub(super) provider: ProviderName,
    /// What it says.
    pub(super) claims: Map<String, Value>,
}
