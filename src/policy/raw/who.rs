//! Who a rule is for, as it is written: a provider, groups, claims, an e-mail domain, an expression.

use super::super::expression::Expression;
use crate::document::OneOrMore;
use crate::names::ProviderName;
use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Whom something is for. All that is written must hold.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("minProperties" = 1))]
pub(in crate::policy) struct Who {
    /// The provider that vouches, or one of several.
    pub(in crate::policy) provider: Option<Several<ProviderName>>,
    /// Groups, as the provider tells them.
    pub(in crate::policy) groups: Option<Groups>,
    /// Claims by name, nested at each dot: a value, a list of which one must be it, or tests.
    #[serde(default)]
    pub(in crate::policy) claims: BTreeMap<String, Matcher>,
    /// The domain of the e-mail address, or one of several. The provider must have verified the address.
    pub(in crate::policy) email_domain: Option<Several<Domain>>,
    /// An expression (CEL) over `claims`, `groups` and `provider`, for what cannot be said otherwise.
    pub(in crate::policy) when: Option<Expression>,
}

/// Groups that a person is in. All that is written must hold.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(in crate::policy) struct Groups {
    /// One of these.
    pub(in crate::policy) any: Option<Several<String>>,
    /// All of these.
    pub(in crate::policy) all: Option<Several<String>>,
    /// One whose name begins so.
    pub(in crate::policy) prefix: Option<Several<String>>,
    /// One whose name is so: `*` stands for anything, `?` for one character.
    pub(in crate::policy) glob: Option<Several<Glob>>,
}

impl Who {
    /// Whether it asks for nothing.
    pub(in crate::policy) fn is_empty(&self) -> bool {
        let Self { provider, groups, claims, email_domain, when } = self;
        provider.is_none()
            && groups.is_none()
            && claims.is_empty()
            && email_domain.is_none()
            && when.is_none()
    }
}

impl Groups {
    /// Whether it names none.
    pub(in crate::policy) fn is_empty(&self) -> bool {
        let Self { any, all, prefix, glob } = self;
        any.is_none() && all.is_none() && prefix.is_none() && glob.is_none()
    }
}

/// One, or a list of at least one; the order means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OneOrMore<T>", bound(deserialize = "T: Deserialize<'de> + Ord"))]
pub(in crate::policy) struct Several<T: Ord>(pub(in crate::policy) BTreeSet<T>);

impl<T: Ord> TryFrom<OneOrMore<T>> for Several<T> {
    type Error = &'static str;

    fn try_from(written: OneOrMore<T>) -> Result<Self, Self::Error> {
        // `all: []` would hold for everybody, `any: []` for nobody: neither is what one means.
        if written.0.is_empty() {
            Err("an empty list says nothing")
        } else {
            Ok(Self(written.0.into_iter().collect()))
        }
    }
}

impl<T: Ord + JsonSchema> JsonSchema for Several<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Several_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

/// A domain in lower case, such as `example.com`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(in crate::policy) struct Domain(pub(in crate::policy) String);

impl TryFrom<String> for Domain {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let letter = |letter: char| letter.is_alphanumeric() || "-.".contains(letter);
        let clear =
            !text.is_empty() && text.chars().all(letter) && text.split('.').all(|part| !part.is_empty());
        if clear {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(format!("\"{text}\" is not a domain, write it like example.com"))
        }
    }
}

/// A text with `*` for anything and `?` for one character.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub(in crate::policy) struct Glob(Pattern);

impl Glob {
    /// Whether all of `text` is so.
    pub(in crate::policy) fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }

    /// As it is written.
    pub(in crate::policy) fn as_str(&self) -> &str {
        &self.0.written
    }
}

