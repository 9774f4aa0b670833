//! Templates: texts with `{{ expressions }}` in them, for what is sent.

use super::expression::{Expression, text};
use super::known::Known;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

/// A text with expressions in it. One that is nothing but an expression keeps the type of what it comes to.
#[derive(Debug, Clone)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Value(Expression),
}

impl Template {
    /// What it comes to: `null` where it is an expression that comes to nothing.
    ///
    /// # Errors
    /// Where an expression cannot be worked out, or is no text in the middle of one.
    pub(super) fn value(&self, known: &Known) -> Result<Value, String> {
        match &self.0[..] {
            [Part::Value(expression)] => expression.value(known),
            _ => self.text(known).map(Value::from),
        }
    }

    /// The text that it comes to.
    ///
    /// # Errors
    /// Where an expression cannot be worked out, comes to nothing, or to what is no text.
    pub(super) fn text(&self, known: &Known) -> Result<String, String> {
        let part = |part: &Part| match part {
            Part::Text(text) => Ok(text.clone()),
            Part::Value(expression) => {
                let value = expression.value(known)?;
                text(&value).ok_or_else(|| format!("\"{expression}\" comes to {value}, which is no text"))
            }
        };
        self.0.iter().map(part).collect()
    }

    /// The text that it comes to, where that is known; what is not, by its name.
    pub(super) fn shown(&self, known: &Known) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Value(expression) => expression
                .value(known)
                .ok()
                .and_then(|value| text(&value))
                .unwrap_or_else(|| format!("({expression})")),
        };
        self.0.iter().map(part).collect()
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        let named = |part: &Part| {
            if let Part::Value(expression) = part { expression.names() } else { BTreeSet::new() }
        };
        self.0.iter().flat_map(named).collect()
    }

    /// The parts between slashes that are not inside an expression: a slash in a value parts nothing.
    pub(super) fn split(self) -> Vec<Self> {
        let mut parts = vec![Self(Vec::new())];
        for part in self.0 {
            let Part::Text(text) = part else {
                parts.last_mut().into_iter().for_each(|last| last.0.push(part.clone()));
                continue;
            };
            for (number, piece) in text.split('/').enumerate() {
                if number > 0 {
                    parts.push(Self(Vec::new()));
                }
                if let Some(last) = parts.last_mut()
                    && !piece.is_empty()
                {
                    last.0.push(Part::Text(piece.to_owned()));
                }
            }
        }
        parts
    }

    /// Whether it is no more than nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let (mut parts, mut rest) = (Vec::new(), written.as_str());
        while let Some((before, after)) = rest.split_once("{{") {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (expression, after) =
                expression(after).ok_or_else(|| format!("\"{{{{{after}\" has no end"))??;
            parts.push(Part::Value(expression));
            rest = after;
        }
        if rest.contains("{%") {
            return Err("a template has expressions, {{ like this }}, and no statements".to_owned());
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }
}

/// The expression at the beginning of `text`, up to the first `}}` that ends one: braces may stand inside.
fn expression(text: &str) -> Option<Result<(Expression, &str), String>> {
    let mut first = None;
    for (at, _) in text.match_indices("}}") {
        match Expression::try_from(text[..at].trim().to_owned()) {
            Ok(expression) => return Some(Ok((expression, &text[at + 2..]))),
            Err(error) => first = first.or(Some(Err(error))),
        }
    }
    first
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl Visitor<'_> for Written {
            type Value = Template;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true or false")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Template, E> {
                Template::try_from(text.to_owned()).map_err(E::custom)
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Template, E> {
                self.visit_str(&flag.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Template, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Template, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for Template {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Template".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer", "boolean"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(text: &str) -> Result<Template, String> {
        Template::try_from(text.to_owned())
    }

    #[test]
    fn a_text_is_filled_in_and_a_lone_expression_keeps_its_type() {
        let known =
            Known::default().with("name", json!("ada")).with("number", json!(7)).with("none", Value::Null);
        let value = |text: &str| template(text).unwrap().value(&known);
        assert_eq!(value("@{{ name }}:{{ number }}"), Ok(json!("@ada:7")));
        assert_eq!(value("{{ number }}"), Ok(json!(7)));
        assert_eq!(value("{{ none }}"), Ok(Value::Null));
        assert_eq!(value("{{ {'a': {'b': name}} }}"), Ok(json!({ "a": { "b": "ada" } })));
        assert!(value("a {{ none }}").is_err() && value("a {{ [1] }}").is_err());
        for wrong in ["{{ name", "{{ 1 + }}", "{% if name %}", "{{ }}"] {
            assert!(template(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_known_yet_is_shown_by_its_name() {
        let known = Known::default().with("name", json!("ada"));
        assert_eq!(template("{{ name }} in {{ team }}").unwrap().shown(&known), "ada in (team)");
    }
}
