//! After how long without a request something ends, and for whom it does not.

use super::who::Who;
use crate::span::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// So long without a request, and it ends: for everybody, or for all but some.
#[derive(Serialize)]
#[serde(untagged)]
pub(in crate::policy) enum Idle {
    /// For everybody.
    Always(Span),
    /// For all but some.
    Unless(Box<Sparing>),
}

/// An end for want of use that spares some.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Sparing {
    /// So long without a request.
    pub(in crate::policy) after: Span,
    /// Whom it spares: whoever all of this holds for.
    pub(in crate::policy) unless: Who,
}

impl Idle {
    /// How long.
    pub(in crate::policy) fn after(&self) -> Span {
        match self {
            Self::Always(after) => *after,
            Self::Unless(sparing) => sparing.after,
        }
    }

    /// Whom it spares, where it spares anybody.
    pub(in crate::policy) fn unless(&self) -> Option<&Who> {
        match self {
            Self::Always(_) => None,
            Self::Unless(sparing) => Some(&sparing.unless),
        }
    }
}

impl JsonSchema for Idle {
    fn schema_name() -> Cow<'static, str> {
        "Idle".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (after, sparing) = (generator.subschema_for::<Span>(), generator.subschema_for::<Sparing>());
        json_schema!({ "anyOf": [after, sparing] })
    }
}

// By hand, since serde's `untagged` forgets where in the file it is.
impl<'de> Deserialize<'de> for Idle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Idle;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time like 30d, or { after: 30d, unless: { .. } }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Idle, E> {
                Span::deserialize(StrDeserializer::new(text)).map(Idle::Always)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Idle, A::Error> {
                let sparing = Sparing::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Idle::Unless(Box::new(sparing)))
            }
        }

        deserializer.deserialize_any(Written)
    }
}
