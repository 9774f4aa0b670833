//! The description of the API (OpenAPI 3.1), made of the functions that answer it.

use super::route::{Answer, Call, Form, Told};
use super::routes::routes;
use http::Method;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// How calls are not carried out: the status, and what it means.
const PROBLEMS: [(&str, &str); 6] = [
    ("400", "The call cannot be read."),
    ("401", "No token was shown, or one that is not good any more."),
    ("403", "The token is good for less."),
    ("404", "There is nothing of this name."),
    ("422", "It cannot be done."),
    ("503", "The store cannot be read or written; nothing was changed."),
];

pub(super) async fn told(_: Call) -> Answer<Map<String, Value>> {
    Ok(document())
}

/// The whole description.
pub(super) fn document() -> Map<String, Value> {
    let settings = || {
        SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    let (mut said, mut answered) =
        (settings().for_deserialize().into_generator(), settings().for_serialize().into_generator());
    let mut paths = Map::new();
    for route in routes() {
        let told = route.told;
        let method = told.method.as_str().to_ascii_lowercase();
        let path = paths.entry(told.path).or_insert_with(|| json!({}));
        path[method] = operation(&told, &mut said, &mut answered);
    }
    let mut schemas = said.take_definitions(true);
    schemas.extend(answered.take_definitions(true));
    schemas.insert("Problem".to_owned(), problem());
    let Value::Object(document) = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "guestpass admin API",
            "version": "1",
            "description": "All that the command line does. Calls without a token that is good for them are refused.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": problems(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "As `guestpass tokens new` shows it, once." },
            },
        },
    }) else {
        return Map::new();
    };
    document
}

fn operation(told: &Told, said: &mut SchemaGenerator, answered: &mut SchemaGenerator) -> Value {
    let changes = if told.changes() { "" } else { " Changes nothing." };
    let mut operation = json!({
        "operationId": name(told),
        "x-guestpass-role": told.needs,
        "summary": told.summary,
        "description": format!("Needs role `{}`.{changes}", told.needs),
        "parameters": parameters(told, said),
        "responses": {
            "200": {
                "description": "It was done, or this is so.",
                "content": { "application/json": { "schema": (told.answer)(answered) } },
            },
        },
    });
    for (status, ..) in PROBLEMS {
        operation["responses"][status] = json!({ "$ref": format!("#/components/responses/{status}") });
    }
    if told.method == Method::POST {
        let schema = ordered(told.words, said);
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    operation
}

/// Such as `post_people_revoke`.
fn name(told: &Told) -> String {
    let words = told.path.split(['/', '.']).filter(|word| !word.is_empty() && !word.starts_with('{'));
    let method = told.method.as_str().to_ascii_lowercase();
    std::iter::once(&*method).chain(words).collect::<Vec<_>>().join("_")
}

/// What the path names, and for what only looks the query.
fn parameters(told: &Told, said: &mut SchemaGenerator) -> Vec<Value> {
    let named = told.path.split('/').filter_map(|word| word.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = named
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": (told.of)(said) }))
        .collect();
    if told.method == Method::GET {
        let words = (told.words)(said).to_value();
        for (name, schema) in words["properties"].as_object().into_iter().flatten() {
            parameters.push(json!({ "name": name, "in": "query", "required": false, "schema": schema }));
        }
    }
    parameters
}

/// The words of an order, among them why.
fn ordered(words: Form, said: &mut SchemaGenerator) -> Value {
    let mut schema = words(said).to_value();
    let why = json!({ "type": "string", "default": "", "description": "Why: goes into the record." });
    match &mut schema["properties"] {
        Value::Object(properties) => drop(properties.insert("why".to_owned(), why)),
        none => *none = json!({ "why": why }),
    }
    schema
}

fn problems() -> Map<String, Value> {
    let content =
        json!({ "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } });
    let described = PROBLEMS.map(|(status, words)| {
        (status.to_owned(), json!({ "description": words, "content": content.clone() }))
    });
    described.into_iter().collect()
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "Why a call was not carried out (RFC 9457).",
        "required": ["status", "reason", "detail"],
        "properties": {
            "status": { "type": "integer", "description": "The status of the answer." },
            "reason": { "type": "string", "description": "One word, for programs." },
            "detail": { "type": "string", "description": "The same in words." },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_description_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
            std::fs::write(path, text).unwrap();
        }
        let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(committed, Value::Object(document()), "UPDATE_SNAPSHOTS=1 writes it anew");
    }

    #[test]
    fn every_call_has_a_name_of_its_own_and_every_reference_leads_somewhere() {
        let text = Value::Object(document()).to_string();
        let document: Value = serde_json::from_str(&text).unwrap();
        for part in text.split("\"$ref\":\"").skip(1) {
            let pointer = part.split('"').next().unwrap().strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        let mut names: Vec<_> = routes().iter().map(|route| name(&route.told)).collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
    }
}
