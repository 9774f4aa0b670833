//! A policy file as it is written. Its meaning, in canonical order, is what serializing it again gives.

use super::case::Expect;
use super::template::Template;
use super::until::{ClaimName, Zone};
use crate::names::{AppName, ProviderName, RoleName};
use crate::span::Span;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(rename = "version")]
    _version: Version,
    #[serde(default)]
    pub(super) roles: BTreeMap<RoleName, Role>,
    #[serde(default)]
    pub(super) examples: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(try_from = "u64")]
struct Version;

impl TryFrom<u64> for Version {
    type Error = String;

    fn try_from(version: u64) -> Result<Self, String> {
        if version == 1 { Ok(Self) } else { Err(format!("version {version} is not known, write version: 1")) }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    pub(super) who: Who,
    pub(super) gets: BTreeMap<AppName, Access>,
    #[serde(default, rename = "for")]
    pub(super) lasts: Lasts,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    pub(super) provider: Option<ProviderName>,
    pub(super) groups: Option<Groups>,
    #[serde(default)]
    pub(super) claims: BTreeMap<String, OneOf>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Groups {
    pub(super) any: Option<Names>,
    pub(super) all: Option<Names>,
}

/// Names of groups, at least one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(super) struct Names(pub(super) BTreeSet<String>);

impl TryFrom<Vec<String>> for Names {
    type Error = &'static str;

    fn try_from(names: Vec<String>) -> Result<Self, Self::Error> {
        // `all: []` would hold for everybody, `any: []` for nobody: neither is what one means.
        if names.is_empty() {
            Err("an empty list of groups says nothing")
        } else {
            Ok(Self(names.into_iter().collect()))
        }
    }
}

/// The values that a claim may have: texts, numbers, true or false.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub(super) struct OneOf(pub(super) Vec<Value>);

impl TryFrom<Value> for OneOf {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let mut values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        if values.is_empty() {
            return Err("an empty list of values never matches");
        }
        if values.iter().any(|value| value.is_null() || value.is_array() || value.is_object()) {
            return Err("a claim is compared with a text, a number, true or false, or a list of these");
        }
        values.sort_by_key(Value::to_string);
        values.dedup();
        Ok(Self(values))
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Access {
    #[serde(default)]
    pub(super) groups: BTreeSet<String>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, Template>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lasts {
    pub(super) ttl: Option<Span>,
    pub(super) until: Option<ClaimName>,
    pub(super) zone: Option<Zone>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    pub(super) when: When,
    pub(super) expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    pub(super) at: Option<Timestamp>,
    pub(super) provider: ProviderName,
    pub(super) claims: Map<String, Value>,
}