impl TryFrom<String> for Glob {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let expression = regex::escape(&written).replace(r"\*", ".*").replace(r"\?", ".");
        Ok(Self(Pattern { whole: whole(&expression)?, written }))
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.0.written
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Glob {}

impl PartialOrd for Glob {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Glob {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// A regular expression for a whole text.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub(in crate::policy) struct Pattern {
    written: String,
    whole: Regex,
}

impl Pattern {
    /// Whether all of `text` is so.
    pub(in crate::policy) fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// As it is written.
    pub(in crate::policy) fn as_str(&self) -> &str {
        &self.written
    }
}

/// `expression` for a whole text, line breaks included.
fn whole(expression: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?s:{expression})$")).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => format!("\"{expression}\" grows too large"),
        // The last line says what is wrong, those before it show where.
        error => {
            error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    })
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        // By itself first: what is not balanced could otherwise pass with our brackets around it.
        Regex::new(&written)
            .map_err(|_| ())
            .or_else(|()| whole(&written))
            .map_err(|why| format!("\"{written}\": {why}"))?;
        Ok(Self { whole: whole(&written)?, written })
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.written
    }
}

/// What a claim must be.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(in crate::policy) enum Matcher {
    /// One of these.
    OneOf(OneOf),
    /// All of these tests.
    Tests(Box<Tests>),
}

/// Tests of a claim. All that is written must hold.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(in crate::policy) struct Tests {
    /// A list that holds this, or one of these.
    pub(in crate::policy) has: Option<OneOf>,
    /// A text that begins so.
    pub(in crate::policy) prefix: Option<Several<String>>,
    /// A text that is so: `*` stands for anything, `?` for one character.
    pub(in crate::policy) glob: Option<Several<Glob>>,
    /// A text that is so as a whole: a regular expression.
    pub(in crate::policy) regex: Option<Pattern>,
    /// A number, at least this.
    pub(in crate::policy) min: Option<Number>,
    /// A number, at most this.
    pub(in crate::policy) max: Option<Number>,
    /// Anything but nothing.
    pub(in crate::policy) present: Option<Present>,
}

/// `true`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "bool", into = "bool")]
#[schemars(with = "bool", extend("const" = true))]
pub(in crate::policy) struct Present;

impl TryFrom<bool> for Present {
    type Error = &'static str;

    fn try_from(present: bool) -> Result<Self, Self::Error> {
        if present {
            Ok(Self)
        } else {
            Err("write what must be absent as unless: { claims: { NAME: { present: true } } }")
        }
    }
}

impl From<Present> for bool {
    fn from(_: Present) -> Self {
        true
    }
}

/// The values that a claim may have: texts, numbers, true or false.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub(in crate::policy) struct OneOf(pub(in crate::policy) Vec<Value>);

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

impl JsonSchema for OneOf {
    fn schema_name() -> Cow<'static, str> {
        "OneOf".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = json_schema!({ "type": ["string", "number", "boolean"] });
        json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }
}

impl JsonSchema for Matcher {
    fn schema_name() -> Cow<'static, str> {
        "Matcher".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (value, tests) = (generator.subschema_for::<OneOf>(), generator.subschema_for::<Tests>());
        json_schema!({ "anyOf": [value, tests] })
    }
}

// By hand, since serde's `untagged` forgets where in the file it is.
impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl Written {
            fn one<E: de::Error>(value: impl Into<Value>) -> Result<Matcher, E> {
                OneOf::try_from(value.into()).map(Matcher::OneOf).map_err(E::custom)
            }
        }

        impl<'de> Visitor<'de> for Written {
            type Value = Matcher;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, a list of values, or tests")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Matcher, E> {
                Self::one(value)
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Matcher, E> {
                Self::one(value)
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Matcher, E> {
                Self::one(value)
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Matcher, E> {
                Self::one(value)
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Matcher, E> {
                Self::one(value)
            }

            fn visit_unit<E: de::Error>(self) -> Result<Matcher, E> {
                Self::one(Value::Null)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Matcher, A::Error> {
                let values = Vec::<Value>::deserialize(SeqAccessDeserializer::new(list))?;
                OneOf::try_from(Value::from(values)).map(Matcher::OneOf).map_err(de::Error::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Matcher, A::Error> {
                let tests = Tests::deserialize(MapAccessDeserializer::new(map))?;
                if tests.is_empty() {
                    return Err(de::Error::custom("a claim without a test says nothing"));
                }
                Ok(Matcher::Tests(Box::new(tests)))
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl Tests {
    fn is_empty(&self) -> bool {
        let Self { has, prefix, glob, regex, min, max, present } = self;
        has.is_none()
            && prefix.is_none()
            && glob.is_none()
            && regex.is_none()
            && min.is_none()
            && max.is_none()
            && present.is_none()
    }
}
