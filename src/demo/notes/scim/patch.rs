//! PATCH on a user (RFC 7644, section 3.5.2), on the resource as a value.

use super::filter::Equals;
use super::refusal::Refusal;
use serde::Deserialize;
use serde_json::map::Entry;
use serde_json::{Map, Value};

/// Names as the schema writes them; clients may write them in any case.
const NAMES: [&str; 6] = ["userName", "externalId", "displayName", "active", "name", "emails"];
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:user";

/// A request to change a resource.
#[derive(Debug, Deserialize)]
pub(super) struct Patch {
    #[serde(rename = "Operations", alias = "operations")]
    pub(super) operations: Vec<Operation>,
}

/// One change.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) op: String,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) value: Value,
}

/// `[schema ":"] attribute ["[" filter "]"] ["." sub]`
struct Path<'a> {
    schema: Option<&'a str>,
    attribute: &'a str,
    filter: Option<Equals>,
    sub: Option<&'a str>,
}

impl Patch {
    /// Applies all operations in order. Where one fails, what `user` has become is to be dropped.
    ///
    /// # Errors
    /// An operation cannot be understood, or has nothing to work on.
    pub(super) fn apply(&self, user: &mut Map<String, Value>) -> Result<(), Refusal> {
        for Operation { op, path, value } in &self.operations {
            let removes = match op.to_ascii_lowercase().as_str() {
                "add" | "replace" => value.is_null(),
                "remove" => true,
                _ => {
                    return Err(Refusal::invalid("invalidSyntax", format!("there is no operation \"{op}\"")));
                }
            };
            let adds = op.eq_ignore_ascii_case("add");
            match (path, value) {
                (Some(path), _) => Path::parse(path)?.set(user, (!removes).then_some(value), adds)?,
                (None, Value::Object(values)) if !removes => {
                    for (name, value) in values {
                        match (name.starts_with("urn:"), value) {
                            (true, Value::Object(_)) => put(user.entry(name.clone()), value, adds),
                            _ => Path::parse(name)?.set(user, (!value.is_null()).then_some(value), adds)?,
                        }
                    }
                }
                _ => {
                    return Err(Refusal::invalid(
                        "noTarget",
                        "without a path, the value is an object to add or replace",
                    ));
                }
            }
        }
        Ok(())
    }
}

impl<'a> Path<'a> {
    fn parse(text: &'a str) -> Result<Self, Refusal> {
        let wrong = || Refusal::invalid("invalidPath", format!("the path \"{text}\" is not understood"));
        let (head, selection) = match text.split_once('[') {
            Some((head, rest)) => (head, Some(rest.rsplit_once(']').ok_or_else(wrong)?)),
            None => (text, None),
        };
        let (schema, head) = match head.rsplit_once(':') {
            Some((schema, head)) => (Some(schema).filter(|schema| !schema.eq_ignore_ascii_case(CORE)), head),
            None => (None, head),
        };
        let (filter, attribute, sub) = match selection {
            Some((filter, after)) => (Some(Equals::parse(filter)?), head, after.strip_prefix('.')),
            None => match head.split_once('.') {
                Some((attribute, sub)) => (None, attribute, Some(sub)),
                None => (None, head, None),
            },
        };
        if attribute.is_empty() {
            return Err(wrong());
        }
        let attribute = canonical(attribute);
        if ["id", "meta", "groups"].contains(&attribute) {
            return Err(Refusal::invalid("mutability", format!("{attribute} is read-only")));
        }
        Ok(Self { schema, attribute, filter, sub })
    }

    /// Sets what the path names to `value`, or removes it.
    fn set(&self, user: &mut Map<String, Value>, value: Option<&Value>, adds: bool) -> Result<(), Refusal> {
        let holder = match self.schema {
            Some(schema) => object(user.entry(schema)),
            None => Some(user),
        };
        let holder = holder.ok_or_else(|| self.no_target())?;
        match (&self.filter, self.sub, value) {
            (None, None, Some(value)) => put(holder.entry(self.attribute), value, adds),
            (None, None, None) => drop(holder.remove(self.attribute)),
            (None, Some(sub), _) => {
                let within = object(holder.entry(self.attribute)).ok_or_else(|| self.no_target())?;
                set_or_remove(within, sub, value);
            }
            (Some(filter), sub, _) => {
                let elements = holder.get_mut(self.attribute).and_then(Value::as_array_mut);
                let elements = elements.ok_or_else(|| self.no_target())?;
                let mut matched = false;
                elements.retain_mut(|element| {
                    let matches = element.get(&filter.attribute) == Some(&filter.value);
                    matched |= matches;
                    match (matches, sub, element, value) {
                        (true, Some(sub), Value::Object(element), _) => set_or_remove(element, sub, value),
                        (true, None, element, Some(value)) => *element = value.clone(),
                        (true, None, _, None) => return false,
                        _ => {}
                    }
                    true
                });
                if !matched && value.is_some() {
                    return Err(self.no_target());
                }
            }
        }
        Ok(())
    }

    fn no_target(&self) -> Refusal {
        Refusal::invalid("noTarget", format!("nothing in \"{}\" fits the path", self.attribute))
    }
}

/// The name that the schema gives an attribute.
pub(super) fn canonical(name: &str) -> &str {
    NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name)).unwrap_or(name)
}

/// Objects are merged, and what is added to a list is appended unless it is there; all else is replaced.
fn put(entry: Entry<'_>, value: &Value, adds: bool) {
    match (entry.or_insert(Value::Null), value) {
        (Value::Object(old), Value::Object(new)) => {
            old.extend(new.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        (Value::Array(old), new) if adds => {
            let new = new.as_array().map_or(std::slice::from_ref(new), Vec::as_slice);
            for element in new {
                if !old.contains(element) {
                    old.push(element.clone());
                }
            }
        }
        (old, new) => *old = new.clone(),
    }
}

fn object(entry: Entry<'_>) -> Option<&mut Map<String, Value>> {
    entry.or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

fn set_or_remove(object: &mut Map<String, Value>, name: &str, value: Option<&Value>) {
    match value {
        Some(value) => drop(object.insert(name.to_owned(), value.clone())),
        None => drop(object.remove(name)),
    }
}
