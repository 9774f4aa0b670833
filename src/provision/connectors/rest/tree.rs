//! Bodies: JSON with templates for texts.

use super::known::Known;
use super::template::Template;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// A JSON value whose texts are templates.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    /// A number, true, false or null, as it stands.
    Plain(Value),
    /// A text.
    Text(Template),
    /// A list.
    List(Vec<Tree>),
    /// An object.
    Members(Vec<(String, Tree)>),
}

impl Tree {
    /// The JSON that it comes to. A member or an item whose text comes to nothing is left out.
    ///
    /// # Errors
    /// As [`Template::value`].
    pub(super) fn value(&self, known: &Known) -> Result<Value, String> {
        Ok(self.some(known)?.unwrap_or(Value::Null))
    }

    fn some(&self, known: &Known) -> Result<Option<Value>, String> {
        Ok(Some(match self {
            Self::Plain(value) => value.clone(),
            Self::Text(template) => match template.value(known)? {
                Value::Null => return Ok(None),
                value => value,
            },
            Self::List(items) => {
                let items = items.iter().filter_map(|item| item.some(known).transpose());
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Self::Members(members) => {
                let mut object = Map::new();
                for (name, member) in members {
                    if let Some(value) = member.some(known)? {
                        object.insert(name.clone(), value);
                    }
                }
                Value::Object(object)
            }
        }))
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        match self {
            Self::Plain(_) => BTreeSet::new(),
            Self::Text(template) => template.names(),
            Self::List(items) => items.iter().flat_map(Self::names).collect(),
            Self::Members(members) => members.iter().flat_map(|(_, member)| member.names()).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Plain(Value::Null))
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
                Ok(Tree::Plain(flag.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
                Ok(Tree::Plain(number.into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
                Ok(Tree::Plain(number.into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
                Ok(Tree::Plain(number.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Tree, E> {
                Template::try_from(text.to_owned()).map(Tree::Text).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Tree::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Tree::Members(members))
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for Tree {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Tree".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_comes_to_nothing_is_left_out_and_null_stays_null() {
        let written = json!({ "a": "{{ a }}", "b": ["{{ b }}", "{{ a }}"], "c": null, "d": { "e": "{{ b }}" }, "f": 1.5 });
        let tree: Tree = serde_json::from_value(written).unwrap();
        let known = Known::default().with("a", json!(7)).with("b", Value::Null);
        assert_eq!(tree.value(&known), Ok(json!({ "a": 7, "b": [7], "c": null, "d": {}, "f": 1.5 })));
        assert_eq!(tree.names(), ["a", "b"].map(str::to_owned).into());
    }
}
