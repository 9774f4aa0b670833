//! What the configuration says of one part of an app.

use super::{Common, EditSettings, Edits, Notes, Rewrite, Route, Rule, check_prefix, load, without_slash};
use crate::account::Limits;
use crate::document::Either;
use crate::gateway::upstream::{self, Loader, Timeouts};
use crate::names::RoleName;
use crate::size::Size;
use crate::span::Span;
use http::Method;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// One part of an app, as it is written: `public`, or a mapping.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default, remote = "Self")]
pub struct RouteSettings {
    /// Who may go there, in a word.
    pub allow: Option<Allow>,
    /// Who may go there, by role.
    pub roles: Option<BTreeSet<RoleName>>,
    /// With which classes of authentication visitors must have signed in: one of them.
    pub acr: Vec<String>,
    /// How long ago they may have proved who they are.
    pub max_age: Option<Span>,
    /// Methods for which another rule holds.
    pub methods: BTreeMap<String, RuleSettings>,
    /// Where requests go instead.
    pub upstream: Option<upstream::Settings>,
    /// How long the app may take.
    pub timeouts: Option<Timeouts>,
    /// What takes the place of the prefix on the way to the app.
    pub rewrite: Option<String>,
    /// What somebody gets who is not signed in.
    pub unauthenticated: Option<Unauthenticated>,
    /// How large the body of a request may be.
    pub body_limit: Option<Size>,
    /// Headers of requests to set and to remove, instead of those of the app.
    pub request_headers: Option<EditSettings>,
    /// Headers of responses to set and to remove, instead of those of the app.
    pub response_headers: Option<EditSettings>,
}

/// Who may go somewhere, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Allow {
    /// Everybody, signed in or not; the app learns of nobody.
    Public,
    /// Whoever is signed in, with or without a role.
    SignedIn,
    /// Whoever holds any role of the app.
    AnyRole,
}

/// Who may go somewhere: a word, or `{ roles: [..] }`.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(with = "Either<Allow, Roles>")]
pub struct RuleSettings(pub Rule);

/// Who may go somewhere, by role.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Roles {
    /// The roles, of which one will do.
    roles: BTreeSet<RoleName>,
}

/// What somebody gets who is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unauthenticated {
    /// A person who navigates is sent to sign in; everything else gets 401.
    #[default]
    Auto,
    /// Every GET is sent to sign in, whatever sends it; the rest gets 401.
    SignIn,
    /// 401, always.
    Refuse,
}

impl RouteSettings {
    /// The route below `prefix` in an app that says `common` for all of them.
    pub(super) fn check(self, prefix: &str, common: &Common, loader: Loader<'_>, notes: &mut Notes) -> Route {
        let at = ["routes", prefix];
        let below = |key: &'static str| [at[0], at[1], key];
        if let Err(message) = check_prefix(prefix) {
            notes.note(&at, message);
        }
        let rule = match (self.allow, self.roles) {
            (Some(_), Some(_)) => {
                notes.note(&at, "says who may go there twice: leave out `allow` or `roles`");
                Rule::AnyRole
            }
            (Some(allow), None) => allow.into(),
            (None, Some(roles)) => Rule::Roles(roles),
            (None, None) => Rule::AnyRole,
        };
        check_rule(&rule, &below("roles"), notes);
        let limits = Limits { acr: self.acr, max_age: self.max_age.map(Span::length), ..Limits::default() };
        let limits = Some(limits).filter(Limits::asks_strength).map(Box::new);
        if limits.is_some() && rule == Rule::Public {
            notes.note(&at, "asks how visitors have signed in, and is public");
        }
        let mut methods = Vec::new();
        for (text, RuleSettings(rule)) in self.methods {
            let at = [&below("methods")[..], &[&text]].concat();
            check_rule(&rule, &[&at[..], &["roles"]].concat(), notes);
            match Method::from_bytes(text.as_bytes()) {
                // A method is told from another by case, and those that are in use are all upper case.
                Ok(method) if text.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                    methods.push((method, Arc::new(rule)));
                }
                _ => notes.note(&at, format!("\"{text}\" is not a method: write it like POST")),
            }
        }
        let rewrite = self.rewrite.and_then(|to| match check_prefix(&to) {
            Ok(()) => Some(Rewrite { prefix: without_slash(prefix).into(), to: without_slash(&to).into() }),
            Err(message) => {
                notes.note(&below("rewrite"), message);
                None
            }
        });
        let mut edits = |settings: Option<EditSettings>, key, otherwise: &Edits| {
            settings.map_or_else(|| otherwise.clone(), |settings| settings.check(&below(key), notes))
        };
        let request = edits(self.request_headers, "request-headers", &common.request);
        let response = edits(self.response_headers, "response-headers", &common.response);
        let upstream = match self.upstream {
            Some(upstream) => load(&upstream, &below("upstream"), loader, notes),
            None => common.upstream.clone(),
        };
        let unauthenticated = self.unauthenticated.unwrap_or(common.unauthenticated);
        let body_limit = self.body_limit.map(Size::bytes).or(common.body_limit);
        let timeouts = self.timeouts.unwrap_or(common.timeouts);
        let common = Common { upstream, timeouts, unauthenticated, body_limit, request, response };
        Route { rule: Arc::new(rule), limits, methods, rewrite, common }
    }
}

fn check_rule(rule: &Rule, at: &[&str], notes: &mut Notes) {
    if matches!(rule, Rule::Roles(roles) if roles.is_empty()) {
        notes.note(at, "names no role, so nobody could go there");
    }
}

impl From<Allow> for Rule {
    fn from(allow: Allow) -> Self {
        match allow {
            Allow::Public => Self::Public,
            Allow::SignedIn => Self::SignedIn,
            Allow::AnyRole => Self::AnyRole,
        }
    }
}

const WORDS: [&str; 3] = ["public", "signed-in", "any-role"];

impl Allow {
    fn of<E: de::Error>(text: &str, expected: &dyn de::Expected) -> Result<Self, E> {
        match text {
            "public" => Ok(Self::Public),
            "signed-in" => Ok(Self::SignedIn),
            "any-role" => Ok(Self::AnyRole),
            other => Err(E::invalid_value(de::Unexpected::Str(other), expected)),
        }
    }
}

impl<'de> Deserialize<'de> for RouteSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = RouteSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "`{}` or a mapping such as `{{ roles: [..] }}`", WORDS.join("`, `"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RouteSettings, E> {
                Ok(RouteSettings { allow: Some(Allow::of(text, &self)?), ..RouteSettings::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RouteSettings, A::Error> {
                RouteSettings::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl<'de> Deserialize<'de> for RuleSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = RuleSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "`{}` or `{{ roles: [..] }}`", WORDS.join("`, `"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<RuleSettings, E> {
                Allow::of(text, &self).map(|allow| RuleSettings(allow.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RuleSettings, A::Error> {
                let Roles { roles } = Roles::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RuleSettings(Rule::Roles(roles)))
            }
        }

        deserializer.deserialize_any(Written)
    }
}
