//! Texts with claims in them: `Guest of ${claims.sponsor}`.

use crate::identity::ClaimSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::str::FromStr;

/// A template, compiled; it serializes as it was written. `$${` stands for `${`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub(super) struct Template {
    written: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Claim(String),
}

impl Template {
    /// The text for `claims`, or why there is none.
    pub(super) fn fill(&self, claims: &ClaimSet) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text += part,
                Part::Claim(path) => match claims.get(path) {
                    Some(Value::String(value)) => text += value,
                    Some(value @ (Value::Number(_) | Value::Bool(_))) => text += &value.to_string(),
                    Some(_) => return Err(format!("claim {path} is not a text, a number, true or false")),
                    None => return Err(format!("claim {path} is absent")),
                },
            }
        }
        Ok(text)
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = written;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                parts.push(Part::Text(format!("{before}${{")));
                rest = after;
                continue;
            }
            let (name, after) =
                after.split_once('}').ok_or_else(|| format!("\"{written}\" lacks a \"}}\""))?;
            let path = name.strip_prefix("claims.").filter(|path| !path.is_empty());
            let path =
                path.ok_or_else(|| format!("\"${{{name}}}\" is not a claim, write ${{claims.NAME}}"))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Claim(path.to_owned()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { written: written.to_owned(), parts })
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        written.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::GroupsSettings;

    #[test]
    fn templates_are_filled() {
        let claims = serde_json::json!({ "name": "Ann", "level": 3, "in": { "team": true }, "list": [] });
        let claims = claims.as_object().unwrap().clone();
        let claims = ClaimSet::new("staff".parse().unwrap(), claims, &GroupsSettings::default());
        let fill = |text: &str| text.parse::<Template>().and_then(|template| template.fill(&claims));
        assert_eq!(fill("${claims.name}, ${claims.level}/${claims.in.team}"), Ok("Ann, 3/true".to_owned()));
        assert_eq!(fill("$${claims.name} $1"), Ok("${claims.name} $1".to_owned()));
        assert_eq!(fill("${claims.none}"), Err("claim none is absent".to_owned()));
        assert!(fill("${claims.list}").is_err());
        assert!(fill("${env:HOME}").is_err());
        assert!(fill("${claims.name").is_err());
    }
}
