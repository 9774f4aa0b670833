//! A change to a resource, and the ways in which servers want to hear of it.

use super::dialect::{Booleans, Manner, Removal, Update};
use super::wire;
use serde_json::{Map, Value, json};

/// A change. It says how things are to be, so that making it twice is making it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Edit {
    /// The attribute at this path has this value.
    Set(String, Value),
    /// The list has an entry of this value.
    Add(&'static str, String),
    /// It has none.
    Remove(&'static str, String),
}

impl Edit {
    /// Whether a user may sign in.
    pub(super) fn active(active: bool) -> Self {
        Self::Set("active".to_owned(), active.into())
    }

    /// The change with its value as the server wants it written.
    pub(super) fn written(&self, manner: &Manner) -> Self {
        match self {
            Self::Set(path, value) => Self::Set(path.clone(), written(value, manner)),
            other => other.clone(),
        }
    }

    /// Makes the change in a resource that was read. What it does not name stays.
    pub(super) fn apply(&self, resource: &mut Value) {
        match self {
            Self::Set(path, value) => {
                let (schema, name) = wire::place(path);
                if let Some(schema) = schema {
                    let schemas = wire::slot(resource, "schemas");
                    let known = schemas.as_array().into_iter().flatten();
                    let known: Vec<Value> = known.cloned().collect();
                    let is_new = !known
                        .iter()
                        .any(|one| one.as_str().is_some_and(|one| one.eq_ignore_ascii_case(schema)));
                    *schemas = known.into_iter().chain(is_new.then(|| schema.into())).collect();
                }
                let path = schema.into_iter().chain(name.split('.'));
                *path.fold(resource, wire::slot) = value.clone();
            }
            Self::Add(list, value) => {
                let entries = entries(resource, list);
                if !entries.iter().any(|entry| wire::is_entry(entry, value)) {
                    *wire::slot(resource, list) =
                        entries.into_iter().chain([json!({ "value": value })]).collect();
                }
            }
            Self::Remove(list, value) => {
                let entries = entries(resource, list).into_iter();
                let others: Value = entries.filter(|entry| !wire::is_entry(entry, value)).collect();
                *wire::slot(resource, list) = others;
            }
        }
    }

    /// The operation of a PATCH that makes the change. `resource` is what is there now, where all others are written in
    /// place of one that is removed.
    fn operation(&self, manner: &Manner, resource: &Value) -> Value {
        match (self, manner.update) {
            (Self::Set(path, value), Update::PatchWithoutPath) => {
                let mut whole = json!({});
                let (schema, name) = wire::place(path);
                *schema.into_iter().chain(name.split('.')).fold(&mut whole, wire::slot) = value.clone();
                json!({ "op": "replace", "value": whole })
            }
            (Self::Set(path, value), _) => {
                json!({ "op": "replace", "path": path, "value": value })
            }
            (Self::Add(list, value), Update::PatchWithoutPath) => {
                json!({ "op": "add", "value": { (*list): [{ "value": value }] } })
            }
            (Self::Add(list, value), _) => {
                json!({ "op": "add", "path": list, "value": [{ "value": value }] })
            }
            (Self::Remove(list, value), _) => match manner.removal {
                Removal::ValuePath => {
                    json!({ "op": "remove", "path": format!("{list}[value eq {}]", wire::quoted(value)) })
                }
                Removal::ValueList => json!({ "op": "remove", "path": list, "value": [{ "value": value }] }),
                Removal::Replace => {
                    let others =
                        entries(resource, list).into_iter().filter(|entry| !wire::is_entry(entry, value));
                    json!({ "op": "replace", "path": list, "value": others.collect::<Value>() })
                }
            },
        }
    }
}

/// Whether the changes cannot be said without knowing what is there.
pub(super) fn needs_a_look(edits: &[Edit], manner: &Manner) -> bool {
    let replaces = |edit: &Edit| matches!(edit, Edit::Remove(..)) && manner.removal == Removal::Replace;
    manner.update == Update::Put || edits.iter().any(replaces)
}

/// The bodies of the requests that make the changes by PATCH.
pub(super) fn patches(edits: &[Edit], manner: &Manner, resource: &Value) -> Vec<Value> {
    let mut operations: Vec<Value> = edits.iter().map(|edit| edit.operation(manner, resource)).collect();
    if manner.one_at_a_time {
        return operations.into_iter().map(|operation| wire::patch(json!([operation]))).collect();
    }
    if manner.update == Update::PatchWithoutPath {
        operations = joined(operations);
    }
    vec![wire::patch(operations.into())]
}

/// Operations that replace without a path, as one: the RFC lets `value` name any number of attributes.
fn joined(operations: Vec<Value>) -> Vec<Value> {
    let is_whole = |operation: &Value| operation["op"] == "replace" && operation.get("path").is_none();
    let (whole, others): (Vec<Value>, Vec<Value>) = operations.into_iter().partition(is_whole);
    let mut value = Map::new();
    for operation in whole {
        merge(&mut value, &operation["value"]);
    }
    let whole = (!value.is_empty()).then(|| json!({ "op": "replace", "value": value }));
    whole.into_iter().chain(others).collect()
}

fn merge(into: &mut Map<String, Value>, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten() {
        match into.get_mut(name) {
            Some(Value::Object(inner)) if value.is_object() => merge(inner, value),
            _ => drop(into.insert(name.clone(), value.clone())),
        }
    }
}

fn entries(resource: &Value, list: &str) -> Vec<Value> {
    wire::list(resource, list).unwrap_or_default().to_vec()
}

/// A value as the server wants it written.
pub(super) fn written(value: &Value, manner: &Manner) -> Value {
    match (value, manner.booleans) {
        (Value::Bool(true), Booleans::Text) => "True".into(),
        (Value::Bool(false), Booleans::Text) => "False".into(),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;
    use super::*;

    const X: &str = "urn:x:User";

    fn edits() -> Vec<Edit> {
        vec![
            Edit::active(false),
            Edit::Set("name.givenName".into(), "Ada".into()),
            Edit::Set("name.familyName".into(), "L".into()),
            Edit::Set(format!("{X}:department"), "Risk".into()),
            Edit::Remove("roles", "a\"b".into()),
        ]
    }

    fn operations(change: impl FnOnce(&mut Manner)) -> Vec<Value> {
        let mut manner = Dialect::Generic.manner();
        change(&mut manner);
        let resource = json!({ "Roles": [{ "value": "a\"b" }, { "value": "c", "type": "x" }] });
        let edits: Vec<Edit> = edits().iter().map(|edit| edit.written(&manner)).collect();
        patches(&edits, &manner, &resource).into_iter().map(|body| body["Operations"].clone()).collect()
    }

    #[test]
    fn a_change_is_said_as_the_server_wants_to_hear_it() {
        let replace = |path: &str, value: Value| json!({ "op": "replace", "path": path, "value": value });
        let department = format!("{X}:department");
        assert_eq!(
            operations(|_| {}),
            [json!([
                replace("active", false.into()),
                replace("name.givenName", "Ada".into()),
                replace("name.familyName", "L".into()),
                replace(&department, "Risk".into()),
                { "op": "remove", "path": "roles[value eq \"a\\\"b\"]" },
            ])]
        );
        let alone = operations(|manner| manner.one_at_a_time = true);
        assert_eq!((alone.len(), &alone[0]), (5, &json!([replace("active", false.into())])));
        let whole = operations(|manner| {
            (manner.update, manner.booleans) = (Update::PatchWithoutPath, Booleans::Text);
            manner.removal = Removal::ValueList;
        });
        let value = json!({
            "active": "False", "name": { "givenName": "Ada", "familyName": "L" }, X: { "department": "Risk" },
        });
        assert_eq!(
            whole,
            [json!([
                { "op": "replace", "value": value },
                { "op": "remove", "path": "roles", "value": [{ "value": "a\"b" }] },
            ])]
        );
        let replaced = operations(|manner| manner.removal = Removal::Replace);
        assert_eq!(replaced[0][4], replace("roles", json!([{ "value": "c", "type": "x" }])));
    }

    #[test]
    fn what_is_put_back_keeps_what_others_wrote() {
        let before = json!({
            "schemas": ["core"], "id": "7", "userName": "ada", "Active": true, "nickName": "A",
            "name": { "formatted": "x", "givenname": "B" }, "roles": [{ "value": "a\"b" }, { "value": "c" }],
        });
        let mut after = before.clone();
        edits().iter().for_each(|edit| edit.apply(&mut after));
        Edit::Add("roles", "d".into()).apply(&mut after);
        let once = after.clone();
        edits().iter().for_each(|edit| edit.apply(&mut after));
        Edit::Add("roles", "d".into()).apply(&mut after);
        assert_eq!(once, after, "twice is once");
        assert_eq!(
            after,
            json!({
                "schemas": ["core", X], "id": "7", "userName": "ada", "Active": false, "nickName": "A",
                "name": { "formatted": "x", "givenname": "Ada", "familyName": "L" },
                "roles": [{ "value": "c" }, { "value": "d" }], X: { "department": "Risk" },
            })
        );
    }
}
