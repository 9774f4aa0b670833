//! What may be said of a target, as JSON Schema: what its kind says of itself, and what may be said of every one.

use super::super::target::Treatment;
use super::{ldap, postgres, rest, scim, webhook};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;
use std::borrow::Cow;

/// A target as it is written. There is no value of it: [`super::Settings::read`] says what one becomes.
pub enum Written {}

impl JsonSchema for Written {
    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            kind::<ldap::Settings>(generator),
            kind::<postgres::Settings>(generator),
            kind::<rest::Written>(generator),
            kind::<scim::Settings>(generator),
            kind::<webhook::Settings>(generator),
        ] })
    }
}

/// A target of the kind that `T` is written of.
fn kind<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = T::json_schema(generator);
    let mut common = Treatment::json_schema(generator);
    if let (Some(Value::Object(own)), Some(Value::Object(common))) =
        (schema.get_mut("properties"), common.get_mut("properties"))
    {
        own.append(common);
    }
    schema
}
