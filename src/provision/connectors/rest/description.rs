//! A description as it is written. The JSON Schema for editors comes from the same types, and their comments are what
//! editors show.

use super::answers::Answer;
use super::call::Call;
use super::expression::Expression;
use crate::document::Version;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How accounts are kept in some application: what is called, and what its answers mean.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "guestpass connector")]
pub struct Description {
    /// The version of the format.
    #[serde(rename = "version")]
    _version: Version,
    /// What it describes: the application's name.
    pub(super) title: String,
    /// What an operator should know before they use it.
    #[serde(rename = "about")]
    _about: Option<String>,
    /// What a target of this kind has to say.
    pub(super) needs: Needs,
    /// The media type of what is sent and asked for; `application/json` unless said.
    pub(super) media_type: Option<String>,
    /// Further names: what each stands for, wherever what it is made of is known.
    #[serde(default)]
    pub(super) names: BTreeMap<String, Expression>,
    /// What answers to all calls mean, where that is not what HTTP says.
    #[serde(default)]
    pub(super) answers: Vec<Answer>,
    /// How an account is read. Paths lead into it, and it is `account`.
    pub(super) account: Account,
    /// How one of ours is found.
    pub(super) find: Find,
    /// How one is found that somebody else made.
    #[serde(default, rename = "match")]
    pub(super) matching: Matching,
    /// How all are listed; the last call has `items`. Calls after the one with `pages` are made for every page.
    pub(super) list: Option<Vec<Call>>,
    /// Makes an account, usable and with our mark. What is kept as `id` is the target's own id.
    pub(super) create: Vec<Call>,
    /// Puts our mark on an account that was there before.
    pub(super) adopt: Option<Vec<Call>>,
    /// Sets names, address, attributes and expiry.
    pub(super) update: Option<Vec<Call>>,
    /// Lets an account be used again.
    pub(super) enable: Vec<Call>,
    /// Keeps an account from being used, and keeps its data.
    pub(super) disable: Vec<Call>,
    /// Removes an account for good. Called only for one that we made.
    pub(super) delete: Option<Vec<Call>>,
    /// Ends what is signed in, and what could sign in by itself.
    pub(super) sessions: Option<Vec<Call>>,
    /// Gives the work of an account to `heir`.
    pub(super) hand_over: Option<Vec<Call>>,
    /// Adds an account to a `group`, or gives it a `role`.
    #[serde(default)]
    pub(super) give: Entitling,
    /// Takes an account out of a `group`, or takes a `role` from it.
    #[serde(default)]
    pub(super) take: Entitling,
}

/// What a target of this kind has to say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Needs {
    /// How we may show who we are; none, where the target asks nobody.
    pub(super) auth: BTreeSet<AuthKind>,
    /// Settings by name. An expression names `some-name` as `settings.some_name`.
    #[serde(default)]
    pub(super) settings: BTreeMap<String, Setting>,
}

/// A way to show who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AuthKind {
    /// A bearer token (RFC 6750).
    Bearer,
    /// A name and a password (RFC 7617).
    Basic,
    /// A header of the target's own.
    Header,
    /// Client credentials (RFC 6749, section 4.4).
    Oauth,
}

/// A setting of a target.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Setting {
    /// What it is for.
    pub(super) about: String,
    /// What it is where the target does not say; without this, the target has to.
    pub(super) default: Option<Value>,
}

/// How an account is read.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Account {
    /// The target's own id, which never changes.
    pub(super) id: Expression,
    /// Whether it may be used: true or false.
    pub(super) active: Expression,
    /// Our external id, where the target has room for it. Only an account that carries it is ours.
    pub(super) mark: Option<Expression>,
    /// What our external id is in at first, where it cannot stay there: once the account was seen it is known by its id.
    pub(super) birth_mark: Option<Expression>,
    /// The name to sign in with. Without `update`, this and the following two tell accounts of others, and no more.
    pub(super) user_name: Option<Expression>,
    /// What people call them.
    pub(super) display_name: Option<Expression>,
    /// The e-mail address.
    pub(super) email: Option<Expression>,
    /// The names of its groups, as far as we may give them.
    pub(super) groups: Option<Expression>,
    /// The names of its roles, or the one that it has.
    pub(super) roles: Option<Expression>,
    /// Attributes that a policy may give, by name.
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Expression>,
    /// When the target closes it by itself.
    pub(super) expires: Option<Expires>,
}

/// When a target closes an account by itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Expires {
    /// Where the account says it; `false`, where it has nothing that could end.
    pub(super) at: Expression,
    /// How it is written; `expires` is written so, too.
    pub(super) written: Notation,
}

/// How a target writes a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Notation {
    /// `2026-03-02`.
    Date,
    /// `2026-03-02T09:00:00Z` (RFC 3339).
    Time,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
}

/// How an account of ours is found.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Find {
    /// By its `id`: the first call's answer is the account, and what is kept of it and of further ones can be named
    /// where the account is read.
    pub(super) by_id: Vec<Call>,
    /// By our `external_id`: the last call has `items`, which may be more than ours.
    pub(super) by_mark: Option<Vec<Call>>,
}

/// How an account is found that somebody else made; `value` is what is looked for, and the last call has `items`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Matching {
    /// By the name to sign in with.
    pub(super) user_name: Option<Vec<Call>>,
    /// By an e-mail address.
    pub(super) email: Option<Vec<Call>>,
    /// By an attribute, by the name of it.
    pub(super) attributes: BTreeMap<String, Vec<Call>>,
}

/// How an entitlement is given, or taken.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Entitling {
    /// A group, which is `group`.
    pub(super) group: Option<Vec<Call>>,
    /// A role, which is `role`.
    pub(super) role: Option<Vec<Call>>,
}
